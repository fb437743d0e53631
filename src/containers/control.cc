// Containers: start, stop, kill, rename and remove.
#include <signal.h>

#include "containers/check.h"
#include "containers/impl.h"
#include "containers/names.h"
#include "containers/parallel.h"
#include "containers/records.h"
#include "engine/log_file.h"
#include "images/image_store.h"
#include "os/file.h"

namespace shoal::containers {
namespace {

// Its log, record and files. Blocks.
Result<void> remove_folder(const std::string& folder, const std::string& log_path) {
  if (!log_path.empty()) RETURN_IF_ERROR(engine::remove_log(log_path));
  return os::remove_tree(folder);
}

}  // namespace

os::Co<Result<bool>> Containers::Impl::start(EntryRef entry) {
  const auto held = co_await entry->lock.acquire();
  if (entry->removed || entry->removing) {
    co_return conflict("container is marked for removal and cannot be started");
  }
  if (entry->state.status == Status::Paused) {
    co_return conflict("cannot start a paused container, try unpause instead");
  }
  if (entry->run) co_return false;
  entry->stopped_by_user = false;
  auto started = co_await runner.start(entry);
  if (!started) co_return std::unexpected(started.error());
  co_return true;
}

os::Co<Result<bool>> Containers::Impl::stop(EntryRef entry, std::optional<Duration> grace,
                                            std::string signal) {
  CO_ASSIGN_OR_RETURN(const int number,
                      parse_signal(signal.empty() ? entry->stop_signal() : signal));
  entry->giving_up.stop();
  std::shared_ptr<engine::Container> run;
  uint64_t ended_before = 0;
  {
    // A start that is under way ends first, one way or the other.
    const auto held = co_await entry->lock.acquire();
    entry->stopped_by_user = true;
    if (entry->state.status == Status::Restarting && !entry->run) {
      entry->state.status = Status::Exited;
      co_await runner.save(entry, true);
      entry->changed.notify();
      co_return true;
    }
    run = entry->run;
    ended_before = entry->ended_runs;
    if (run && runs_after_reboot(*entry)) co_await runner.save(entry, true);
  }
  if (!run || !entry->state.is_running()) co_return false;
  emit(entry, "kill", {{"signal", std::to_string(number)}});
  auto status = co_await run->stop(number, grace.value_or(entry->stop_grace_period()));
  if (!status) co_return std::unexpected(status.error());
  // The end is written down and told before the stop is.
  while (entry->run == run && entry->ended_runs == ended_before) co_await entry->changed.wait();
  emit(entry, "stop", {});
  co_return true;
}

os::Co<Result<void>> Containers::Impl::kill(EntryRef entry, std::string signal) {
  CO_ASSIGN_OR_RETURN(const int number, parse_signal(signal.empty() ? "SIGKILL" : signal));
  const auto not_running = [&] {
    return conflict("cannot kill container: {}: container {} is not running", entry->id, entry->id);
  };
  if (!entry->run || !entry->state.is_running()) co_return not_running();
  // A container that was told to end is not restarted by its policy.
  const auto stop_signal = parse_signal(entry->stop_signal());
  const bool ends = number == SIGKILL || (stop_signal && number == *stop_signal);
  if (ends && !entry->stopped_by_user) {
    entry->stopped_by_user = true;
    if (runs_after_reboot(*entry)) {
      const auto held = co_await entry->lock.acquire();
      if (!entry->run || !entry->state.is_running()) co_return not_running();
      co_await runner.save(entry, true);
    }
  }
  if (auto killed = entry->run->kill(number); !killed) {
    co_return killed.error().code == ErrorCode::Conflict ? not_running() : killed;
  }
  emit(entry, "kill", {{"signal", std::to_string(number)}});
  co_return Result<void>{};
}

os::Co<Result<void>> Containers::Impl::rename(EntryRef entry, std::string name) {
  CO_ASSIGN_OR_RETURN(const std::string fresh, check_container_name(name));
  const auto held = co_await entry->lock.acquire();
  if (entry->removed) co_return not_found("No such container: {}", entry->id);
  if (fresh == entry->name) {
    co_return invalid_argument("Renaming a container with the same name as its current name");
  }
  CO_RETURN_IF_ERROR(table.reserve(fresh, entry->id));
  const std::string old = std::exchange(entry->name, fresh);
  entry->config.name = fresh;
  table.release(old, entry->id);
  runner.rename(*entry);
  co_await runner.save(entry, true);
  emit(entry, "rename", {{"oldName", "/" + old}});
  co_return Result<void>{};
}

os::Co<Result<void>> Containers::Impl::remove(EntryRef entry, RemoveOptions options) {
  const Status status = entry->state.status;
  if (!options.force && status == Status::Paused) {
    co_return conflict(
        "cannot remove container \"/{}\": container is paused and must be unpaused first",
        entry->name);
  }
  if (!options.force && (entry->state.is_running() || status == Status::Restarting)) {
    co_return conflict(
        "cannot remove container \"/{}\": container is running: stop the container before removing "
        "or force remove",
        entry->name);
  }
  entry->removing = true;
  if (options.force) {
    entry->giving_up.stop();
    if (entry->run && entry->state.is_running()) {
      if (entry->run->kill(SIGKILL)) {
        emit(entry, "kill", {{"signal", std::to_string(SIGKILL)}});
      }
    }
  }
  const auto held = co_await entry->lock.acquire();
  if (entry->removed) co_return Result<void>{};
  // A start may have come between; without force it is left alone.
  if (entry->run && entry->state.is_running() && !options.force) {
    entry->removing = false;
    co_return conflict("cannot remove container \"/{}\": container is running", entry->name);
  }
  auto removed = co_await remove_now(entry, options.volumes);
  if (!removed) entry->removing = false;
  co_return removed;
}

os::Co<Result<void>> Containers::Impl::remove_now(EntryRef entry, bool with_volumes) {
  entry->removing = true;
  if (entry->run && entry->state.status == Status::Paused) {
    if (auto thawed = co_await entry->run->resume(); !thawed) co_return thawed;
  }
  // From here on a daemon that follows this one finishes the removal.
  auto begin_it = [folder = entry->folder, with_volumes] {
    return begin_removal(folder, with_volumes);
  };
  CO_RETURN_IF_ERROR(co_await machine.loop.offload(std::move(begin_it)));
  if (entry->run) {
    (void)entry->run->kill(SIGKILL);  // It may have ended by itself.
    auto status = co_await entry->run->wait();
    if (!status) co_return std::unexpected(status.error());
    co_await runner.finish(entry, *status);
  }
  entry->state.status = Status::Removing;
  const auto unmounted = begin(machine.images.remove_rootfs(entry->id));
  auto erase = [folder = entry->folder, log = entry->log_path] {
    return remove_folder(folder, log);
  };
  auto erased = co_await machine.loop.offload(std::move(erase));
  auto gone = co_await unmounted;
  if (!gone || !erased) {
    entry->state.status = Status::Dead;
    co_return !gone ? gone : erased;
  }
  table.erase(entry->id);
  entry->removed = true;
  for (const auto& waiting : std::exchange(entry->attaching, {})) {
    waiting.set(cancelled("the container was removed"));
  }
  emit(entry, "destroy", {});
  entry->changed.notify();
  if (!with_volumes) co_return Result<void>{};
  co_return co_await remove_anonymous_volumes(*entry);
}

os::Co<Result<void>> Containers::Impl::remove_anonymous_volumes(const Entry& entry) {
  for (const auto& point : entry.mounts) {
    if (!point.anonymous || volumes.in_use(point.name)) continue;
    auto volume_gone = co_await volumes.remove(point.name, true);
    if (!volume_gone) co_return volume_gone;
  }
  co_return Result<void>{};
}

}  // namespace shoal::containers
