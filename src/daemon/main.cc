// shoald: flags in, exit code out.
#include <cstdio>

#include "daemon/daemon.h"
#include "daemon/flags.h"
#include "daemon/logging.h"
#include "daemon/state_commands.h"

namespace {

int finish(const shoal::Result<std::string>& done) {
  std::fprintf(done ? stdout : stderr, "%s",
               done ? done->c_str() : ("shoald: " + done.error().message + "\n").c_str());
  return done ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  using namespace shoal;
  const auto invocation = daemon::parse_flags({argv + 1, argv + argc});
  if (!invocation) return finish(std::unexpected(invocation.error()));
  if (!invocation->text.empty()) return finish(invocation->text);
  if (!invocation->flags.backup.empty()) return finish(daemon::back_up(invocation->flags));
  if (!invocation->flags.restore.empty()) return finish(daemon::restore(invocation->flags));
  const auto log = daemon::make_log(invocation->flags.log_level);
  return invocation->flags.cleanup ? daemon::run_cleanup(invocation->flags, *log)
                                   : daemon::run_daemon(invocation->flags, *log);
}
