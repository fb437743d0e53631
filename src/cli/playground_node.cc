#include "cli/playground_node.h"

#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <sstream>

#include "cli/playground_boot.h"
#include "cli/playground_init.h"
#include "cli/playground_switch.h"
#include "engine/cgroup.h"
#include "os/file.h"

namespace shoal::cli {
namespace {

constexpr int kMillisecondsPerSecond = 1000;
constexpr int kShutDownMarginS = 5;  // beyond what the node was given

bool has_ended(const os::Fd& pidfd, int within_ms = 0) {
  pollfd fd{pidfd.get(), POLLIN, 0};
  int count = 0;
  while ((count = ::poll(&fd, 1, within_ms)) < 0 && errno == EINTR) {
  }
  return count > 0;
}

// "NSpid: 4711 1": the process is the first of a PID namespace below ours.
bool is_first_process(pid_t pid) {
  const auto status = os::read_file(fmt::format("/proc/{}/status", pid));
  if (!status) return false;
  std::istringstream lines(*status);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("NSpid:")) return line.ends_with("\t1");
  }
  return false;
}

bool is_daemon(pid_t pid, const Playground& playground) {
  std::error_code gone;
  const auto program = std::filesystem::read_symlink(fmt::format("/proc/{}/exe", pid), gone);
  return !gone && program.string().starts_with(playground.shoald);  // " (deleted)" may follow.
}

NodeInit open_init(const engine::Cgroups& cgroups, const Playground& playground, int node) {
  for (const pid_t pid : cgroups.processes(playground.init_cgroup(node))) {
    // Opened before it is looked at: then it is not another one with the same number.
    os::Fd pidfd(int(::syscall(SYS_pidfd_open, pid, 0)));
    if (pidfd && is_first_process(pid) && !has_ended(pidfd)) return {pid, std::move(pidfd)};
  }
  return {};
}

Result<NodeState> state_of(const engine::Cgroups& cgroups, const Playground& playground, int node,
                           const Links& links) {
  if (!open_init(cgroups, playground, node).pidfd) {
    const bool stopped = ::access(playground.stopped_path(node).c_str(), F_OK) == 0;
    return stopped ? NodeState::Stopped : NodeState::Killed;
  }
  bool has_daemon = false;
  for (const pid_t pid : cgroups.processes(playground.init_cgroup(node))) {
    has_daemon = has_daemon || is_daemon(pid, playground);
  }
  if (!has_daemon) return NodeState::Failed;
  return links.down.contains(node) ? NodeState::Cut : NodeState::Running;
}

// Says `line` to the node's first process and returns its answer, "" when the node ended instead.
Result<std::string> ask_init(const Playground& playground, int node, const std::string& line,
                             int within_s) {
  const std::string path = playground.control_path(node);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  const os::Fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!socket) return os::system_error("socket", path, errno);
  if (::connect(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
    return os::system_error("connect", path, errno);
  }
  RETURN_IF_ERROR(os::write_all(socket.get(), line + "\n", path));
  return read_answer_of_init(socket.get(), within_s);
}

// All of it at once, as the power does it.
Result<void> end_node(const Playground& playground, int node, const NodeInit& init) {
  ASSIGN_OR_RETURN(const engine::Cgroups cgroups, engine::Cgroups::open());
  if (init.pidfd) ::syscall(SYS_pidfd_send_signal, init.pidfd.get(), SIGKILL, nullptr, 0);
  // Thaws what is frozen: without that, the first process would wait for it without end.
  RETURN_IF_ERROR(cgroups.destroy(playground.node_cgroup(node)));
  if (!init.pidfd) return {};
  if (!has_ended(init.pidfd, kBootWithinS * kMillisecondsPerSecond)) {
    return conflict("process {} of {} does not end", init.pid, node_name(node));
  }
  ::waitid(idtype_t(P_PIDFD), id_t(init.pidfd.get()), nullptr, WEXITED);  // If it is our child.
  return {};
}

}  // namespace

std::string_view word_of(NodeState state) {
  switch (state) {
    case NodeState::Running:
      return "running";
    case NodeState::Failed:
      return "failed";
    case NodeState::Cut:
      return "cut";
    case NodeState::Stopped:
      return "stopped";
    case NodeState::Killed:
      return "killed";
  }
  return "";
}

Result<std::optional<NodeInit>> find_init(const Playground& playground, int node) {
  ASSIGN_OR_RETURN(const engine::Cgroups cgroups, engine::Cgroups::open());
  NodeInit init = open_init(cgroups, playground, node);
  return init.pidfd ? std::optional(std::move(init)) : std::nullopt;
}

Result<NodeInit> require_init(const Playground& playground, int node) {
  ASSIGN_OR_RETURN(std::optional<NodeInit> init, find_init(playground, node));
  if (init) return std::move(*init);
  return failed_precondition("{} is down: `shoal playground start {}` boots it", node_name(node),
                             node);
}

Result<std::vector<NodeState>> read_states(const Playground& playground) {
  ASSIGN_OR_RETURN(const engine::Cgroups cgroups, engine::Cgroups::open());
  // Without a switch (a half-made playground) no link is cut.
  const Links links = read_links(playground).value_or(Links{});
  std::vector<NodeState> states;
  for (int node = 1; node <= playground.node_count; ++node) {
    ASSIGN_OR_RETURN(const NodeState state, state_of(cgroups, playground, node, links));
    states.push_back(state);
  }
  return states;
}

Result<void> start_node(const Playground& playground, int node) {
  ASSIGN_OR_RETURN(const std::optional<NodeInit> running, find_init(playground, node));
  if (running) return failed_precondition("{} is up already", node_name(node));
  // What an earlier life left, if nobody could clean up.
  RETURN_IF_ERROR(end_node(playground, node, {}));
  if (const Result<void> booted = boot(playground, node); !booted) {
    const Result<void> ended = kill_node(playground, node);
    return with_context(ended ? booted : ended, "{}", node_name(node));
  }
  return os::remove_tree(playground.stopped_path(node));
}

Result<void> kill_node(const Playground& playground, int node) {
  ASSIGN_OR_RETURN(std::optional<NodeInit> init, find_init(playground, node));
  // A half-made node has no link; it is ended all the same.
  [[maybe_unused]] const Result<void> cut = set_link(playground, node, false);
  return end_node(playground, node, init ? std::move(*init) : NodeInit{});
}

Result<void> stop_node(const Playground& playground, int node, int grace_s) {
  ASSIGN_OR_RETURN(const NodeInit init, require_init(playground, node));
  const auto said =
      ask_init(playground, node, fmt::format("stop {}", grace_s), grace_s + kShutDownMarginS);
  if (said && !said->empty()) return internal_error("{}: {}", node_name(node), *said);
  if (!said && said.error().code != ErrorCode::DeadlineExceeded) {
    return std::unexpected(said.error());
  }
  RETURN_IF_ERROR(os::write_file(playground.stopped_path(node), ""));
  return end_node(playground, node, init);  // Of a machine that hangs there is something left.
}

Result<void> restart_daemon(const Playground& playground, int node) {
  ASSIGN_OR_RETURN(const NodeInit init, require_init(playground, node));
  ASSIGN_OR_RETURN(const std::string answer, ask_init(playground, node, "restart", kBootWithinS));
  if (answer == kReady) return {};
  return internal_error("{}: {}", node_name(node), explain_boot_failure(playground, node, answer));
}

Result<void> end_processes(const Playground& playground) {
  ASSIGN_OR_RETURN(const engine::Cgroups cgroups, engine::Cgroups::open());
  std::vector<os::Fd> first;
  for (const pid_t pid : cgroups.processes(playground.cgroup())) {
    os::Fd pidfd(int(::syscall(SYS_pidfd_open, pid, 0)));
    if (!pidfd || !is_first_process(pid)) continue;
    ::syscall(SYS_pidfd_send_signal, pidfd.get(), SIGKILL, nullptr, 0);
    first.push_back(std::move(pidfd));
  }
  RETURN_IF_ERROR(cgroups.destroy(playground.cgroup()));
  for (const auto& pidfd : first) {
    if (!has_ended(pidfd, kBootWithinS * kMillisecondsPerSecond)) {
      return conflict("a process of playground \"{}\" does not end", playground.name);
    }
    ::waitid(idtype_t(P_PIDFD), id_t(pidfd.get()), nullptr, WEXITED);  // If it is our child.
  }
  return {};
}

}  // namespace shoal::cli
