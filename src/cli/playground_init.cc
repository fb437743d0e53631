#include "cli/playground_init.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstdlib>
#include <optional>

#include "cli/playground_mounts.h"
#include "os/fd.h"
#include "os/file.h"
#include "os/process.h"

namespace shoal::cli {
namespace {
using Clock = std::chrono::steady_clock;

constexpr const char* kNotifyPath = "/run/notify";
constexpr int kGraceWhenToldBySignalS = 10;
constexpr size_t kLineMax = 64;
constexpr size_t kWaitingMax = 64;
constexpr timeval kLinePatience{1, 0};

Result<os::Fd> listen_on(const std::string& path, int type) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) {
    return invalid_argument("{} is too long for the path of a socket", path);
  }
  path.copy(address.sun_path, path.size());
  ::unlink(path.c_str());
  os::Fd socket(::socket(AF_UNIX, type | SOCK_CLOEXEC, 0));
  if (!socket) return os::system_error("socket", path, errno);
  if (::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
    return os::system_error("bind", path, errno);
  }
  ::chmod(path.c_str(), 0600);
  if (type == SOCK_STREAM && ::listen(socket.get(), SOMAXCONN) != 0) {
    return os::system_error("listen", path, errno);
  }
  return socket;
}

// Until the newline or the end; gives up on whoever keeps it waiting.
std::string read_line(int fd) {
  std::string line;
  char c = 0;
  while (line.size() < kLineMax && ::recv(fd, &c, 1, 0) == 1 && c != '\n') line += c;
  return line;
}

void say(int fd, const std::string& text) {
  const std::string line = text + "\n";
  (void)!::send(fd, line.data(), line.size(), MSG_NOSIGNAL);
}

std::string describe(int status) {
  return WIFSIGNALED(status) ? fmt::format("the daemon was killed by signal {}", WTERMSIG(status))
                             : fmt::format("the daemon ended with {}", WEXITSTATUS(status));
}

class Init {
 public:
  explicit Init(const InitOptions& options) : options_(options) {}

  Result<void> set_up();
  void run();

 private:
  void start_daemon();
  void on_signals();
  void on_notify();
  void on_control();
  void reap();
  void tell(const std::string& text);
  bool wait_for_child(Clock::time_point end);
  void shut_down();

  const InitOptions& options_;
  os::Fd signals_, notify_, control_;
  std::vector<os::Fd> waiting_;  // who hears how the start of the daemon goes
  pid_t daemon_ = -1;            // -1: none runs
  bool start_again_ = false;     // once the daemon has ended
  std::optional<int> stop_within_s_;
  os::Fd shutting_down_for_;  // hears the end of this process
};

Result<void> Init::set_up() {
  waiting_.emplace_back(kInitStarterFd);
  ::fcntl(kInitStarterFd, F_SETFD, FD_CLOEXEC);
  // Blocked signals are kept even for process 1, which the kernel shields from others.
  sigset_t set;
  ::sigemptyset(&set);
  for (const int signal : {SIGCHLD, SIGTERM, SIGINT}) ::sigaddset(&set, signal);
  ::sigprocmask(SIG_BLOCK, &set, nullptr);
  signals_ = os::Fd(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!signals_) return os::system_error("signalfd", "", errno);
  if (::sethostname(options_.hostname.c_str(), options_.hostname.size()) != 0) {
    return os::system_error("sethostname", options_.hostname, errno);
  }
  RETURN_IF_ERROR(mount_like_a_machine());
  ASSIGN_OR_RETURN(control_, listen_on(options_.folder + "/control", SOCK_STREAM));
  ASSIGN_OR_RETURN(notify_, listen_on(kNotifyPath, SOCK_DGRAM));
  ::setenv("NOTIFY_SOCKET", kNotifyPath, 1);
  return {};
}

void Init::start_daemon() {
  // The log goes wherever this process writes; it has nothing else to say there.
  const Result<os::Child> child = os::start({.argv = options_.command}, -1, 1, 2);
  if (!child) return tell(child.error().message);
  daemon_ = child->pid;
}

void Init::tell(const std::string& text) {
  for (const auto& fd : waiting_) say(fd.get(), text);
  waiting_.clear();
}

void Init::on_notify() {
  char text[4096];
  const ssize_t count = ::recv(notify_.get(), text, sizeof text, MSG_DONTWAIT);
  const std::string_view said(text, count > 0 ? size_t(count) : 0);
  if (said.find("READY=1") != std::string_view::npos) tell(kReady);
}

void Init::on_control() {
  os::Fd caller(::accept4(control_.get(), nullptr, nullptr, SOCK_CLOEXEC));
  if (!caller) return;
  ::setsockopt(caller.get(), SOL_SOCKET, SO_RCVTIMEO, &kLinePatience, sizeof kLinePatience);
  const Result<InitRequest> request = parse_init_request(read_line(caller.get()));
  if (!request) return say(caller.get(), request.error().message);
  if (waiting_.size() == kWaitingMax) return say(caller.get(), "too many wait already");
  if (request->stop) {
    stop_within_s_ = request->grace_s;
    shutting_down_for_ = std::move(caller);
    return;
  }
  waiting_.push_back(std::move(caller));
  if (daemon_ < 0) {
    start_daemon();
  } else {
    start_again_ = true;
    ::kill(daemon_, SIGTERM);
  }
}

void Init::reap() {
  int status = 0;
  while (const pid_t pid = ::waitpid(-1, &status, WNOHANG)) {
    if (pid < 0) return;
    if (pid != daemon_) continue;
    daemon_ = -1;
    if (std::exchange(start_again_, false)) {
      start_daemon();
    } else {
      tell(describe(status));
    }
  }
}

void Init::on_signals() {
  signalfd_siginfo info;
  while (::read(signals_.get(), &info, sizeof info) == sizeof info) {
    if (info.ssi_signo != SIGCHLD) stop_within_s_ = kGraceWhenToldBySignalS;
  }
  reap();
}

void Init::run() {
  start_daemon();
  while (!stop_within_s_) {
    pollfd fds[] = {
        {signals_.get(), POLLIN, 0}, {notify_.get(), POLLIN, 0}, {control_.get(), POLLIN, 0}};
    if (::poll(fds, 3, -1) < 0) continue;
    // What the daemon said before it ended counts first.
    if (fds[1].revents) on_notify();
    if (fds[0].revents) on_signals();
    if (fds[2].revents) on_control();
  }
  shut_down();
}

// True when a child may have ended, false when `end` came first.
bool Init::wait_for_child(Clock::time_point end) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - Clock::now()).count();
  pollfd fd{signals_.get(), POLLIN, 0};
  if (left <= 0 || ::poll(&fd, 1, int(left)) == 0) return false;
  on_signals();
  return true;
}

// As a machine's init does it: the daemon first, then everybody; whoever is left when this process
// ends is killed by the kernel.
void Init::shut_down() {
  const auto end = Clock::now() + std::chrono::seconds(*stop_within_s_);
  start_again_ = false;
  if (daemon_ > 0) ::kill(daemon_, SIGTERM);
  while (daemon_ > 0 && wait_for_child(end)) {
  }
  ::kill(-1, SIGTERM);
  siginfo_t info;
  while (::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && wait_for_child(end)) {
  }
}

}  // namespace

Result<InitRequest> parse_init_request(const std::string& line) {
  constexpr std::string_view kStop = "stop ";
  if (line == "restart") return InitRequest{};
  InitRequest request{.stop = true};
  const char* end = line.data() + line.size();
  if (line.starts_with(kStop)) {
    const auto read = std::from_chars(line.data() + kStop.size(), end, request.grace_s);
    const bool sound = read.ec == std::errc() && read.ptr == end && request.grace_s >= 0;
    if (sound && request.grace_s <= kGraceMaxS) return request;
  }
  return invalid_argument("\"{}\" is neither \"restart\" nor \"stop SECONDS\"", line);
}

int run_init(const InitOptions& options) {
  Init init(options);
  if (const Result<void> set_up = init.set_up(); !set_up) {
    say(kInitStarterFd, set_up.error().message);
    return 1;
  }
  if (read_line(kInitStarterFd) != "go") return 1;  // Whoever started us is gone.
  init.run();
  return 0;
}

}  // namespace shoal::cli
