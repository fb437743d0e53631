// ReachGate: what a manager may ask of this node's API on behalf of its clients: the requests of
// model::reach_target(), about containers of the tasks that are assigned to this node. Everything
// else is refused with 403 and the reason, whoever asks.
//
// Control thread. Lives as long as the link.
#pragma once

#include <functional>
#include <string>

#include "agent/reach_host.h"
#include "containers/containers.h"
#include "model/common.h"

namespace shoal::agent {

// What admit() has to know of this node.
struct ReachFacts {
  struct Owner {
    std::string id;  // of the container, all of it
    model::Labels labels;
  };
  // NotFound, in Docker's words, when there is no such thing.
  std::function<Result<Owner>(const std::string& ref)> container;
  std::function<Result<Owner>(const std::string& exec)> owner_of_exec;
  std::function<bool(const model::TaskId&)> has_task;
};

// The request as it is let in: it names the container by its whole id. PermissionDenied with the
// reason, or the facts' error.
Result<model::ReachRequest> admit(model::ReachRequest request, const ReachFacts& facts);

class ReachGate final : public ReachHost {
 public:
  // All outlive it. `has_task`: the task is assigned to this node.
  ReachGate(containers::Containers& containers, std::function<bool(const model::TaskId&)> has_task,
            ReachHost& behind);

  os::Co<Result<void>> answer(model::ReachRequest request, ReachVisit& visit) override;

 private:
  ReachFacts facts_;
  ReachHost& behind_;
};

// Answers with the error as Docker's API says it.
os::Co<Result<void>> refuse(Error error, ReachVisit& visit);

}  // namespace shoal::agent
