#include "os/process.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <cerrno>

extern char** environ;

namespace shoal::os {
namespace {

// Above every number that a program is handed a descriptor under.
constexpr int kPassedFdFloor = 64;

struct Pipe {
  Fd read, write;
};

Result<Pipe> make_pipe() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return internal_error("pipe: {}", ::strerror(errno));
  return Pipe{Fd(ends[0]), Fd(ends[1])};
}

void set_nonblocking(int fd) {
  ::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK);
}

std::vector<char*> pointers(const std::vector<std::string>& texts) {
  std::vector<char*> list;
  for (const auto& text : texts) list.push_back(const_cast<char*>(text.c_str()));
  list.push_back(nullptr);
  return list;
}

// Which descriptor becomes which, for posix_spawn. It closes nothing: all ours are close-on-exec.
class FileActions {
 public:
  FileActions() { ::posix_spawn_file_actions_init(&actions_); }
  ~FileActions() { ::posix_spawn_file_actions_destroy(&actions_); }
  void give(int ours, int theirs, int null_flags) {
    if (ours < 0) {
      ::posix_spawn_file_actions_addopen(&actions_, theirs, "/dev/null", null_flags, 0);
    } else {
      // dup2 onto itself clears close-on-exec too (POSIX 2024, glibc since 2.29).
      ::posix_spawn_file_actions_adddup2(&actions_, ours, theirs);
    }
  }
  const posix_spawn_file_actions_t* get() const { return &actions_; }

 private:
  posix_spawn_file_actions_t actions_;
};

// The program starts with default signals and none blocked, whatever this thread has.
class Attributes {
 public:
  Attributes() {
    ::posix_spawnattr_init(&attributes_);
    sigset_t all, none;
    ::sigfillset(&all);
    ::sigemptyset(&none);
    ::posix_spawnattr_setsigdefault(&attributes_, &all);
    ::posix_spawnattr_setsigmask(&attributes_, &none);
    ::posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
  }
  ~Attributes() { ::posix_spawnattr_destroy(&attributes_); }
  const posix_spawnattr_t* get() const { return &attributes_; }

 private:
  posix_spawnattr_t attributes_;
};

// It may have ended by now: fine.
void set_oom_score(pid_t pid, int score) {
  const std::string path = "/proc/" + std::to_string(pid) + "/oom_score_adj";
  const Fd file(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  const std::string text = std::to_string(score);
  if (file) (void)!::write(file.get(), text.data(), text.size());
}

// Reads what is there now. False at the end of the pipe.
bool take_available(int fd, std::string& into) {
  char buffer[16384];
  for (;;) {
    const ssize_t count = ::read(fd, buffer, sizeof buffer);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && errno == EAGAIN) return true;
    if (count <= 0) return false;
    into.append(buffer, std::min(size_t(count), kProgramOutputMax - into.size()));
  }
}

// Reads until the pipe ends, or until `ended` and nothing is left in it.
Co<> drain(Loop& loop, int fd, std::string* into, StopToken ended, OneShot<bool> done) {
  set_nonblocking(fd);
  bool open = true;
  while (open) {
    if (!co_await loop.readable(fd, ended)) break;
    open = take_available(fd, *into);
  }
  if (open) take_available(fd, *into);
  done.set(true);
}

Co<> feed(Loop& loop, Fd fd, std::string input) {
  set_nonblocking(fd.get());
  size_t sent = 0;
  while (sent < input.size()) {
    if (!co_await loop.writable(fd.get())) co_return;
    const ssize_t count = ::write(fd.get(), input.data() + sent, input.size() - sent);
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) continue;
    if (count < 0) co_return;  // It closed its input: fine.
    sent += size_t(count);
  }
}

}  // namespace

Result<Child> start(const Command& command, int in, int out, int err) {
  CHECK(!command.argv.empty());
  FileActions actions;
  actions.give(in, 0, O_RDONLY);
  actions.give(out, 1, O_WRONLY);
  actions.give(err, 2, O_WRONLY);
  // Out of the way first: one's source may be another's number.
  std::vector<Fd> sources;
  for (const auto& [ours, theirs] : command.pass_fds) {
    sources.emplace_back(::fcntl(ours, F_DUPFD_CLOEXEC, kPassedFdFloor));
    if (!sources.back()) return internal_error("dup {}: {}", ours, ::strerror(errno));
    actions.give(sources.back().get(), theirs, O_RDWR);
  }

  const Attributes attributes;
  const auto argv = pointers(command.argv);
  const auto env = pointers(command.env);
  Child child;
  const int error = ::posix_spawnp(&child.pid, argv[0], actions.get(), attributes.get(),
                                   argv.data(), command.env.empty() ? environ : env.data());
  if (error == ENOENT) return not_found("exec: \"{}\": executable file not found", command.argv[0]);
  if (error != 0) return unavailable("exec {}: {}", command.argv[0], ::strerror(error));
  if (command.oom_score_adj != 0) set_oom_score(child.pid, command.oom_score_adj);
  child.pidfd = Fd(int(::syscall(SYS_pidfd_open, child.pid, 0)));
  CHECK(child.pidfd, "pidfd_open: {}", ::strerror(errno));
  return child;
}

Co<Exit> wait_exit(Loop& loop, Child& child) {
  co_await loop.readable(child.pidfd.get());
  Exit exit;
  int status = 0;
  while (::waitpid(child.pid, &status, 0) < 0 && errno == EINTR) {
  }
  if (WIFSIGNALED(status)) exit.signal = WTERMSIG(status);
  exit.code = WIFSIGNALED(status) ? 128 + exit.signal : WEXITSTATUS(status);
  co_return exit;
}

Co<Result<Exit>> run(Loop& loop, Command command, StopToken stop) {
  CO_ASSIGN_OR_RETURN(Pipe in, make_pipe());
  CO_ASSIGN_OR_RETURN(Pipe out, make_pipe());
  CO_ASSIGN_OR_RETURN(Pipe err, make_pipe());
  CO_ASSIGN_OR_RETURN(Child child, start(command, in.read.get(), out.write.get(), err.write.get()));
  in.read.reset();
  out.write.reset();
  err.write.reset();
  spawn(feed(loop, std::move(in.write), std::move(command.input)));

  const auto guard = stop.on_stop([pid = child.pid] { ::kill(pid, SIGKILL); });
  // A grandchild may hold the pipes open after the program has ended: stop reading then.
  StopSource ended;
  std::string out_text, err_text;
  OneShot<bool> out_done, err_done;
  spawn(drain(loop, out.read.get(), &out_text, ended.token(), out_done));
  spawn(drain(loop, err.read.get(), &err_text, ended.token(), err_done));
  Exit exit = co_await wait_exit(loop, child);
  ended.stop();
  co_await out_done;
  co_await err_done;
  if (stop.stopped()) co_return cancelled("{} was stopped", command.argv[0]);
  exit.out = std::move(out_text);
  exit.err = std::move(err_text);
  co_return exit;
}

}  // namespace shoal::os
