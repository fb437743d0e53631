// Errors of the swarm's control part as Docker's clients know them: "rpc error: code = NotFound
// desc = …". Scripts match on these texts.
#pragma once

#include "base/result.h"

namespace shoal::api {

// The code stays, the message gets its prefix. Unavailable and Cancelled keep their own words.
Error rpc_error(Error error);

template <class T>
Result<T> as_rpc(Result<T> result) {
  if (!result) result.error() = rpc_error(std::move(result.error()));
  return result;
}

}  // namespace shoal::api
