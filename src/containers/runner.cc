#include "containers/runner.h"

#include "containers/copy_up.h"
#include "containers/endpoint.h"
#include "containers/files.h"
#include "containers/health.h"
#include "containers/merge.h"
#include "containers/parallel.h"
#include "containers/records.h"
#include "engine/engine.h"
#include "images/image_store.h"

namespace shoal::containers {
namespace {

constexpr std::string_view kContainerMode = "container:";

bool shares_network(const Entry& entry) {
  return entry.config.network_mode.starts_with(kContainerMode);
}

// The mounts of the engine: volumes by path, binds and tmpfs as they were asked for.
// Docker's socket is ours: dashboards and proxies that mount it find this node behind it.
std::vector<model::Mount> resolved_mounts(const Entry& entry, const std::string& api_socket) {
  std::vector<model::Mount> mounts = entry.config.spec.mounts;
  for (auto& mount : mounts) {
    if (mount.type == model::MountType::Bind && is_docker_socket(mount.source) &&
        !api_socket.empty()) {
      mount.source = api_socket;
      continue;
    }
    for (const auto& point : entry.mounts) {
      if (point.target == mount.target) mount.source = point.source;
    }
  }
  return mounts;
}

std::string process_namespace(const Entry& entry, std::string_view kind) {
  return fmt::format("/proc/{}/ns/{}", entry.state.pid, kind);
}

}  // namespace

Runner::Runner(Machine& machine, Networks& networks, Table& table, Execs& execs, Emit emit,
               Remove remove)
    : machine_(machine),
      connector_(machine, networks),
      table_(table),
      execs_(execs),
      emit_(std::move(emit)),
      remove_(std::move(remove)) {}

os::Co<Result<void>> Runner::start(EntryRef entry) {
  auto up = co_await bring_up(entry);
  if (up) {
    on_running(entry);
    co_return up;
  }
  for (const auto& waiting : std::exchange(entry->attaching, {})) {
    waiting.set(std::unexpected(up.error()));
  }
  co_await take_down(entry);
  entry->state.exit_code = engine::start_failure_code(up.error());
  entry->state.error = up.error().message;
  entry->last_exit = {
      .code = entry->state.exit_code, .error = up.error().message, .at = machine_.loop.now()};
  if (entry->state.status == Status::Restarting) entry->state.status = Status::Exited;
  entry->begun_in.clear();
  emit_(entry, "die", {{"exitCode", std::to_string(entry->state.exit_code)}});
  entry->changed.notify();
  if (!entry->removing) co_await save(entry, runs_after_reboot(*entry));
  if (entry->config.auto_remove && !entry->removing) {
    if (auto gone = co_await remove_(entry); !gone) {
      machine_.log.warn("removing a container failed",
                        {{"container", entry->id}, {"reason", gone.error().message}});
    }
  }
  co_return up;
}

os::Co<Result<void>> Runner::bring_up(EntryRef entry) {
  entry->giving_up = os::StopSource();
  engine::ContainerDescription description;
  CO_RETURN_IF_ERROR(co_await prepare(entry, description));
  auto run = co_await machine_.engine.create(std::move(description), entry->giving_up.token());
  if (!run) co_return std::unexpected(run.error());
  entry->run = *run;
  co_await serve_attachments(entry);
  CO_RETURN_IF_ERROR(co_await entry->run->start());
  co_return Result<void>{};
}

// Mounting and connecting take about as long as each other, and neither needs the other.
os::Co<Result<void>> Runner::prepare(EntryRef entry, engine::ContainerDescription& description) {
  CO_ASSIGN_OR_RETURN(const auto image, machine_.images.resolve(entry->image_id));
  CO_RETURN_IF_ERROR(join_namespaces(*entry, description));
  const auto mounted = begin(machine_.images.mount_rootfs(entry->id, image));
  if (needs_endpoint(entry->config)) {
    auto connected = co_await connector_.connect(entry);
    if (!connected) {
      co_await mounted;
      co_return connected;
    }
    description.network_namespace = entry->connections.netns_path;
  }
  auto rootfs = co_await mounted;
  if (!rootfs) co_return std::unexpected(rootfs.error());
  description.rootfs = rootfs->path;
  CO_RETURN_IF_ERROR(co_await write_files(entry));
  CO_RETURN_IF_ERROR(co_await fill_volumes(entry, rootfs->path));

  description.id = entry->id;
  description.config = entry->config;
  description.config.spec.env = process_environment(entry->config.spec.env);
  description.config.spec.mounts = resolved_mounts(*entry, machine_.api_socket);
  description.cgroup_parent = entry->config.cgroup_parent;
  description.log_path = entry->log_path;
  co_return Result<void>{};
}

Result<EntryRef> Runner::running_other(std::string_view mode) const {
  ASSIGN_OR_RETURN(auto other, table_.find(mode.substr(kContainerMode.size())));
  if (!other->state.is_running()) {
    return conflict("cannot join the namespace of container {}: it is not running", other->name);
  }
  return other;
}

Result<void> Runner::join_namespaces(const Entry& entry,
                                     engine::ContainerDescription& description) const {
  const auto& config = entry.config;
  std::string files_from = entry.folder;
  if (shares_network(entry)) {
    ASSIGN_OR_RETURN(const auto other, running_other(config.network_mode));
    description.network_namespace = process_namespace(*other, "net");
    files_from = other->folder;
  }
  if (config.pid_mode.starts_with(kContainerMode)) {
    ASSIGN_OR_RETURN(const auto other, running_other(config.pid_mode));
    description.pid_namespace = process_namespace(*other, "pid");
  }
  if (config.ipc_mode.starts_with(kContainerMode)) {
    ASSIGN_OR_RETURN(const auto other, running_other(config.ipc_mode));
    description.ipc_namespace = process_namespace(*other, "ipc");
  }
  description.provided_mounts = node_file_mounts(files_from);
  return {};
}

// With the record: it names the endpoint, which the next daemon must know to keep it, and says that
// a start was begun.
os::Co<Result<void>> Runner::write_files(EntryRef entry) {
  entry->begun_in = machine_.engine.epoch();
  NodeFiles files = node_files(*entry);
  auto write = [files = std::move(files), record = record_text(*entry), folder = entry->folder,
                synced = runs_after_reboot(*entry)]() -> Result<void> {
    RETURN_IF_ERROR(write_node_files(files));
    return write_record(folder, record, synced);
  };
  co_return co_await machine_.loop.offload(std::move(write));
}

os::Co<Result<void>> Runner::fill_volumes(EntryRef entry, std::string rootfs) {
  for (const auto& mount : entry->config.spec.mounts) {
    if (mount.type != model::MountType::Volume || mount.volume_no_copy) continue;
    for (const auto& point : entry->mounts) {
      if (point.target != mount.target) continue;
      auto copied = co_await copy_up(machine_.loop, rootfs, point.target, point.source);
      if (!copied) co_return copied;
    }
  }
  co_return Result<void>{};
}

os::Co<> Runner::serve_attachments(EntryRef entry) {
  while (!entry->attaching.empty()) {
    const auto waiting = entry->attaching.back();
    entry->attaching.pop_back();
    waiting.set(co_await entry->run->attach());
  }
}

void Runner::on_running(EntryRef entry) {
  auto& state = entry->state;
  state = State{.status = Status::Running,
                .pid = entry->run->pid(),
                .started_at = entry->run->started_at(),
                .finished_at = state.finished_at};  // Of the run before, as Docker keeps it.
  emit_(entry, "start", {});
  follow(entry);
  entry->changed.notify();
}

void Runner::adopt(EntryRef entry) {
  os::spawn(adopt_connections(entry));
  follow(entry);
}

os::Co<> Runner::unlink(EntryRef entry) {
  entry->connections.bridges.clear();  // The node forgot them when it started without them.
  entry->connections.netns_path.clear();
  const auto gone = co_await connector_.disconnect(entry);
  if (gone) co_return;
  machine_.log.warn(
      "cleaning up after a container failed",
      {{"container", entry->id}, {"at", "network"}, {"reason", gone.error().message}});
}

os::Co<> Runner::adopt_connections(EntryRef entry) {
  const auto held = co_await entry->lock.acquire();
  if (!entry->run || entry->connections.netns_path.empty()) co_return;
  const Connections before = entry->connections;
  co_await connector_.adopt(entry);
  if (entry->connections == before) co_return;
  show_connection(*entry);
  co_await save(entry, false);
}

os::Co<Result<void>> Runner::join(EntryRef entry, model::NetworkConnection connection) {
  if (entry->run) {
    CO_RETURN_IF_ERROR(co_await connector_.join(entry, std::move(connection)));
  } else {
    entry->config.networks.push_back(std::move(connection));
    hide_connection(*entry);
  }
  co_await save(entry, true);
  co_return Result<void>{};
}

os::Co<Result<void>> Runner::leave(EntryRef entry, std::string network) {
  Result<void> left;
  if (entry->run) {
    left = co_await connector_.leave(entry, std::move(network));
  } else {
    std::erase_if(entry->config.networks,
                  [&](const auto& connection) { return connection.network == network; });
    hide_connection(*entry);
  }
  co_await save(entry, true);
  co_return left;
}

void Runner::follow(EntryRef entry) {
  show_connection(*entry);
  if (entry->has_health_check()) {
    entry->state.health.status = HealthStatus::Starting;
    os::spawn(monitor_health(machine_.loop, machine_.rng, entry, [this, entry] {
      emit_(entry, fmt::format("health_status: {}", health_name(entry->state.health.status)), {});
    }));
  }
  os::spawn(watch(entry, entry->run));
}

os::Co<> Runner::watch(EntryRef entry, std::shared_ptr<engine::Container> run) {
  auto status = co_await run->wait();
  if (!status) status = engine::ExitStatus{.code = 255, .error = status.error().message};
  const auto held = co_await entry->lock.acquire();
  if (entry->run != run) co_return;
  co_await finish(entry, *status);
  co_await after_end(entry);
}

os::Co<> Runner::finish(EntryRef entry, engine::ExitStatus status) {
  if (!entry->run) co_return;
  auto& state = entry->state;
  const Time ended_at = status.finished_at.is_set() ? status.finished_at : machine_.loop.now();
  const Duration lasted = ended_at - state.started_at;
  if (lasted >= kRunThatHeld) entry->restart_pause = Duration{0};
  state.status = wants_restart(*entry, status.code) ? Status::Restarting : Status::Exited;
  state.pid = 0;
  state.exit_code = status.code;
  state.oom_killed = status.oom_killed;
  state.error = status.error;
  state.finished_at = ended_at;
  entry->last_exit = {status.code, status.oom_killed, status.error, ended_at};
  co_await write_end(entry);
  ++entry->ended_runs;
  if (status.oom_killed) emit_(entry, "oom", {});
  emit_(entry, "die",
        {{"exitCode", std::to_string(status.code)}, {"execDuration", std::to_string(lasted / 1s)}});
  execs_.forget(entry->id);
  entry->changed.notify();
  co_await take_down(entry);
}

// Before it is told, and before the engine forgets how it ended: whichever moment the daemon is
// killed at, one of the two knows.
os::Co<> Runner::write_end(EntryRef entry) {
  entry->begun_in.clear();
  if (entry->removing) co_return;  // That is written down already.
  if (!entry->config.auto_remove) co_return co_await save(entry, runs_after_reboot(*entry));
  auto begin = [folder = entry->folder] { return begin_removal(folder, true); };
  const auto begun = co_await machine_.loop.offload(std::move(begin));
  if (!begun) {
    machine_.log.warn("removing a container failed",
                      {{"container", entry->id}, {"reason", begun.error().message}});
  }
}

// Best effort: what fails here is found again when the container is removed or the daemon starts.
os::Co<> Runner::take_down(EntryRef entry) {
  const auto complain = [&](std::string_view what, const Result<void>& result) {
    if (result || result.error().code == ErrorCode::NotFound) return;
    machine_.log.warn("cleaning up after a container failed",
                      {{"container", entry->id}, {"at", what}, {"reason", result.error().message}});
  };
  std::optional<os::OneShot<Result<void>>> disconnected;
  if (!entry->connections.netns_path.empty()) disconnected = begin(connector_.disconnect(entry));
  const auto unmounted = begin(machine_.images.unmount_rootfs(entry->id));
  if (entry->run) complain("process", co_await entry->run->remove());
  complain("root file system", co_await unmounted);
  if (disconnected) complain("network", co_await *disconnected);
  entry->run = nullptr;
  hide_connection(*entry);
}

os::Co<> Runner::save(EntryRef entry, bool synced) {
  auto write = [folder = entry->folder, text = record_text(*entry), synced] {
    return write_record(folder, text, synced);
  };
  const auto written = co_await machine_.loop.offload(std::move(write));
  if (!written) {
    machine_.log.warn("writing a container's record failed",
                      {{"container", entry->id}, {"reason", written.error().message}});
  }
}

bool Runner::wants_restart(const Entry& entry, int exit_code) const {
  if (entry.removing || entry.stopped_by_user) return false;
  switch (entry.config.restart) {
    case model::ContainerRestart::No:
      return false;
    case model::ContainerRestart::Always:
    case model::ContainerRestart::UnlessStopped:
      return true;
    case model::ContainerRestart::OnFailure:
      return exit_code != 0 && (entry.config.restart_max_attempts == 0 ||
                                entry.restart_count < entry.config.restart_max_attempts);
  }
  return false;
}

os::Co<> Runner::after_end(EntryRef entry) {
  if (entry->removing) co_return;
  if (entry->config.auto_remove) {
    if (auto gone = co_await remove_(entry); !gone) {
      machine_.log.warn("removing a container failed",
                        {{"container", entry->id}, {"reason", gone.error().message}});
    }
    co_return;
  }
  if (entry->state.status != Status::Restarting) co_return;
  const Duration pause =
      std::min(std::max(entry->restart_pause * 2, kRestartPauseMin), kRestartPauseMax);
  entry->restart_pause = pause;
  os::spawn(restart_later(entry, pause, entry->ended_runs));
}

os::Co<> Runner::restart_later(EntryRef entry, Duration pause, uint64_t ended_runs) {
  co_await machine_.loop.sleep(pause);
  const auto held = co_await entry->lock.acquire();
  // Stopped, removed, or started by hand meanwhile.
  if (entry->state.status != Status::Restarting || entry->ended_runs != ended_runs) co_return;
  ++entry->restart_count;
  if (auto started = co_await start(entry); started || entry->removed) co_return;
  if (!wants_restart(*entry, entry->state.exit_code)) co_return;
  entry->state.status = Status::Restarting;
  co_await after_end(entry);
}

}  // namespace shoal::containers
