#include "agent/reach_gate.h"

#include <utility>

#include "codec/json_writer.h"

namespace shoal::agent {
namespace {

constexpr std::string_view kTaskLabel = "com.docker.swarm.task.id";
// Of a path that is refused.
constexpr size_t kPathShownMax = 100;

int status_of(ErrorCode code) {
  if (code == ErrorCode::NotFound) return 404;
  return code == ErrorCode::PermissionDenied ? 403 : 400;
}

bool belongs_to_task(const ReachFacts::Owner& owner, const ReachFacts& facts) {
  const auto label = owner.labels.find(std::string(kTaskLabel));
  if (label == owner.labels.end()) return false;
  const auto task = model::TaskId::parse(label->second);
  return task && facts.has_task(*task);
}

ReachFacts::Owner owner_of(const containers::ContainerRef& container) {
  return {container->id, container->labels()};
}

}  // namespace

Result<model::ReachRequest> admit(model::ReachRequest request, const ReachFacts& facts) {
  auto target = model::reach_target(request.method, request.path);
  if (!target) {
    return permission_denied("a manager may not ask a node for {} {}", request.method,
                             request.path.substr(0, kPathShownMax));
  }
  const bool of_container = target->kind == model::ReachTarget::Kind::Container;
  ASSIGN_OR_RETURN(const auto owner,
                   of_container ? facts.container(target->id) : facts.owner_of_exec(target->id));
  if (!belongs_to_task(owner, facts)) {
    return permission_denied("container {} belongs to no task of this node", owner.id);
  }
  if (of_container) target->id = owner.id;  // A name may become another container's meanwhile.
  request.path = model::reach_path(*target);
  return request;
}

ReachGate::ReachGate(containers::Containers& containers,
                     std::function<bool(const model::TaskId&)> has_task, ReachHost& behind)
    : behind_(behind) {
  facts_.container = [&containers](const std::string& ref) -> Result<ReachFacts::Owner> {
    ASSIGN_OR_RETURN(const auto container, containers.find(ref));
    return owner_of(container);
  };
  facts_.owner_of_exec = [&containers](const std::string& id) -> Result<ReachFacts::Owner> {
    ASSIGN_OR_RETURN(const auto exec, containers.execs().find(id));
    return owner_of(exec->container);
  };
  facts_.has_task = std::move(has_task);
}

os::Co<Result<void>> ReachGate::answer(model::ReachRequest request, ReachVisit& visit) {
  auto admitted = admit(std::move(request), facts_);
  if (!admitted) co_return co_await refuse(std::move(admitted.error()), visit);
  co_return co_await behind_.answer(std::move(*admitted), visit);
}

os::Co<Result<void>> refuse(Error error, ReachVisit& visit) {
  codec::JsonWriter json;
  json.begin_object().field("message", error.message).end_object();
  model::ReachOutput output;
  output.head =
      model::ReachHead{.status = status_of(error.code), .content_type = "application/json"};
  output.bytes = json.take().substr(0, model::kReachPieceMax);
  co_return co_await visit.write(std::move(output));
}

}  // namespace shoal::agent
