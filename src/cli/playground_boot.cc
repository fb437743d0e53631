#include "cli/playground_boot.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

#include "cli/playground_init.h"
#include "cli/playground_switch.h"
#include "engine/cgroup.h"
#include "os/fd.h"
#include "os/file.h"

namespace shoal::cli {
namespace {

constexpr int kMillisecondsPerSecond = 1000;
constexpr size_t kLogTailBytes = 2000;
constexpr unsigned long kNamespaces =
    CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET | CLONE_NEWPID;

// What the first process of a node executes: this very program.
std::vector<std::string> init_command(const Playground& playground, int node) {
  const std::string folder = playground.node_folder(node);
  std::vector<std::string> command{
      "/proc/self/exe", "playground-init", "--hostname", node_name(node), "--folder", folder, "--",
      playground.shoald};
  command.insert(command.end(),
                 {"-H", "unix://" + playground.socket_path(node), "--data-root", folder + "/data",
                  "--exec-root", "/run/shoal", "--cgroup-parent", playground.container_cgroup(node),
                  "--config-file", folder + "/daemon.json"});
  if (playground.debug) command.emplace_back("--debug");
  return command;
}

Result<void> make_folder(const Playground& playground, int node) {
  RETURN_IF_ERROR(os::make_folders(playground.node_folder(node), 0711));
  // Its own, so that the machine's /etc/shoal/daemon.json does not count; it may be edited.
  const std::string config = playground.node_folder(node) + "/daemon.json";
  if (::access(config.c_str(), F_OK) == 0) return {};
  return os::write_file(config, "{}\n", 0644);
}

struct Descriptors {
  int null, log, starter;
};

// Between clone and exec: only system calls.
[[noreturn]] void become(const std::vector<char*>& argv, Descriptors fds) {
  ::setsid();
  ::dup2(fds.null, 0);
  ::dup2(fds.log, 1);
  ::dup2(fds.log, 2);
  ::dup2(fds.starter, kInitStarterFd);
  // A descriptor that had its number already kept its close-on-exec.
  for (int fd = 0; fd <= kInitStarterFd; ++fd) ::fcntl(fd, F_SETFD, 0);
  ::close_range(kInitStarterFd + 1, ~0U, CLOSE_RANGE_CLOEXEC);
  ::execv(argv[0], argv.data());
  ::_exit(127);
}

Result<pid_t> clone_init(const Playground& playground, int node, int starter) {
  const std::string log_path = playground.log_path(node);
  const os::Fd null(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  const os::Fd log(::open(log_path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640));
  if (!log) return os::system_error("open", log_path, errno);
  std::vector<std::string> command = init_command(playground, node);
  // In the new PID namespace /proc is still the machine's, which does not know "self" there.
  command[0] = std::filesystem::read_symlink(command[0]);
  std::vector<char*> argv;
  for (auto& word : command) argv.push_back(word.data());
  argv.push_back(nullptr);
  // Like fork(): this program has one thread here.
  const long pid = ::syscall(SYS_clone, kNamespaces | SIGCHLD, nullptr, nullptr, nullptr, nullptr);
  if (pid == 0) become(argv, {null.get(), log.get(), starter});
  if (pid < 0) return internal_error("new namespaces: {}", ::strerror(errno));
  return pid_t(pid);
}

Result<void> furnish(const Playground& playground, int node, pid_t init) {
  ASSIGN_OR_RETURN(const engine::Cgroups cgroups, engine::Cgroups::open());
  RETURN_IF_ERROR(cgroups.create(playground.init_cgroup(node)));
  RETURN_IF_ERROR(cgroups.add_process(playground.init_cgroup(node), init));
  return connect_node(playground, node, init);
}

// The last lines of a text, as many as fit.
std::string tail(const std::string& text) {
  if (text.size() <= kLogTailBytes) return text;
  const size_t cut = text.find('\n', text.size() - kLogTailBytes);
  return cut == std::string::npos ? text : text.substr(cut + 1);
}

}  // namespace

Result<void> boot(const Playground& playground, int node) {
  RETURN_IF_ERROR(make_folder(playground, node));
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
    return internal_error("socketpair: {}", ::strerror(errno));
  }
  const os::Fd ours(ends[0]);
  os::Fd theirs(ends[1]);
  ASSIGN_OR_RETURN(const pid_t init, clone_init(playground, node, theirs.get()));
  theirs.reset();
  if (const Result<void> furnished = furnish(playground, node, init); !furnished) {
    ::kill(init, SIGKILL);  // It may be in no cgroup yet, where it would be found.
    return furnished;
  }
  (void)!::send(ours.get(), "go\n", 3, MSG_NOSIGNAL);  // If it has ended, it said why.
  ASSIGN_OR_RETURN(const std::string answer, read_answer_of_init(ours.get(), kBootWithinS));
  if (answer == kReady) return {};
  return internal_error("{}", explain_boot_failure(playground, node, answer));
}

Result<std::string> read_answer_of_init(int socket, int within_s) {
  std::string answer;
  for (;;) {
    pollfd fd{socket, POLLIN, 0};
    const int count = ::poll(&fd, 1, within_s * kMillisecondsPerSecond);
    if (count < 0 && errno == EINTR) continue;
    if (count == 0) return deadline_exceeded("it said nothing for {} s", within_s);
    char c = 0;
    if (::recv(socket, &c, 1, 0) != 1 || c == '\n') return answer;
    answer += c;
  }
}

std::string explain_boot_failure(const Playground& playground, int node,
                                 const std::string& answer) {
  const std::string why = answer.empty() ? "its first process ended" : answer;
  const auto log = os::read_file(playground.log_path(node));
  if (!log || log->empty()) return why;
  return fmt::format("{}; the end of its log:\n{}", why, tail(*log));
}

}  // namespace shoal::cli
