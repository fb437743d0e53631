#include "engine/container_run.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "engine/conmon.h"
#include "engine/exec_run.h"
#include "engine/stats_read.h"
#include "engine/strays.h"
#include "os/file.h"

namespace shoal::engine {
namespace {

// After a SIGKILL, until clients that have not read the last output lose it.
constexpr Duration kHangUpAfter = 500ms;

constexpr Duration kKillPatience = 30s;

// crun holds the created process at a fifo in its own state; opening it for it is what `crun start`
// does, at the price of a program more (3 ms). An unknown layout gets the program.
Result<void> open_start_gate(const Shared& shared, const std::string& id) {
  const std::string gate = shared.runtime_root() + "/" + id + "/exec.fifo";
  const os::Fd fd(::open(gate.c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC));
  if (!fd) {
    if (errno == ENXIO) return conflict("the created process of container {} is gone", id);
    return os::system_error("open", gate, errno);
  }
  if (::unlink(gate.c_str()) != 0) return os::system_error("unlink", gate, errno);
  if (::write(fd.get(), "", 1) != 1) return os::system_error("write", gate, errno);
  return {};
}

// Unset when there is no such file. It may have been written before this daemon began.
Time written_at(const std::string& path) {
  struct stat info{};
  if (::stat(path.c_str(), &info) != 0) return {};
  return Time{info.st_mtim.tv_sec * int64_t{1'000'000'000} + info.st_mtim.tv_nsec};
}

// Only a child of ours is there to be reaped; after a restart it is another's.
void reap(const os::Fd& pidfd) {
  siginfo_t info{};
  while (::waitid(P_PIDFD, id_t(pidfd.get()), &info, WEXITED) < 0 && errno == EINTR) {
  }
}

}  // namespace

Result<void> write_control(const std::string& fifo, const std::string& line) {
  const os::Fd fd(::open(fifo.c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC));
  if (!fd) return not_found("the terminal is gone");
  if (::write(fd.get(), line.data(), line.size()) != ssize_t(line.size())) {
    return os::system_error("write", fifo, errno);
  }
  return {};
}

Result<void> erase_container(const Shared& shared, const std::string& id,
                             const std::string& cgroup) {
  if (!cgroup.empty()) RETURN_IF_ERROR(shared.cgroups.destroy(cgroup));
  RETURN_IF_ERROR(os::remove_tree(shared.runtime_root() + "/" + id));
  const std::string folder = shared.folder(id);
  RETURN_IF_ERROR(remove_runtime_copies(folder));
  return os::remove_tree(folder);
}

Result<void> erase_half_made(const Shared& shared, const std::string& id) {
  const std::string folder = shared.folder(id);
  const auto record = read_record(folder);
  RETURN_IF_ERROR(end_makers(folder));
  return erase_container(shared, id, record ? record->cgroup : "");
}

ContainerRun::ContainerRun(Shared& shared, Record record, os::Child supervisor, os::Fd process,
                           bool frozen)
    : shared_(shared),
      record_(std::move(record)),
      supervisor_(std::move(supervisor)),
      process_(std::move(process)),
      state_(frozen                        ? RunState::Paused
             : record_.started_at.is_set() ? RunState::Running
                                           : RunState::Created) {
  CHECK(record_.process, "container {} was never created", record_.id);
}

void ContainerRun::watch() {
  const auto self = shared_from_this();
  os::spawn([](std::shared_ptr<ContainerRun> run) -> os::Co<> { co_await run->follow(); }(self));
}

// conmon ends once the process has ended, all its output is in the log and its code on disk.
os::Co<> ContainerRun::follow() {
  if (supervisor_.pidfd) {
    if (!co_await shared_.loop.readable(supervisor_.pidfd.get(), shared_.stop)) co_return;
  }
  ExitStatus status = co_await shared_.loop.offload([this] { return collect_exit(); });
  if (!status.finished_at.is_set()) status.finished_at = shared_.loop.now();
  // The clock of files is a few milliseconds behind.
  status.finished_at = std::max(status.finished_at, record_.started_at);
  if (!status.error.empty()) {
    shared_.log.warn("container lost its supervisor", {{"container", record_.id}});
  }
  ended(std::move(status));
}

ExitStatus ContainerRun::collect_exit() const {
  if (supervisor_.pidfd) reap(supervisor_.pidfd);
  ExitStatus status;
  const auto code = read_exit_code(folder());
  const bool known = code.has_value();
  status.code = code.value_or(kLostExitCode);
  // An earlier daemon's: it may have ended long before this one began.
  if (known && supervisor_.pid < 0) status.finished_at = written_at(folder() + "/exit");
  if (!known) status.error = "conmon ended before the container did";
  // Without conmon nothing holds the streams; beside a host's processes some may have stayed.
  if (!known || record_.shares_host_pids) {
    for (const pid_t pid : shared_.cgroups.processes(record_.cgroup)) ::kill(pid, SIGKILL);
  }
  status.oom_killed = shared_.cgroups.oom_kills(record_.cgroup) > 0;
  return status;
}

void ContainerRun::ended(ExitStatus status) {
  state_ = RunState::Exited;
  exit_ = std::move(status);
  const auto self = shared_from_this();  // A waiter may let go of the last other reference.
  exited_.stop();
  changed_.notify();
}

os::Co<Result<void>> ContainerRun::start() {
  const auto self = shared_from_this();
  if (state_ != RunState::Created) co_return conflict("container {} is started", record_.id);
  Record record = record_;
  record.started_at = shared_.loop.now();
  const auto opened = co_await shared_.loop.offload([this, &record]() -> Result<void> {
    RETURN_IF_ERROR(open_start_gate(shared_, record.id));
    return write_record(folder(), record);
  });
  CO_RETURN_IF_ERROR(opened);
  record_ = std::move(record);
  if (state_ == RunState::Created) state_ = RunState::Running;  // It may have ended already.
  co_return Result<void>{};
}

os::Co<Result<ExitStatus>> ContainerRun::wait(os::StopToken stop) {
  const auto self = shared_from_this();
  while (!exit_) {
    if (!co_await changed_.wait(stop)) co_return cancelled("the caller went away");
  }
  co_return *exit_;
}

Result<void> ContainerRun::kill(int signal) {
  if (exit_ || !process_) return conflict("container {} is not running", record_.id);
  if (::syscall(SYS_pidfd_send_signal, process_.get(), signal, nullptr, 0) != 0) {
    if (errno == ESRCH) return conflict("container {} is not running", record_.id);
    return internal_error("signal {} to container {}: {}", signal, record_.id, ::strerror(errno));
  }
  if (signal == SIGKILL) os::spawn(hang_up_later(shared_from_this()));
  return {};
}

os::Co<> ContainerRun::hang_up_later(std::shared_ptr<ContainerRun> self) {
  // A client that does not read holds up conmon, and an exec's conmon that is held up does not reap
  // its process, without which the container's first one cannot end either.
  const os::StopToken exited = self->exited();
  if (co_await self->shared_.loop.sleep(kHangUpAfter, exited)) self->given_up_.stop();
}

os::Co<Result<ExitStatus>> ContainerRun::stop(int signal, Duration grace) {
  const auto self = shared_from_this();
  if (grace != Duration::zero()) {
    (void)kill(signal);  // Not running: it is ending.
    if (state_ == RunState::Paused) (void)co_await resume();
    const Duration patience =
        grace < Duration::zero() ? kStopGraceMax : std::min(grace, kStopGraceMax);
    if (!exit_) co_await shared_.loop.sleep(patience, exited());
  }
  if (!exit_) {
    (void)kill(SIGKILL);
    if (state_ == RunState::Paused) (void)co_await resume();
    if (!exit_) co_await shared_.loop.sleep(kKillPatience, exited());
  }
  if (!exit_) co_return internal_error("container {} does not end after SIGKILL", record_.id);
  co_return *exit_;
}

Result<void> ContainerRun::expect_running(std::string_view what) const {
  if (state_ == RunState::Running) return {};
  if (state_ == RunState::Paused) {
    return conflict("Container {} is paused, unpause the container before {}", record_.id, what);
  }
  return conflict("Container {} is not running", record_.id);
}

os::Co<Result<void>> ContainerRun::set_frozen(bool frozen) {
  const auto self = shared_from_this();
  const auto done = co_await shared_.loop.offload(
      [this, frozen] { return shared_.cgroups.freeze(record_.cgroup, frozen); });
  CO_RETURN_IF_ERROR(done);
  if (state_ != RunState::Exited) state_ = frozen ? RunState::Paused : RunState::Running;
  co_return Result<void>{};
}

os::Co<Result<void>> ContainerRun::pause() {
  if (state_ == RunState::Paused) co_return conflict("Container {} is already paused", record_.id);
  CO_RETURN_IF_ERROR(expect_running("pausing"));
  co_return co_await set_frozen(true);
}

os::Co<Result<void>> ContainerRun::resume() {
  if (state_ != RunState::Paused) co_return conflict("Container {} is not paused", record_.id);
  co_return co_await set_frozen(false);
}

os::Co<Result<std::unique_ptr<Attachment>>> ContainerRun::attach() {
  if (exit_) co_return conflict("Container {} is not running", record_.id);
  co_return Attachment::connect(shared_.loop, folder() + "/attach", given_up_.token());
}

os::Co<Result<void>> ContainerRun::resize(uint16_t rows, uint16_t columns) {
  const auto self = shared_from_this();
  if (exit_) co_return conflict("Container {} is not running", record_.id);
  if (!record_.tty) co_return conflict("Container {} has no terminal", record_.id);
  const std::string line = fmt::format("1 {} {}\n", rows, columns);
  co_return co_await shared_.loop.offload(
      [this, &line] { return write_control(folder() + "/ctl", line); });
}

os::Co<Result<std::shared_ptr<Exec>>> ContainerRun::exec(ExecDescription description) {
  const auto self = shared_from_this();
  CO_RETURN_IF_ERROR(expect_running("exec"));
  co_return co_await start_exec(shared_, record_.id, std::move(description), given_up_.token());
}

os::Co<Result<std::vector<AdoptedExec>>> ContainerRun::adopt_execs() {
  const auto self = shared_from_this();
  co_return co_await engine::adopt_execs(shared_, record_.id, given_up_.token());
}

Result<std::unique_ptr<LogReader>> ContainerRun::logs(LogQuery query) {
  if (record_.log_path.empty()) {
    return failed_precondition("configured logging driver does not support reading");
  }
  return follow_log(shared_.loop, shared_.log_watch, record_.log_path, std::move(query), exited());
}

os::Co<Result<Stats>> ContainerRun::stats() {
  const auto self = shared_from_this();
  if (exit_) co_return conflict("Container {} is not running", record_.id);
  Stats stats = co_await shared_.loop.offload(
      [this] { return read_stats(shared_.cgroups, record_.cgroup, shared_.host); });
  stats.read_at = shared_.loop.now();
  co_return stats;
}

os::Co<Result<ProcessTable>> ContainerRun::top(std::string ps_args) {
  const auto self = shared_from_this();
  CO_RETURN_IF_ERROR(expect_running("top"));
  os::Command command{.argv = ps_command(ps_args)};
  CO_ASSIGN_OR_RETURN(const os::Exit ps, co_await os::run(shared_.loop, std::move(command)));
  if (!ps.ok()) co_return invalid_argument("error running ps: {}", ps.err);
  const auto pids =
      co_await shared_.loop.offload([this] { return shared_.cgroups.processes(record_.cgroup); });
  co_return parse_process_table(ps.out, pids);
}

os::Co<Result<void>> ContainerRun::remove() {
  const auto self = shared_from_this();
  if (removed_) co_return Result<void>{};
  if (!exit_) {
    CO_RETURN_IF_ERROR(co_await stop(SIGKILL, Duration::zero()));
  }
  const auto erased = co_await shared_.loop.offload(
      [this] { return erase_container(shared_, record_.id, record_.cgroup); });
  CO_RETURN_IF_ERROR(erased);
  removed_ = true;
  co_return Result<void>{};
}

int32_t start_failure_code(const Error& error) {
  const auto says = [&](std::string_view part) {
    return error.message.find(part) != std::string::npos;
  };
  if (says("executable file not found") || says("no such file or directory")) return 127;
  if (says("permission denied") || says("is a directory")) return 126;
  return 128;
}

}  // namespace shoal::engine
