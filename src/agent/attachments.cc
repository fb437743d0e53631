#include "agent/attachments.h"

#include <utility>

namespace shoal::agent {

os::Co<Result<model::NetworkConnection>> Attachments::attach(std::string container_id,
                                                             std::vector<std::string> names,
                                                             model::NetworkConnection asked,
                                                             os::StopToken stop) {
  model::AttachRequest request;
  request.container_id = container_id;
  request.network.target = asked.name;
  request.network.aliases = std::move(names);
  if (!asked.address.empty()) request.network.addresses = {asked.address};

  const os::StopSource over;
  const auto stopped = stop.on_stop([&over] { over.stop(); });
  const auto late = loop_.at(loop_.now() + kAttachedWithin, [&over] { over.stop(); });
  const auto waits = waiting_.insert(container_id);
  const auto id = co_await ask_until(std::move(request), over.token());
  Attached attached = id ? Attached(asked) : std::unexpected(id.error());
  if (id) attached = co_await await_assignment(*id, std::move(asked), over.token());
  waiting_.erase(waits);
  if (attached && stop.stopped()) attached = cancelled("the container is not wanted any more");
  if (attached) held_[*id] = std::move(container_id);
  if (id && !attached) give_back(*id);
  co_return attached;
}

void Attachments::ask(Manager manager) {
  manager_ = std::move(manager);
  ready_ = true;
}

// A manager that cannot be reached now may be in a moment: this daemon has just started, or another
// node takes over.
os::Co<Result<model::TaskId>> Attachments::ask_until(model::AttachRequest request,
                                                     os::StopToken over) {
  for (;;) {
    Result<model::TaskId> id = unavailable("this node has not found a manager yet");
    if (manager_.attach) {
      model::AttachRequest again = request;
      id = co_await manager_.attach(std::move(again));
    } else if (ready_) {
      id = not_found("network {} not found", request.network.target);
    }
    if (id || id.error().code != ErrorCode::Unavailable) co_return id;
    const bool waits = co_await loop_.sleep(kAttachAgainEvery, over);
    if (!waits) co_return id;
  }
}

os::Co<Attachments::Attached> Attachments::await_assignment(const model::TaskId& id,
                                                            model::NetworkConnection asked,
                                                            os::StopToken over) {
  bool waits = true;
  while (waits && !assigned_.contains(id)) waits = co_await changed_.wait(over);
  const auto at = assigned_.find(id);
  if (at == assigned_.end()) co_return unavailable("the manager does not say its address");
  const model::Ref<model::Task> task = at->second;
  CO_ASSIGN_OR_RETURN(const auto connections, co_await networks_.connections_of(*task, over));
  if (connections.size() != 1) co_return internal_error("{} networks", connections.size());
  model::NetworkConnection attached = connections.front();
  attached.address = std::move(asked.address);
  attached.aliases = std::move(asked.aliases);
  attached.attachable = true;
  attached.attachment = id.str();
  co_return attached;
}

void Attachments::detach(const std::string& attachment) {
  const auto id = model::TaskId::parse(attachment);
  if (!id || held_.erase(*id) == 0) return;
  give_back(*id);
}

// Both ways: the task ends as any other, and a manager that knows of it at once has its address
// free for the next start.
void Attachments::give_back(const model::TaskId& id) {
  loop_.post([this, id] { handler_(Outcome{id, Exited{}}); });
  if (manager_.detach) os::spawn(release(id));
}

os::Co<> Attachments::release(model::TaskId id) {
  const auto released = co_await manager_.detach(id);
  if (released || released.error().code == ErrorCode::NotFound) co_return;
  log_.warn("a container's attachment to a network of the swarm ends later",
            {{"task", id.str()}, {"reason", released.error().message}});
}

bool Attachments::concerns(const Operation& operation) const {
  if (operation.task) return model::is_attachment(*operation.task);
  return held_.contains(operation.task_id) || assigned_.contains(operation.task_id);
}

Result<Outcome> Attachments::perform(const Operation& operation) {
  const model::TaskId& id = operation.task_id;
  switch (operation.kind) {
    case OperationKind::Prepare:
    case OperationKind::Start: {
      const std::string& container = operation.task->spec->attachment->container_id;
      if (!held_.contains(id) && !waiting_.contains(container)) {
        return failed_precondition("the container is not attached to the network any more");
      }
      assigned_[id] = operation.task;
      changed_.notify();
      const model::ContainerStatus status{.container_id = container};
      if (operation.kind == OperationKind::Prepare) return Outcome{id, Prepared{status}};
      return Outcome{id, Started{.container = status, .host_ports = {}}};
    }
    case OperationKind::Stop:
      assigned_.erase(id);
      return Outcome{id, Stopped{}};
    case OperationKind::Remove:
      assigned_.erase(id);
      held_.erase(id);
      return Outcome{id, Removed{}};
  }
  CHECK(false, "no such operation");
}

std::vector<FoundContainer> Attachments::found(const containers::Containers& containers) {
  std::vector<FoundContainer> all;
  for (const auto& container : containers.list()) {
    if (!container->state.is_running()) continue;
    for (const auto& connection : container->config.networks) {
      const auto id = model::TaskId::parse(connection.attachment);
      if (connection.attachment.empty() || !id) continue;
      held_[*id] = container->id;
      all.push_back({*id,
                     FoundContainer::Condition::Running,
                     model::ContainerStatus{.container_id = container->id},
                     {}});
    }
  }
  return all;
}

}  // namespace shoal::agent
