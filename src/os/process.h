// Running other programs from the control loop, without a shell and without blocking it.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "base/result.h"
#include "os/co.h"
#include "os/fd.h"
#include "os/loop.h"

namespace shoal::os {

struct Command {
  std::vector<std::string> argv;  // argv[0] is looked up in PATH
  std::vector<std::string> env;   // "NAME=value"; empty: this process's own environment
  std::string input;              // given on standard input
  // Descriptors to hand over besides 0, 1, 2: {ours, number in the program}.
  std::vector<std::pair<int, int>> pass_fds;
  int oom_score_adj = 0;  // 0: as this process's own
};

struct Exit {
  int code = 0;     // exit status; 128 + signal when a signal ended it
  int signal = 0;   // 0 when it exited by itself
  std::string out;  // at most kProgramOutputMax bytes each, the rest is dropped
  std::string err;

  bool ok() const { return code == 0; }
};
inline constexpr size_t kProgramOutputMax = size_t{4} << 20;

// Runs the program to its end. Unavailable or NotFound when it cannot be started. When `stop`
// comes, the program is killed and the answer is Cancelled.
Co<Result<Exit>> run(Loop& loop, Command command, StopToken stop = {});

// A program that is started and left running. The caller waits for it with wait_exit, or it is
// inherited by init when this process ends.
struct Child {
  pid_t pid = -1;
  Fd pidfd;  // readable when the process has ended
};
// `out` and `err` become its standard output and error (or /dev/null when -1); `in` likewise.
// Blocks for about a millisecond: it returns when exec has succeeded or failed.
Result<Child> start(const Command& command, int in = -1, int out = -1, int err = -1);
// Waits for its end and reaps it.
Co<Exit> wait_exit(Loop& loop, Child& child);

}  // namespace shoal::os
