#include "agent/container_executor.h"

#include <unistd.h>

#include <array>

#include "agent/task_config.h"
#include "agent/task_ports.h"

namespace shoal::agent {
namespace {

constexpr std::string_view kUnhealthy = "dockerexec: unhealthy container";

// How long a task that is told to stop has for the connections that came before: one that does not
// get round to them is stopped all the same.
constexpr Duration kAcceptedWithin = 1s;

std::vector<model::PortConfig> published_ports(const containers::Container& container) {
  std::vector<model::PortConfig> ports;
  for (const auto& binding : container.ports) {
    ports.push_back({.protocol = binding.protocol,
                     .target_port = binding.container_port,
                     .published_port = binding.host_port,
                     .mode = model::PublishMode::Host});
  }
  return ports;
}

FoundContainer::Condition condition_of(const containers::State& state) {
  if (state.is_running()) return FoundContainer::Condition::Running;
  return state.status == containers::Status::Created ? FoundContainer::Condition::Created
                                                     : FoundContainer::Condition::Exited;
}

std::string host_name() {
  std::array<char, 256> name{};
  ::gethostname(name.data(), name.size() - 1);
  return name.data();
}

}  // namespace

ContainerExecutor::ContainerExecutor(Machine machine)
    : machine_(std::move(machine)),
      images_(machine_.images),
      ingress_(machine_.ingress, machine_.log) {
  machine_.containers.on_event(
      [this](const containers::Event& event) { on_container_event(event); });
}

os::Co<model::NodeDescription> ContainerExecutor::describe() {
  model::NodeDescription node;
  node.hostname = host_name();
  node.platform = {machine_.facts.architecture, "linux"};
  node.resources.nano_cpus = int64_t(machine_.facts.cpu_count) * 1'000'000'000;
  node.resources.memory_bytes = machine_.facts.memory_bytes;
  node.engine_version = machine_.version;
  node.engine_labels = machine_.engine_labels;
  node.plugins = {{"Log", "json-file"},  {"Log", "local"},    {"Log", "none"},
                  {"Network", "bridge"}, {"Network", "host"}, {"Network", "null"},
                  {"Volume", "local"}};
  node.shoal_version = model::kShoalVersion;
  co_return node;
}

std::vector<FoundContainer> ContainerExecutor::found() {
  std::vector<FoundContainer> all = machine_.attachments.found(machine_.containers);
  for (const auto& container : machine_.containers.list({{std::string(kTaskIdLabel), ""}})) {
    const auto id = model::TaskId::parse(container->labels().at(std::string(kTaskIdLabel)));
    if (!id) continue;  // Somebody else's label.
    entries_[*id].container_id = container->id;
    if (container->state.is_running()) watch(*id);
    all.push_back({*id, condition_of(container->state), status_of(container->id),
                   published_ports(*container)});
  }
  return all;
}

void ContainerExecutor::on_task(const model::Ref<model::Task>& task) {
  // A task that was running when the daemon started has its ports back with its assignment.
  const auto found = entries_.find(task->id);
  if (found == entries_.end() || found->second.container_id.empty()) return;
  const auto container = machine_.containers.find(found->second.container_id);
  if (!container || !(*container)->state.is_running() || ingress_.has(task->id)) return;
  if (task->status.state != model::TaskState::Running) return;
  serve(*task, (*container)->id);
  // All tasks of a message at once: what is applied is the whole table, and one that lacks the
  // others' backends would turn their clients away for a moment.
  machine_.loop.post([this] { os::spawn(ingress_.apply()); });
}

void ContainerExecutor::on_outcome(std::function<void(Outcome)> handler) {
  machine_.attachments.on_outcome(handler);
  handler_ = std::move(handler);
}

os::Co<> ContainerExecutor::forget_all() {
  machine_.attachments.forget_all();
  entries_.clear();
  const auto forgotten = co_await machine_.networks.forget_all();
  if (!forgotten) {
    machine_.log.warn("a network of the swarm is left", {{"reason", forgotten.error().message}});
  }
}

os::Co<Result<void>> ContainerExecutor::apply_networks(const model::NetworksMessage& message) {
  const model::Ref<model::Node> self = node_;
  if (!self) co_return unavailable("the node is not registered yet");
  co_return co_await machine_.networks.apply(message, *self);
}

ContainerExecutor::Entry& ContainerExecutor::entry(const model::TaskId& id) {
  Entry& known = entries_[id];
  if (known.container_id.empty()) {
    const auto there = machine_.containers.list({{std::string(kTaskIdLabel), id.str()}});
    if (!there.empty()) known.container_id = there.front()->id;
  }
  return known;
}

model::ContainerStatus ContainerExecutor::status_of(const std::string& container_id) const {
  model::ContainerStatus status{.container_id = container_id};
  if (const auto container = machine_.containers.find(container_id)) {
    status.pid = (*container)->state.pid;
    status.exit_code = (*container)->state.exit_code;
  }
  return status;
}

void ContainerExecutor::run(Operation operation) {
  Entry& mine = entry(operation.task_id);
  if (operation.kind == OperationKind::Stop || operation.kind == OperationKind::Remove) {
    mine.cancel.stop();
    mine.cancel = {};
  }
  os::OneShot<bool> done;
  const auto before = std::exchange(mine.last, done);
  os::spawn(carry_out(std::move(operation), before, done));
}

os::Co<> ContainerExecutor::carry_out(Operation operation, std::optional<os::OneShot<bool>> before,
                                      os::OneShot<bool> done) {
  const os::StopToken stop_token = entries_[operation.task_id].cancel.token();
  if (before) co_await *before;
  Result<Answer> answer = co_await perform(operation, stop_token);
  if (!answer) {
    // Also a disk that is full or a runtime that does not answer: the task is better off on a node
    // where that is not so than waiting here.
    answer = Outcome{operation.task_id,
                     OperationFailed{.kind = operation.kind, .error = answer.error().message}};
  } else if (*answer && std::holds_alternative<Removed>((*answer)->result)) {
    entries_.erase(operation.task_id);
  }
  done.set(true);
  if (*answer && !stop_token.stopped()) handler_(std::move(**answer));
}

os::Co<Result<ContainerExecutor::Answer>> ContainerExecutor::perform(const Operation& operation,
                                                                     os::StopToken stop_token) {
  if (machine_.attachments.concerns(operation)) {
    CO_ASSIGN_OR_RETURN(Outcome outcome, machine_.attachments.perform(operation));
    co_return Answer(std::move(outcome));
  }
  switch (operation.kind) {
    case OperationKind::Prepare:
      co_return co_await prepare(*operation.task, stop_token);
    case OperationKind::Start:
      co_return co_await start(*operation.task, stop_token);
    case OperationKind::Stop:
      co_return co_await stop(operation);
    case OperationKind::Remove:
      co_return co_await remove(operation);
  }
  CHECK(false, "no such operation");
}

os::Co<Result<ContainerExecutor::Answer>> ContainerExecutor::prepare(const model::Task& task,
                                                                     os::StopToken stop) {
  const model::TaskId id = task.id;
  if (entry(id).container_id.empty()) {
    if (!node_) {
      co_return Outcome{id, OperationFailed{.kind = OperationKind::Prepare,
                                            .error = "the node is not registered yet",
                                            .temporary = true}};
    }
    CO_ASSIGN_OR_RETURN(model::ContainerConfig config, container_config(task, *node_));
    CO_ASSIGN_OR_RETURN(config.networks, co_await overlays_of(task, stop));
    std::string image = task.spec->container.image, auth = task.spec->container.registry_auth;
    const Result<images::ImagePtr> fetched =
        co_await images_.fetch(std::move(image), std::move(auth), stop);
    if (!fetched) co_return std::unexpected(fetched.error());
    if (stop.stopped()) co_return cancelled("the task is not wanted any more");
    CO_ASSIGN_OR_RETURN(const containers::Created created,
                        co_await machine_.containers.create(std::move(config)));
    entries_[id].container_id = created.id;
  }
  co_return Outcome{id, Prepared{{.container_id = entries_[id].container_id}}};
}

os::Co<Result<ContainerExecutor::Answer>> ContainerExecutor::start(const model::Task& task,
                                                                   os::StopToken stop) {
  const model::TaskId id = task.id;
  const std::string container = entry(id).container_id;
  const Result<bool> running = co_await machine_.containers.start(container);
  if (!running) co_return std::unexpected(running.error());
  watch(id);
  CO_ASSIGN_OR_RETURN(const containers::Readiness ready,
                      co_await machine_.containers.wait_ready(container, stop));
  // Its end is told by the watch; an unhealthy one is on its way there.
  if (ready != containers::Readiness::Ready) co_return Answer{};
  CO_RETURN_IF_ERROR(co_await await_servers(task, container, stop));
  serve(task, container);
  co_await ingress_.apply();
  Started started{.container = status_of(container)};
  if (const auto now = machine_.containers.find(container)) {
    started.host_ports = published_ports(**now);
  }
  co_return Outcome{id, std::move(started)};
}

// Who hears that a task runs sends it requests: it is told when there is somebody to answer them.
os::Co<Result<void>> ContainerExecutor::await_servers(const model::Task& task,
                                                      const std::string& container,
                                                      os::StopToken stop) {
  const auto found = machine_.containers.find(container);
  if (!found) co_return Result<void>{};  // Its end is told by the watch.
  AwaitedServers servers = awaited_servers(task, **found);
  const Result<bool> listen = co_await machine_.containers.wait_listening(
      container, std::move(servers.ports), servers.within, stop);
  if (stop.stopped()) co_return cancelled("the task is not wanted any more");
  if (listen) co_return Result<void>{};
  machine_.log.warn("cannot see whether a container listens at its ports",
                    {{"container", container}, {"reason", listen.error().message}});
  co_return Result<void>{};
}

// A manager that is not one of ours knows no mesh that this node could take part in; its tasks have
// the bridge alone.
os::Co<Result<std::vector<model::NetworkConnection>>> ContainerExecutor::overlays_of(
    const model::Task& task, os::StopToken stop) {
  if (task.networks.empty() || node_->description.shoal_version == 0) {
    co_return std::vector<model::NetworkConnection>{};
  }
  co_return co_await machine_.networks.connections_of(task, stop);
}

// A manager that is not one of ours does not say what is behind a published port: what is here is.
void ContainerExecutor::serve(const model::Task& task, const std::string& container_id) {
  if (machine_.networks.told() || (node_ && node_->description.shoal_version != 0)) return;
  const auto container = machine_.containers.find(container_id);
  if (!container || !(*container)->endpoint) return;
  const auto address = network::IpAddress::parse((*container)->endpoint->address);
  if (address) ingress_.add(task, *address);
}

os::Co<Result<ContainerExecutor::Answer>> ContainerExecutor::stop(const Operation& operation) {
  const model::TaskId id = operation.task_id;
  const std::string container = entry(id).container_id;
  if (container.empty()) co_return Outcome{id, Stopped{}};
  // No new connection reaches it from here on, and it knows of those that did; only then its stop
  // signal.
  ingress_.remove(id);
  co_await ingress_.apply();
  const Result<bool> accepted =
      co_await machine_.containers.wait_accepted(container, kAcceptedWithin);
  if (!accepted && accepted.error().code != ErrorCode::NotFound) {
    machine_.log.warn("cannot see whether a container has accepted its connections",
                      {{"container", container}, {"reason", accepted.error().message}});
  }
  const Result<bool> stopped = co_await machine_.containers.stop(container);
  if (!stopped && stopped.error().code != ErrorCode::NotFound) {
    co_return std::unexpected(stopped.error());
  }
  co_return Outcome{id, Stopped{status_of(container)}};
}

os::Co<Result<ContainerExecutor::Answer>> ContainerExecutor::remove(const Operation& operation) {
  const model::TaskId id = operation.task_id;
  const std::string container = entry(id).container_id;
  ingress_.remove(id);
  co_await ingress_.apply();
  if (!container.empty()) {
    const Result<void> removed = co_await machine_.containers.remove(
        container, containers::RemoveOptions{.force = true, .volumes = true});
    if (!removed && removed.error().code != ErrorCode::NotFound) {
      co_return std::unexpected(removed.error());
    }
  }
  co_return Outcome{id, Removed{}};
}

void ContainerExecutor::watch(const model::TaskId& id) {
  Entry& mine = entries_[id];
  if (std::exchange(mine.watched, true)) return;
  os::spawn(await_exit(id, mine.container_id));
}

os::Co<> ContainerExecutor::await_exit(model::TaskId id, std::string container) {
  const Result<containers::ExitStatus> exit =
      co_await machine_.containers.wait(container, containers::WaitCondition::NotRunning);
  const auto found = entries_.find(id);
  std::string failure;
  if (found != entries_.end()) {
    found->second.watched = false;
    failure = std::exchange(found->second.failure, {});
  }
  ingress_.remove(id);
  co_await ingress_.apply();
  Exited exited{.container = {.container_id = std::move(container)}, .error = std::move(failure)};
  if (exit) {
    exited.container.exit_code = exit->code;
    if (exited.error.empty() && exit->oom_killed) exited.error = "out of memory";
    if (exited.error.empty()) exited.error = exit->error;
  } else {
    // Removed from under us before it could be asked: killed, as far as anyone can say.
    exited.container.exit_code = 137;
  }
  handler_(Outcome{id, std::move(exited)});
}

void ContainerExecutor::on_container_event(const containers::Event& event) {
  if (event.action != "health_status: unhealthy") return;
  const auto label = event.container->labels().find(std::string(kTaskIdLabel));
  if (label == event.container->labels().end()) return;
  const auto id = model::TaskId::parse(label->second);
  if (!id || !entries_.contains(*id)) return;
  entries_[*id].failure = kUnhealthy;
  os::spawn(end_unhealthy(*id));
}

os::Co<> ContainerExecutor::end_unhealthy(model::TaskId id) {
  const std::string container = entries_[id].container_id;
  ingress_.remove(id);
  co_await ingress_.apply();
  const Result<bool> stopped = co_await machine_.containers.stop(container);
  if (!stopped) {
    machine_.log.warn("an unhealthy container does not stop",
                      {{"container", container}, {"reason", stopped.error().message}});
  }
}

}  // namespace shoal::agent
