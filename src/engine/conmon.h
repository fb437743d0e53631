// Starting conmon, the small program that holds one container (or exec): it runs the runtime,
// owns the standard streams, writes the log and the exit code, and outlives the daemon.
//
// conmon stays our child (--sync) until the daemon ends, so one descriptor tells of its end, by
// which time the output is drained and the exit code written. Its messages come over a pipe, one
// JSON object a line: first the process's number or why there is none, for an exec then the exit
// code.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "engine/cgroup.h"
#include "os/co.h"
#include "os/fd.h"
#include "os/loop.h"
#include "os/process.h"

namespace shoal::engine {

struct ConmonCommand {
  std::string conmon, crun;   // programs
  std::string runtime_root;   // of crun's state
  std::string tmp;            // for conmon's short-lived console socket; a short path
  std::string id;             // the container's
  std::string folder;         // attach and control sockets, pid file, exit file
  std::string log_path;       // empty: none
  int64_t log_bytes_max = 0;  // 0: no limit
  bool tty = false;
  bool open_stdin = false;
  bool stdin_once = false;
  std::string exec_process;  // path of an exec's process specification; empty: creates a container
  bool exec_attach = false;
};

struct Conmon {
  os::Child child;
  os::Fd messages;  // read end of the sync pipe
  os::Fd start;     // write end of the start pipe: an exec waits for a second byte
  os::Fd attached;  // read end: an exec's sockets are there when a line comes
};

// Starts conmon, moves it into `cgroup` and lets it go on to run the runtime. Blocks (pool).
Result<Conmon> start_conmon(const ConmonCommand& command, const Cgroups& cgroups,
                            const std::string& cgroup);

// A message of conmon: a number (pid, exit code, or negative for a failure) and a text.
struct ConmonMessage {
  int64_t number = 0;
  std::string text;
};
// The next message; nothing when conmon has ended without one; Cancelled when `stop` comes first.
os::Co<Result<std::optional<ConmonMessage>>> next_message(os::Loop& loop, int pipe,
                                                          os::StopToken stop);

// The first message, which must come within `patience` (Unavailable) and before conmon ends
// (Internal).
os::Co<Result<ConmonMessage>> first_message(os::Loop& loop, int pipe, Duration patience,
                                            os::StopToken stop);

// What conmon wrote down at the end of the process that it held in `folder`; nothing when it ended
// before that process did. Blocks.
std::optional<int32_t> read_exit_code(const std::string& folder);
// The code to tell then: the process is killed as well.
inline constexpr int32_t kLostExitCode = 137;

// Docker's words for what the runtime said: `OCI runtime create failed: exec: "x": executable file
// not found in $PATH: unknown`. `phase` is "create" or "exec".
Error runtime_error(const std::string& phase, const std::string& program, std::string text);

}  // namespace shoal::engine
