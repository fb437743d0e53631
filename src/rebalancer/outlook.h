// How a rebalance of a service stands, read off the service's tasks alone: a new leader comes to
// the same answer, and nothing has to be remembered of a move.
#pragma once

#include <string>

#include "model/service.h"
#include "store/tables.h"

namespace shoal::rebalancer {

struct Outlook {
  enum class Kind {
    Settled,  // every task that is meant to run does: the next one may move
    Waits,    // something is under way that is not this rebalance's doing
    Moves,    // a slot that it moved does not run yet, or still stops where it was
    Fails,    // it must end: what it started does not run, or a task has no place
  };
  Kind kind = Kind::Settled;
  std::string reason;  // in one sentence, unless it is settled
  size_t moved = 0;    // slots that run a task made since the rebalance began

  bool operator==(const Outlook&) const = default;
};

// Of a service with a rebalance, under way or over. A slot whose restart policy gave up counts as
// settled: it stays dead.
Outlook outlook_of(const store::Tables& tables, const model::Service& service);

}  // namespace shoal::rebalancer
