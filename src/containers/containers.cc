#include "containers/containers.h"

#include <algorithm>

#include "containers/impl.h"
#include "images/image_store.h"
#include "netdriver/node_network.h"

namespace shoal::containers {
namespace {

// Docker's attributes of every container event.
model::Labels base_attributes(const Container& container) {
  model::Labels attributes = container.labels();
  attributes["image"] = container.image();
  attributes["name"] = container.name;
  return attributes;
}

bool has_labels(const Container& container, const model::Labels& wanted) {
  return std::all_of(wanted.begin(), wanted.end(), [&](const auto& want) {
    const auto at = container.labels().find(want.first);
    return at != container.labels().end() && (want.second.empty() || at->second == want.second);
  });
}

os::StopToken already_stopped() {
  const os::StopSource source;
  source.stop();
  return source.token();
}

// Restarting counts as running: the user sees one container that goes on.
bool goes_on(const Container& container) {
  return container.state.is_running() || container.state.status == Status::Restarting;
}

}  // namespace

Containers::Impl::Impl(Machine m)
    : machine(std::move(m)),
      volumes(machine, [this](const std::string& name) { return users_of_volume(name); }),
      networks({machine.loop, machine.log, machine.rng, machine.network, machine.names,
                machine.data_root}),
      execs(machine, table,
            [this](const ContainerRef& container, std::string action, model::Labels more) {
              emit(container, std::move(action), std::move(more));
            }),
      runner(
          machine, networks, table, execs,
          [this](const ContainerRef& container, std::string action, model::Labels more) {
            emit(container, std::move(action), std::move(more));
          },
          [this](EntryRef entry) { return remove_now(entry, true); }) {}

void Containers::Impl::emit(const ContainerRef& container, std::string action, model::Labels more) {
  more.merge(base_attributes(*container));
  const Event event{std::move(action), container, std::move(more), machine.loop.now()};
  for (const auto& handler : handlers) handler(event);
}

std::vector<std::string> Containers::Impl::users_of_volume(const std::string& name) const {
  std::vector<std::string> ids;
  for (const auto& [id, entry] : table.entries()) {
    const auto& mounts = entry->mounts;
    if (std::any_of(mounts.begin(), mounts.end(), [&](const auto& m) { return m.name == name; })) {
      ids.push_back(id);
    }
  }
  return ids;
}

std::string Containers::Impl::folder_of(const std::string& id) const {
  return fmt::format("{}/containers/{}", machine.data_root, id);
}

Containers::Containers(Machine machine) : impl_(std::make_unique<Impl>(std::move(machine))) {}
Containers::~Containers() = default;

os::Co<Result<void>> Containers::open() {
  return impl_->open();
}

Result<ContainerRef> Containers::find(const std::string& ref) const {
  ASSIGN_OR_RETURN(auto entry, impl_->table.find(ref));
  return entry;
}

std::vector<ContainerRef> Containers::list(const model::Labels& labels) const {
  std::vector<ContainerRef> found;
  for (const auto& [id, entry] : impl_->table.entries()) {
    if (has_labels(*entry, labels)) found.push_back(entry);
  }
  std::stable_sort(found.begin(), found.end(),
                   [](const auto& a, const auto& b) { return a->created_at > b->created_at; });
  return found;
}

void Containers::on_event(std::function<void(const Event&)> handler) {
  impl_->handlers.push_back(std::move(handler));
}

os::Co<Result<Created>> Containers::create(model::ContainerConfig config) {
  return impl_->create(std::move(config));
}

os::Co<Result<bool>> Containers::start(std::string ref) {
  CO_ASSIGN_OR_RETURN(auto entry, impl_->table.find(ref));
  co_return co_await impl_->start(entry);
}

os::Co<Result<Readiness>> Containers::wait_ready(std::string ref, os::StopToken stop) {
  CO_ASSIGN_OR_RETURN(const auto entry, impl_->table.find(ref));
  for (;;) {
    if (!entry->state.is_running()) co_return Readiness::Ended;
    const auto health = entry->state.health.status;
    if (health == HealthStatus::None || health == HealthStatus::Healthy) co_return Readiness::Ready;
    if (health == HealthStatus::Unhealthy) co_return Readiness::Unhealthy;
    if (!co_await entry->changed.wait(stop))
      co_return cancelled("waiting for {} was given up", ref);
  }
}

os::Co<Result<bool>> Containers::wait_listening(std::string ref, AwaitedPorts awaited,
                                                Duration within, os::StopToken stop) {
  CO_ASSIGN_OR_RETURN(const auto entry, impl_->table.find(ref));
  co_return co_await containers::wait_listening(impl_->machine.loop, entry, std::move(awaited),
                                                within, stop);
}

os::Co<Result<bool>> Containers::wait_accepted(std::string ref, Duration within) {
  CO_ASSIGN_OR_RETURN(const auto entry, impl_->table.find(ref));
  co_return co_await containers::wait_accepted(impl_->machine.loop, entry, within);
}

os::Co<Result<ExitStatus>> Containers::wait(std::string ref, WaitCondition condition,
                                            os::StopToken stop) {
  CO_ASSIGN_OR_RETURN(const auto entry, impl_->table.find(ref));
  const uint64_t ended_before = entry->ended_runs;
  const auto fulfilled = [&] {
    if (entry->removed) return true;
    if (condition == WaitCondition::NotRunning) return !goes_on(*entry);
    return condition == WaitCondition::NextExit && entry->ended_runs != ended_before;
  };
  while (!fulfilled()) {
    if (!co_await entry->changed.wait(stop))
      co_return cancelled("waiting for {} was given up", ref);
  }
  co_return entry->last_exit;
}

os::Co<Result<bool>> Containers::stop(std::string ref, std::optional<Duration> grace,
                                      std::string signal) {
  CO_ASSIGN_OR_RETURN(auto entry, impl_->table.find(ref));
  co_return co_await impl_->stop(entry, grace, std::move(signal));
}

os::Co<Result<void>> Containers::restart(std::string ref, std::optional<Duration> grace,
                                         std::string signal) {
  CO_ASSIGN_OR_RETURN(auto entry, impl_->table.find(ref));
  auto stopped = co_await impl_->stop(entry, grace, std::move(signal));
  if (!stopped) co_return std::unexpected(stopped.error());
  auto started = co_await impl_->start(entry);
  if (!started) co_return std::unexpected(started.error());
  impl_->emit(entry, "restart", {});
  co_return Result<void>{};
}

os::Co<Result<void>> Containers::kill(std::string ref, std::string signal) {
  CO_ASSIGN_OR_RETURN(auto entry, impl_->table.find(ref));
  co_return co_await impl_->kill(entry, std::move(signal));
}

os::Co<Result<void>> Containers::pause(std::string ref) {
  CO_ASSIGN_OR_RETURN(const auto entry, impl_->table.find(ref));
  const auto held = co_await entry->lock.acquire();
  if (entry->state.status == Status::Paused) {
    co_return conflict("container {} is already paused", entry->id);
  }
  if (!entry->run || !entry->state.is_running()) {
    co_return conflict("container {} is not running", entry->id);
  }
  CO_RETURN_IF_ERROR(co_await entry->run->pause());
  entry->state.status = Status::Paused;
  impl_->emit(entry, "pause", {});
  entry->changed.notify();
  co_return Result<void>{};
}

os::Co<Result<void>> Containers::unpause(std::string ref) {
  CO_ASSIGN_OR_RETURN(const auto entry, impl_->table.find(ref));
  const auto held = co_await entry->lock.acquire();
  if (entry->state.status != Status::Paused) {
    co_return conflict("container {} is not paused", entry->id);
  }
  CO_RETURN_IF_ERROR(co_await entry->run->resume());
  entry->state.status = Status::Running;
  impl_->emit(entry, "unpause", {});
  entry->changed.notify();
  co_return Result<void>{};
}

os::Co<Result<void>> Containers::rename(std::string ref, std::string name) {
  CO_ASSIGN_OR_RETURN(auto entry, impl_->table.find(ref));
  co_return co_await impl_->rename(entry, std::move(name));
}

os::Co<Result<void>> Containers::remove(std::string ref, RemoveOptions options) {
  CO_ASSIGN_OR_RETURN(auto entry, impl_->table.find(ref));
  co_return co_await impl_->remove(entry, options);
}

os::Co<Result<std::unique_ptr<engine::Attachment>>> Containers::attach(std::string ref,
                                                                       os::StopToken stop) {
  CO_ASSIGN_OR_RETURN(const auto entry, impl_->table.find(ref));
  impl_->emit(entry, "attach", {});
  if (entry->run && entry->state.is_running()) co_return co_await entry->run->attach();
  const PendingAttachment pending;
  entry->attaching.push_back(pending);
  const auto guard = stop.on_stop([pending] {
    pending.set(cancelled("the client went away before the container was started"));
  });
  auto attachment = co_await pending;
  co_return attachment;
}

os::Co<Result<void>> Containers::resize(std::string ref, uint16_t rows, uint16_t columns) {
  CO_ASSIGN_OR_RETURN(const auto entry, impl_->table.find(ref));
  if (!entry->run || !entry->state.is_running()) {
    co_return conflict("Container {} is not running", entry->id);
  }
  const auto run = entry->run;
  CO_RETURN_IF_ERROR(co_await run->resize(rows, columns));
  impl_->emit(entry, "resize",
              {{"height", std::to_string(rows)}, {"width", std::to_string(columns)}});
  co_return Result<void>{};
}

Result<std::unique_ptr<engine::LogReader>> Containers::logs(const std::string& ref,
                                                            engine::LogQuery query) {
  ASSIGN_OR_RETURN(const auto entry, impl_->table.find(ref));
  if (entry->log_path.empty()) {
    return failed_precondition("configured logging driver does not support reading");
  }
  if (entry->run) return entry->run->logs(std::move(query));
  return engine::open_log(impl_->machine.loop, entry->log_path, std::move(query));
}

os::Co<Result<engine::ProcessTable>> Containers::top(std::string ref, std::string ps_args) {
  CO_ASSIGN_OR_RETURN(const auto entry, impl_->table.find(ref));
  if (!entry->run || !entry->state.is_running()) {
    co_return conflict("container {} is not running", entry->id);
  }
  const auto run = entry->run;
  co_return co_await run->top(std::move(ps_args));
}

os::Co<Result<std::optional<engine::Stats>>> Containers::stats(std::string ref) {
  CO_ASSIGN_OR_RETURN(const auto entry, impl_->table.find(ref));
  if (!entry->run || !entry->state.is_running()) co_return std::nullopt;
  const auto run = entry->run;
  auto stats = co_await run->stats();
  if (!stats && stats.error().code == ErrorCode::Conflict) co_return std::nullopt;  // Just ended.
  if (!stats) co_return std::unexpected(stats.error());
  co_return *stats;
}

os::StopToken Containers::ended(const Container& container) const {
  const auto entry = impl_->table.by_id(container.id);
  return entry && entry->run ? entry->run->exited() : already_stopped();
}

os::Co<Result<uint64_t>> Containers::size_bytes(std::string ref) {
  CO_ASSIGN_OR_RETURN(const auto entry, impl_->table.find(ref));
  auto size = co_await impl_->machine.images.rootfs_size_bytes(entry->id);
  if (!size && size.error().code == ErrorCode::NotFound) co_return uint64_t{0};
  co_return size;
}

Execs& Containers::execs() {
  return impl_->execs;
}
Volumes& Containers::volumes() {
  return impl_->volumes;
}
void Containers::attach_with(Attacher& attacher) {
  impl_->runner.attach_with(attacher);
}

Networks& Containers::networks() {
  return impl_->networks;
}

os::Co<Result<void>> Containers::connect_network(std::string ref,
                                                 model::NetworkConnection connection) {
  CO_ASSIGN_OR_RETURN(auto entry, impl_->table.find(ref));
  co_return co_await impl_->connect_network(entry, std::move(connection));
}

os::Co<Result<void>> Containers::disconnect_network(std::string ref, std::string network) {
  CO_ASSIGN_OR_RETURN(auto entry, impl_->table.find(ref));
  co_return co_await impl_->disconnect_network(entry, std::move(network));
}

os::Co<Result<void>> Containers::set_ingress(std::vector<network::IngressPort> ports) {
  return impl_->machine.network.set_ports(std::move(ports));
}

}  // namespace shoal::containers
