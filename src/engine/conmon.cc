#include "engine/conmon.h"

#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <nlohmann/json.hpp>

#include "os/file.h"

namespace shoal::engine {
namespace {

constexpr int kSyncFd = 3, kStartFd = 4, kAttachFd = 5;
constexpr size_t kMessageMax = 64 * 1024;
constexpr size_t kExitFileMax = 64;

struct Pipe {
  os::Fd read, write;
};

Result<Pipe> make_pipe() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return internal_error("pipe: {}", ::strerror(errno));
  return Pipe{os::Fd(ends[0]), os::Fd(ends[1])};
}

std::vector<std::string> arguments(const ConmonCommand& c) {
  std::vector<std::string> argv = {c.conmon,
                                   "--api-version",
                                   "1",
                                   "--sync",
                                   "--no-sync-log",
                                   "--log-level",
                                   "error",
                                   "--cid",
                                   c.id,
                                   "--cuuid",
                                   c.id,
                                   "--runtime",
                                   c.crun,
                                   "--runtime-arg",
                                   "--root",
                                   "--runtime-arg",
                                   c.runtime_root,
                                   "--runtime-arg",
                                   "--cgroup-manager=cgroupfs",
                                   "--bundle",
                                   c.folder,
                                   "--container-pidfile",
                                   c.folder + "/pidfile",
                                   "--full-attach"};
  const auto add = [&argv](std::initializer_list<std::string> more) {
    argv.insert(argv.end(), more);
  };
  add({"--log-path", c.log_path.empty() ? "none" : "k8s-file:" + c.log_path});
  if (!c.log_path.empty() && c.log_bytes_max > 0) {
    add({"--log-size-max", std::to_string(c.log_bytes_max)});
  }
  if (c.tty) add({"--terminal"});
  if (c.open_stdin) add({"--stdin"});
  if (c.open_stdin && !c.stdin_once) add({"--leave-stdin-open"});
  add({"--persist-dir", c.folder});
  if (!c.exec_process.empty()) {
    add({"--exec", "--exec-process-spec", c.exec_process});
    if (c.exec_attach) add({"--exec-attach"});
  }
  return argv;
}

bool has_ended(const os::Child& child) {
  pollfd ended{.fd = child.pidfd.get(), .events = POLLIN, .revents = 0};
  return ::poll(&ended, 1, 0) == 1;
}

Result<void> write_byte(int fd) {
  if (::write(fd, "", 1) != 1) return unavailable("conmon ended at its start");
  return {};
}

// Whether a whole line is in `text`; reads what is there otherwise. False at the end of the pipe.
bool read_some(int pipe, std::string& text) {
  // Byte by byte, so that nothing of the next message is taken; messages are short and rare.
  char byte = 0;
  while (text.size() < kMessageMax) {
    const ssize_t count = ::read(pipe, &byte, 1);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && errno == EAGAIN) return true;
    if (count <= 0) return false;
    text += byte;
    if (byte == '\n') return true;
  }
  return false;
}

}  // namespace

Result<Conmon> start_conmon(const ConmonCommand& c, const Cgroups& cgroups,
                            const std::string& cgroup) {
  ASSIGN_OR_RETURN(Pipe sync, make_pipe());
  ASSIGN_OR_RETURN(Pipe start, make_pipe());
  ASSIGN_OR_RETURN(Pipe attach, make_pipe());
  os::Command command;
  command.argv = arguments(c);
  command.env = {"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                 "TZ=UTC",  // The log's times.
                 "TMPDIR=" + c.tmp,
                 "_LIBCONTAINER_STATEDIR=" + c.folder,  // The runtime's copy of itself, /tmp else.
                 "_OCI_SYNCPIPE=" + std::to_string(kSyncFd),
                 "_OCI_STARTPIPE=" + std::to_string(kStartFd)};
  command.pass_fds = {{sync.write.get(), kSyncFd}, {start.read.get(), kStartFd}};
  if (c.exec_attach) {
    command.env.push_back("_OCI_ATTACHPIPE=" + std::to_string(kAttachFd));
    command.pass_fds.push_back({attach.write.get(), kAttachFd});
  }
  Conmon conmon;
  ASSIGN_OR_RETURN(conmon.child, os::start(command));
  ::fcntl(sync.read.get(), F_SETFL, O_NONBLOCK);
  ::fcntl(attach.read.get(), F_SETFL, O_NONBLOCK);
  conmon.messages = std::move(sync.read);
  conmon.start = std::move(start.write);
  conmon.attached = std::move(attach.read);
  // It moves while the runtime starts up: the first move after a pause waits for a grace period of
  // the kernel (10 ms and more), and the runtime's own moves then find that behind them. What the
  // runtime makes is put into its group by itself.
  RETURN_IF_ERROR(write_byte(conmon.start.get()));
  const auto moved = cgroups.add_process(cgroup, conmon.child.pid);
  // When the runtime refuses at once, conmon may have ended by now; its message says why.
  if (!moved && !has_ended(conmon.child)) return std::unexpected(moved.error());
  return conmon;
}

os::Co<Result<std::optional<ConmonMessage>>> next_message(os::Loop& loop, int pipe,
                                                          os::StopToken stop) {
  std::string line;
  while (!line.ends_with('\n')) {
    if (!co_await loop.readable(pipe, stop)) co_return cancelled("the caller went away");
    if (!read_some(pipe, line)) co_return std::optional<ConmonMessage>();
  }
  const auto value = nlohmann::json::parse(line, nullptr, false);
  if (!value.is_object() || !value.contains("data")) {
    co_return internal_error("conmon said: {}", line);
  }
  co_return ConmonMessage{value.value("data", int64_t{-1}), value.value("message", "")};
}

os::Co<Result<ConmonMessage>> first_message(os::Loop& loop, int pipe, Duration patience,
                                            os::StopToken stop) {
  os::StopSource give_up;
  const auto guard = stop.on_stop([give_up] { give_up.stop(); });
  const auto timer = loop.at(loop.now() + patience, [give_up] { give_up.stop(); });
  const os::StopToken token = give_up.token();
  auto message = co_await next_message(loop, pipe, token);
  if (!message && message.error().code == ErrorCode::Cancelled && !stop.stopped()) {
    co_return unavailable("the OCI runtime did not answer within {} s",
                          std::chrono::duration_cast<std::chrono::seconds>(patience).count());
  }
  if (!message) co_return std::unexpected(message.error());
  if (!*message) co_return internal_error("the OCI runtime ended without a word");
  co_return **message;
}

std::optional<int32_t> read_exit_code(const std::string& folder) {
  const auto text = os::read_file(folder + "/exit", kExitFileMax);
  int32_t code = 0;
  const bool known =
      text && std::from_chars(text->data(), text->data() + text->size(), code).ec == std::errc();
  return known ? std::optional(code) : std::nullopt;
}

Error runtime_error(const std::string& phase, const std::string& program, std::string text) {
  while (text.ends_with('\n')) text.pop_back();
  const auto says = [&text](std::string_view part) { return text.find(part) != std::string::npos; };
  const std::string head = fmt::format("OCI runtime {} failed: ", phase);
  const auto error = [&](const std::string& reason) {
    return Error{ErrorCode::InvalidArgument,
                 fmt::format("{}exec: \"{}\": {}: unknown", head, program, reason)};
  };
  if (says("executable file") && says("not found in $PATH")) {
    const bool is_path = program.find('/') != std::string::npos;
    return error(is_path ? fmt::format("stat {}: no such file or directory", program)
                         : "executable file not found in $PATH");
  }
  if (says("open executable: Permission denied")) return error("permission denied");
  if (says("open executable: Operation not permitted")) return error("is a directory");
  return Error{ErrorCode::InvalidArgument, fmt::format("{}{}: unknown", head, text)};
}

}  // namespace shoal::engine
