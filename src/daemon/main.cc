// shoald: flags in, exit code out.
#include <cstdio>

#include "daemon/daemon.h"
#include "daemon/flags.h"
#include "daemon/logging.h"

int main(int argc, char** argv) {
  using namespace shoal;
  const auto invocation = daemon::parse_flags({argv + 1, argv + argc});
  if (!invocation) {
    std::fprintf(stderr, "shoald: %s\n", invocation.error().message.c_str());
    return 1;
  }
  if (!invocation->text.empty()) {
    std::fputs(invocation->text.c_str(), stdout);
    return 0;
  }
  const auto log = daemon::make_log(invocation->flags.log_level);
  return invocation->flags.cleanup ? daemon::run_cleanup(invocation->flags, *log)
                                   : daemon::run_daemon(invocation->flags, *log);
}
