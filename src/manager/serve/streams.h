// What the services of the node protocol do alike with a stream to a node: read the message that
// opens it, and write what comes into its Outbox at the node's speed.
//
// Thread: the control thread. What is long is encoded on the pool.
#pragma once

#include <string>

#include "codec/wire/dispatcher.h"
#include "codec/wire/networks.h"
#include "manager/serve/outbox.h"
#include "rpc/call.h"

namespace shoal::manager {

// Encoding more changes than this takes longer than the control thread may be held up.
inline constexpr size_t kChangesOnLoopMax = 200;

// How the stream of a node that opens another one ends.
inline Error replaced() {
  return {ErrorCode::Cancelled, "another stream took its place"};
}
// Between two terms.
inline std::unexpected<Error> no_leader() {
  return unavailable("the manager is not ready");
}

// The one message that opens a stream.
inline os::Co<Result<std::string>> opening(rpc::Call& call) {
  auto bytes = co_await call.read();
  if (!bytes) co_return std::unexpected(bytes.error());
  if (!*bytes) co_return invalid_argument("the call has no request");
  co_return std::move(**bytes);
}

template <class Message>
bool takes_long(const Message& message) {
  if constexpr (requires { message.changes.size(); }) {
    return message.changes.size() > kChangesOnLoopMax;
  }
  return false;
}

// Writes what comes into the outbox until it or the call ends; says why.
template <class Message>
os::Co<Result<void>> write_out(os::Loop& loop, rpc::Call& call, Outbox<Message>& outbox) {
  const os::StopToken gone = call.cancelled();
  for (;;) {
    auto message = co_await outbox.take(gone);
    if (!message) co_return std::unexpected(message.error());
    std::string bytes;
    if (takes_long(*message)) {
      bytes = co_await loop.offload([&message] { return wire::encode(*message); });
    } else {
      bytes = wire::encode(*message);
    }
    CO_RETURN_IF_ERROR(co_await call.write(std::move(bytes)));
  }
}

}  // namespace shoal::manager
