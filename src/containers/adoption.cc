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

}  // namespace

os::Co<Result<void>> Containers::Impl::open() {
  CO_RETURN_IF_ERROR(co_await volumes.open());
  auto entries = co_await read_records();
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
  std::vector<netdriver::Endpoint> endpoints;
  for (const auto& entry : *entries) {
    if (entry->connection && entry->state.is_running()) endpoints.push_back(*entry->connection);
  }
  CO_RETURN_IF_ERROR(co_await machine.network.start(std::move(endpoints)));
  co_await remove_strangers(std::move(*engine_ids));
  for (const auto& entry : *entries) os::spawn(settle(entry));
  co_return Result<void>{};
}

os::Co<Result<std::vector<EntryRef>>> Containers::Impl::read_records() {
  struct Found {
    std::string folder;
    Result<EntryRef> entry;
  };
  const std::string root = machine.data_root + "/containers";
  auto read = [root]() -> Result<std::vector<Found>> {
    RETURN_IF_ERROR(os::make_folders(root, 0710));
    std::vector<Found> found;
    for (const auto& name : names_in(root)) {
      const std::string folder = root + "/" + name;
      auto entry = read_record(folder);
      // Made only in part, or damaged by a power cut: nobody was told that it exists.
      if (!entry || (*entry)->id != name) RETURN_IF_ERROR(os::remove_tree(folder));
      found.push_back({folder, std::move(entry)});
    }
    return found;
  };
  auto found = co_await machine.loop.offload(std::move(read));
  if (!found) co_return std::unexpected(found.error());
  std::vector<EntryRef> entries;
  for (auto& [folder, entry] : *found) {
    if (entry) {
      entries.push_back(std::move(*entry));
    } else {
      machine.log.warn("a damaged container was removed",
                       {{"folder", folder}, {"reason", entry.error().message}});
    }
  }
  co_return entries;
}

// Only looks; ends and leftovers are dealt with in settle(), when the network is up.
os::Co<> Containers::Impl::adopt(EntryRef entry, bool engine_knows) {
  auto& state = entry->state;
  const bool was_alive = state.is_running() || state.status == Status::Restarting;
  if (engine_knows) {
    auto run = co_await machine.engine.adopt(entry->id);
    if (run && (*run)->state() != engine::RunState::Created) {
      entry->run = *run;
      const bool paused = (*run)->state() == engine::RunState::Paused;
      state.status = paused ? Status::Paused : Status::Running;
      state.pid = (*run)->pid();
      state.started_at = (*run)->started_at();
      co_return;  // One that has ended meanwhile is found so by its watch.
    }
    (void)co_await machine.engine.discard(entry->id);  // Never started: as if it was not made.
  }
  hide_connection(*entry);
  if (!was_alive) co_return;
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
  const bool ran = entry->state.status != Status::Created;
  entry->connection.reset();
  (void)co_await machine.images.unmount_rootfs(entry->id);
  if (entry->config.auto_remove && ran) {
    (void)co_await remove_now(entry, true);
    co_return;
  }
  const auto policy = entry->config.restart;
  const bool restarts =
      policy == model::ContainerRestart::Always ||
      (policy == model::ContainerRestart::UnlessStopped && !entry->stopped_by_user);
  if (!restarts || !ran) co_return;
  (void)co_await runner.start(entry);
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
