// The engine's Container; private to the room.
#pragma once

#include <memory>
#include <string>

#include "base/log.h"
#include "engine/cgroup.h"
#include "engine/container.h"
#include "engine/engine.h"
#include "engine/log_watch.h"
#include "engine/record.h"
#include "os/loop.h"
#include "os/process.h"

namespace shoal::engine {

// What all containers of an engine share. Lives as long as the engine.
struct Shared {
  os::Loop& loop;
  Log& log;
  HostFacts host;
  EngineOptions options;
  Cgroups cgroups;
  LogWatch& log_watch;
  os::StopToken stop;  // the engine is being destroyed: whoever watches a container lets go

  std::string folder(const std::string& id) const { return options.run_root + "/c/" + id; }
  std::string runtime_root() const { return options.run_root + "/crun"; }
  std::string tmp() const { return options.run_root + "/tmp"; }
  std::string supervisors() const { return options.cgroup_parent + "/conmon"; }
};

// Removes everything of the container from the machine: processes of its cgroup, the cgroup, the
// runtime's state, the folder. For one that was made as a whole and whose conmon ends. Blocks.
Result<void> erase_container(const Shared& shared, const std::string& id,
                             const std::string& cgroup);

// The same for one that may be half-made: first whoever still works on it is ended, or it would go
// on to start what is being removed. The cgroup is that of the record, if there is one. Blocks.
Result<void> erase_half_made(const Shared& shared, const std::string& id);

class ContainerRun final : public Container, public std::enable_shared_from_this<ContainerRun> {
 public:
  // `supervisor` is conmon, by pidfd; `pid` -1 in it when it is not our child. `process` may be
  // closed when the process has ended already. Call watch() next.
  ContainerRun(Shared& shared, Record record, os::Child supervisor, os::Fd process, bool frozen);

  // Follows the container until it ends. Once.
  void watch();

  const std::string& id() const override { return record_.id; }
  RunState state() const override { return state_; }
  pid_t pid() const override { return record_.process->pid; }
  Time started_at() const override { return record_.started_at; }
  const std::optional<ExitStatus>& exit_status() const override { return exit_; }
  os::Co<Result<void>> start() override;
  os::Co<Result<ExitStatus>> wait(os::StopToken stop) override;
  os::StopToken exited() const override { return exited_.token(); }
  Result<void> kill(int signal) override;
  os::Co<Result<ExitStatus>> stop(int signal, Duration grace) override;
  os::Co<Result<void>> pause() override;
  os::Co<Result<void>> resume() override;
  os::Co<Result<std::unique_ptr<Attachment>>> attach() override;
  os::Co<Result<void>> resize(uint16_t rows, uint16_t columns) override;
  os::Co<Result<std::shared_ptr<Exec>>> exec(ExecDescription description) override;
  os::Co<Result<std::vector<AdoptedExec>>> adopt_execs() override;
  Result<std::unique_ptr<LogReader>> logs(LogQuery query) override;
  os::Co<Result<Stats>> stats() override;
  os::Co<Result<ProcessTable>> top(std::string ps_args) override;
  os::Co<Result<void>> remove() override;

 private:
  os::Co<> follow();
  ExitStatus collect_exit() const;  // on the pool, once conmon has ended
  void ended(ExitStatus status);
  std::string folder() const { return shared_.folder(record_.id); }
  Result<void> expect_running(std::string_view what) const;
  os::Co<Result<void>> set_frozen(bool frozen);
  // Keeps the run alive itself.
  static os::Co<> hang_up_later(std::shared_ptr<ContainerRun> self);

  Shared& shared_;
  Record record_;
  os::Child supervisor_;
  os::Fd process_;
  RunState state_ = RunState::Created;
  std::optional<ExitStatus> exit_;
  os::StopSource exited_;
  os::StopSource given_up_;  // its streams and those of its execs are hung up
  os::Signal changed_;       // notified once the exit status is known
  bool removed_ = false;
};

// Writes a line to a control fifo of conmon's without waiting for a reader. Blocks shortly.
Result<void> write_control(const std::string& fifo, const std::string& line);

}  // namespace shoal::engine
