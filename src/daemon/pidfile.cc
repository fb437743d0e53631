#include "daemon/pidfile.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <charconv>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "os/fd.h"
#include "os/file.h"

namespace shoal::daemon {
namespace {

// The process in the file, if it is one of ours and alive; else 0. A process id that was given to
// another program meanwhile must not keep the daemon from starting.
int running_daemon(const std::string& path) {
  const auto text = os::read_file(path);
  if (!text) return 0;
  int pid = 0;
  std::from_chars(text->data(), text->data() + text->size(), pid);
  if (pid <= 0 || pid == ::getpid()) return 0;
  // Not by its name in /proc/PID/comm, which a process that was killed keeps until it is reaped.
  std::error_code gone;
  const auto program = std::filesystem::read_symlink(fmt::format("/proc/{}/exe", pid), gone);
  return !gone && program.filename().string().starts_with("shoald") ? pid : 0;
}

}  // namespace

Result<PidFile> PidFile::claim(const std::string& path) {
  if (const int pid = running_daemon(path)) {
    return conflict("process with PID {} is still running ({})", pid, path);
  }
  RETURN_IF_ERROR(os::make_folders(std::filesystem::path(path).parent_path(), 0755));
  RETURN_IF_ERROR(os::write_file(path, std::to_string(::getpid()) + "\n", 0644));
  return PidFile(path);
}

PidFile::~PidFile() {
  if (!path_.empty()) ::unlink(path_.c_str());
}

void notify_ready() {
  const char* path = std::getenv("NOTIFY_SOCKET");
  if (!path || !*path) return;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const size_t length = std::strlen(path);
  if (length >= sizeof address.sun_path) return;
  std::memcpy(address.sun_path, path, length);
  if (path[0] == '@') address.sun_path[0] = '\0';  // An abstract socket.
  const os::Fd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  constexpr std::string_view kReady = "READY=1";
  ::sendto(socket.get(), kReady.data(), kReady.size(), MSG_NOSIGNAL,
           reinterpret_cast<const sockaddr*>(&address),
           socklen_t(offsetof(sockaddr_un, sun_path) + length));
}

}  // namespace shoal::daemon
