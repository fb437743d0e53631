#include "cli/playground_exec.h"

#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include "os/file.h"

namespace shoal::cli {
namespace {

constexpr int kNamespaces = CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET | CLONE_NEWPID;
constexpr int kNotExecutable = 126;
constexpr int kNotFound = 127;
constexpr int kKilledBy = 128;

[[noreturn]] void become(const std::vector<std::string>& command) {
  ::signal(SIGPIPE, SIG_DFL);
  ::prctl(PR_SET_PDEATHSIG, SIGTERM);  // It is not left behind in the node.
  std::vector<char*> argv;
  for (const auto& word : command) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  ::execvp(argv[0], argv.data());
  const int code = errno == ENOENT ? kNotFound : kNotExecutable;
  std::fprintf(stderr, "shoal: %s: %s\n", argv[0], ::strerror(errno));
  ::_exit(code);
}

}  // namespace

Result<int> run_in_node(const NodeInit& init, const std::string& socket_path,
                        const std::vector<std::string>& command) {
  std::error_code unknown;
  const std::string folder = std::filesystem::current_path(unknown);
  if (::setns(init.pidfd.get(), kNamespaces) != 0) {
    return os::system_error("setns", fmt::format("process {}", init.pid), errno);
  }
  if (::chdir(folder.c_str()) != 0) (void)!::chdir("/");
  ::setenv("DOCKER_HOST", ("unix://" + socket_path).c_str(), 1);
  std::fflush(nullptr);
  // A PID namespace holds children only.
  const pid_t child = ::fork();
  if (child < 0) return internal_error("fork: {}", ::strerror(errno));
  if (child == 0) become(command);
  // The terminal's signals are for the command, which gets them as well.
  for (const int signal : {SIGINT, SIGQUIT}) ::signal(signal, SIG_IGN);
  int status = 0;
  while (::waitpid(child, &status, 0) < 0) {
    if (errno != EINTR) return internal_error("waitpid: {}", ::strerror(errno));
  }
  return WIFSIGNALED(status) ? kKilledBy + WTERMSIG(status) : WEXITSTATUS(status);
}

}  // namespace shoal::cli
