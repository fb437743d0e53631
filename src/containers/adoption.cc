// Containers::open: what an earlier daemon, or the power cut, left behind.
#include <algorithm>
#include <filesystem>

#include "containers/endpoint.h"
#include "containers/impl.h"
#include "containers/parallel.h"
#include "containers/records.h"
#include "engine/engine.h"
#include "images/image_store.h"
#include "os/file.h"

namespace shoal::containers {
namespace {

// What Docker gives a container whose end nobody saw.
constexpr int kUnknownExitCode = 255;

std::vector<std::string> names_in(const std::string& folder) {
  std::vector<std::string> names;
  std::error_code error;
  for (const auto& item : std::filesystem::directory_iterator(folder, error)) {
    names.push_back(item.path().filename());
  }
  std::sort(names.begin(), names.end());
  return names;
}

// The anonymous volumes of a container that was being removed together with them.
std::vector<std::string> own_volumes(const Result<EntryRef>& removing) {
  std::vector<std::string> names;
  if (!removing) return names;
  for (const auto& point : (*removing)->mounts) {
    if (point.anonymous) names.push_back(point.name);
  }
  return names;
}

}  // namespace

os::Co<Result<void>> Containers::Impl::open() {
  CO_RETURN_IF_ERROR(co_await volumes.open());
  std::vector<std::string> orphaned;
  auto entries = co_await read_records(orphaned);
  if (!entries) co_return std::unexpected(entries.error());
  for (const auto& entry : *entries) {
    if (auto taken = table.reserve(entry->name, entry->id); !taken) {
      entry->name = entry->id;  // Two with one name: a rename was cut off. Keep both.
      (void)table.reserve(entry->name, entry->id);
    }
    table.insert(entry);
  }
  auto engine_ids = co_await machine.engine.list();
  if (!engine_ids) co_return std::unexpected(engine_ids.error());

  for (const auto& entry : *entries) {
    const bool known = std::binary_search(engine_ids->begin(), engine_ids->end(), entry->id);
    co_await adopt(entry, known);
  }
  CO_RETURN_IF_ERROR(co_await start_network(*entries));
  if (machine.overlays) CO_RETURN_IF_ERROR(co_await machine.overlays->start());
  co_await remove_strangers(std::move(*engine_ids));
  orphaned.insert(orphaned.end(), volumes.unclaimed().begin(), volumes.unclaimed().end());
  co_await remove_volumes(std::move(orphaned));
  for (const auto& entry : *entries) os::spawn(settle(entry));
  co_return Result<void>{};
}

os::Co<Result<void>> Containers::Impl::start_network(const std::vector<EntryRef>& entries) {
  netdriver::KnownNetworks known;
  auto bridges = co_await networks.open();
  if (!bridges) co_return std::unexpected(bridges.error());
  known.bridges = std::move(*bridges);
  for (const auto& entry : entries) {
    if (!entry->state.is_running() || entry->connections.netns_path.empty()) continue;
    known.containers.push_back(entry->id);
    const auto& endpoints = entry->connections.bridges;
    known.endpoints.insert(known.endpoints.end(), endpoints.begin(), endpoints.end());
  }
  auto started = co_await machine.network.start(std::move(known));
  if (started) networks.on_started();
  co_return started;
}

os::Co<Result<std::vector<EntryRef>>> Containers::Impl::read_records(
    std::vector<std::string>& orphaned) {
  struct Found {
    std::string folder;
    Result<EntryRef> entry;
    std::vector<std::string> volumes;  // of one whose removal was cut off
  };
  const std::string root = machine.data_root + "/containers";
  auto read = [root]() -> Result<std::vector<Found>> {
    RETURN_IF_ERROR(os::make_folders(root, 0710));
    std::vector<Found> found;
    for (const auto& name : names_in(root)) {
      const std::string folder = root + "/" + name;
      auto entry = read_record(folder);
      if (entry && (*entry)->id != name) entry = internal_error("it is that of {}", (*entry)->id);
      auto own = entry ? std::vector<std::string>{} : own_volumes(read_removing(folder));
      // Made or removed only in part, or damaged by a power cut: nobody was told that it exists.
      if (!entry) RETURN_IF_ERROR(os::remove_tree(folder));
      found.push_back({folder, std::move(entry), std::move(own)});
    }
    return found;
  };
  auto found = co_await machine.loop.offload(std::move(read));
  if (!found) co_return std::unexpected(found.error());
  std::vector<EntryRef> entries;
  for (auto& [folder, entry, own] : *found) {
    orphaned.insert(orphaned.end(), own.begin(), own.end());
    if (entry) {
      entries.push_back(std::move(*entry));
    } else {
      machine.log.warn("half a container was removed",
                       {{"folder", folder}, {"reason", entry.error().message}});
    }
  }
  co_return entries;
}

// Only looks; ends and leftovers are dealt with in settle(), when the network is up.
os::Co<> Containers::Impl::adopt(EntryRef entry, bool engine_knows) {
  auto& state = entry->state;
  if (engine_knows) {
    auto run = co_await machine.engine.adopt(entry->id);
    if (run && (*run)->state() != engine::RunState::Created) {
      entry->run = *run;
      const bool paused = (*run)->state() == engine::RunState::Paused;
      state.status = paused ? Status::Paused : Status::Running;
      state.pid = (*run)->pid();
      state.started_at = (*run)->started_at();
      co_await execs.adopt(entry->id);
      co_return;  // One that has ended meanwhile is found so by its watch.
    }
    (void)co_await machine.engine.discard(entry->id);  // Never started: as if it was not made.
  }
  hide_connection(*entry);
  const std::string begun_in = std::exchange(entry->begun_in, "");
  // In this epoch whatever ran is known to the engine until its end is written down.
  const bool went_down = !begun_in.empty() && begun_in != machine.engine.epoch();
  if (!went_down && !state.is_running()) co_return;
  entry->end_unseen = true;
  state.status = Status::Exited;
  state.pid = 0;
  state.exit_code = kUnknownExitCode;
  state.finished_at = machine.loop.now();
  entry->last_exit = {.code = kUnknownExitCode, .at = state.finished_at};
}

// Follows what runs, removes what asked for it, takes away what is left of runs that are over, and
// starts what shall always run.
os::Co<> Containers::Impl::settle(EntryRef entry) {
  if (entry->run) {
    runner.adopt(entry);
    co_return;
  }
  const auto held = co_await entry->lock.acquire();
  const auto& state = entry->state;
  const bool ran = state.status != Status::Created;
  co_await runner.unlink(entry);
  (void)co_await machine.images.unmount_rootfs(entry->id);
  if (entry->config.auto_remove && ran) {
    (void)co_await remove_now(entry, true);
    co_return;
  }
  if (entry->end_unseen) co_await runner.save(entry, false);
  if (state.status == Status::Restarting) {
    co_await runner.after_end(entry);  // It was in the pause before a restart.
    co_return;
  }
  // As Docker's daemon when it starts: `always` also brings back what the user had stopped.
  const bool always = entry->config.restart == model::ContainerRestart::Always;
  const bool went_down = entry->end_unseen && runner.wants_restart(*entry, kUnknownExitCode);
  const bool unless_stopped =
      entry->config.restart == model::ContainerRestart::UnlessStopped && !entry->stopped_by_user;
  if (ran && (always || unless_stopped || went_down)) (void)co_await runner.start(entry);
}

os::Co<> Containers::Impl::remove_volumes(std::vector<std::string> names) {
  for (const auto& name : names) {
    if (volumes.in_use(name)) {
      volumes.claim(name);
      continue;
    }
    const auto removed = co_await volumes.remove(name, true);
    if (!removed) {
      machine.log.warn("a container's volume is left",
                       {{"volume", name}, {"reason", removed.error().message}});
    }
  }
}

os::Co<> Containers::Impl::remove_strangers(std::vector<std::string> engine_ids) {
  for (const auto& id : engine_ids) {
    if (table.by_id(id)) continue;
    machine.log.warn("a container without a record was removed", {{"container", id}});
    (void)co_await machine.engine.discard(id);
  }
  for (const auto& id : machine.images.rootfs_containers()) {
    if (!table.by_id(id)) (void)co_await machine.images.remove_rootfs(id);
  }
}

}  // namespace shoal::containers
