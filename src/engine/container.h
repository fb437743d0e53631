// One run of a container: from the moment its first process is created until everything of it is
// removed. The process is held by conmon, so it outlives this object and the daemon; adopt() finds
// it again.
//
//   create -> Created -> start -> Running <-> Paused -> (process ends) Exited -> remove
//
// A container that shall run again after it has exited is removed here and created anew under the
// same id. All methods on the control thread; what blocks is done on the pool. Two operations that
// change the state (start, pause, resume, remove) must not be under way at the same time; kill,
// stop, wait and everything that only looks may be.
#pragma once

#include <sys/types.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "engine/attach.h"
#include "engine/exec.h"
#include "engine/log_file.h"
#include "engine/stats.h"
#include "engine/top.h"
#include "os/co.h"
#include "os/loop.h"

namespace shoal::engine {

enum class RunState { Created, Running, Paused, Exited };

struct ExitStatus {
  int32_t code = 0;         // as the process gave it; 128 + signal when a signal ended it
  bool oom_killed = false;  // the kernel killed a process of it for its memory limit
  Time finished_at;
  std::string error;  // empty unless the end could not be observed: code is 255 then

  bool operator==(const ExitStatus&) const = default;
};

// Ends the waiting for a graceful stop at the latest, whatever was asked for.
inline constexpr Duration kStopGraceMax = std::chrono::hours(24 * 365);

class Container {
 public:
  virtual ~Container() = default;

  virtual const std::string& id() const = 0;
  virtual RunState state() const = 0;
  virtual pid_t pid() const = 0;        // of its first process, on this machine; also after its end
  virtual Time started_at() const = 0;  // unset before start
  virtual const std::optional<ExitStatus>& exit_status() const = 0;  // set in Exited

  // Lets the created process run its program. A program that is missing or cannot be executed was
  // refused by Engine::create already. Conflict when it is started or gone.
  virtual os::Co<Result<void>> start() = 0;

  // Its exit status; Cancelled when `stop` comes first. Any number may wait.
  virtual os::Co<Result<ExitStatus>> wait(os::StopToken stop = {}) = 0;
  // Stops when the container has exited (already stopped when it has).
  virtual os::StopToken exited() const = 0;

  // To the first process only. Conflict when it does not run.
  virtual Result<void> kill(int signal) = 0;
  // `signal`, and SIGKILL when it has not ended after `grace` (0: at once; negative: never). A
  // paused container is resumed. Answers as wait(); when it has exited already, at once.
  virtual os::Co<Result<ExitStatus>> stop(int signal, Duration grace) = 0;

  // Freezes and thaws all its processes. Conflict in any other state than Running (Paused).
  virtual os::Co<Result<void>> pause() = 0;
  virtual os::Co<Result<void>> resume() = 0;

  // Connects to its streams. Conflict when it has exited.
  virtual os::Co<Result<std::unique_ptr<Attachment>>> attach() = 0;
  // The size of its terminal. Conflict when it has none or has exited.
  virtual os::Co<Result<void>> resize(uint16_t rows, uint16_t columns) = 0;

  // Runs one more process in it. Conflict unless Running. The error of a program that is not there
  // is InvalidArgument, see start_failure_code.
  virtual os::Co<Result<std::shared_ptr<Exec>>> exec(ExecDescription description) = 0;

  // Takes over the execs that an earlier daemon left in it, running or ended meanwhile; what was
  // cut off before it ran is removed. Once, after Engine::adopt.
  virtual os::Co<Result<std::vector<AdoptedExec>>> adopt_execs() = 0;

  // Its log; a container without one has none to read (FailedPrecondition, as Docker's driver
  // "none").
  virtual Result<std::unique_ptr<LogReader>> logs(LogQuery query) = 0;

  // Conflict when it has exited.
  virtual os::Co<Result<Stats>> stats() = 0;
  // `ps_args` as for ps, "-ef" when empty. Conflict unless it runs.
  virtual os::Co<Result<ProcessTable>> top(std::string ps_args) = 0;

  // Kills what still runs and removes everything that create() made: processes, cgroups, runtime
  // state, bundle. Not the log, the root file system or the network namespace. Idempotent.
  virtual os::Co<Result<void>> remove() = 0;
};

// The exit code that Docker gives a container whose start failed with `error`: 127 when the program
// was not found, 126 when it could not be executed, otherwise 128.
int32_t start_failure_code(const Error& error);

}  // namespace shoal::engine
