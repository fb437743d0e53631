#include "engine/attach.h"

#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cerrno>
#include <filesystem>

namespace shoal::engine {
namespace {

// conmon sends pieces of at most 8 KiB with the stream's number before them, and reads packets of
// less than 32 KiB, cutting off what is longer.
constexpr size_t kReceiveMax = 8 * 1024 + 2;
constexpr size_t kSendMax = 16 * 1024;
constexpr char kConmonStdout = 2, kConmonStderr = 3;

}  // namespace

Result<std::unique_ptr<Attachment>> Attachment::connect(os::Loop& loop,
                                                        const std::string& socket_path,
                                                        os::StopToken give_up) {
  const std::filesystem::path path(socket_path);
  // Through the open folder, because the whole path may not fit into an address.
  const os::Fd folder(::open(path.parent_path().c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!folder) return not_found("{}: {}", socket_path, ::strerror(errno));
  sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
  const std::string near =
      fmt::format("/proc/self/fd/{}/{}", folder.get(), path.filename().c_str());
  CHECK(near.size() < sizeof address.sun_path);
  ::strncpy(address.sun_path, near.c_str(), sizeof address.sun_path - 1);

  os::Fd socket(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket) return internal_error("socket: {}", ::strerror(errno));
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return unavailable("cannot attach: {}", ::strerror(errno));
  }
  // Waiting to read and waiting to write happen side by side; each needs a descriptor of its own.
  os::Fd writing(::fcntl(socket.get(), F_DUPFD_CLOEXEC, 0));
  if (!writing) return internal_error("dup: {}", ::strerror(errno));
  std::unique_ptr<Attachment> made(new Attachment(loop, std::move(socket), std::move(writing)));
  made->give_up_ = give_up.on_stop([attachment = made.get()] { attachment->hang_up(); });
  return made;
}

os::Co<Result<std::optional<Output>>> Attachment::read(os::StopToken stop) {
  char packet[kReceiveMax];
  for (;;) {
    const ssize_t count = ::recv(reading_.get(), packet, sizeof packet, 0);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && errno == EAGAIN) {
      if (!co_await loop_.readable(reading_.get(), stop)) {
        co_return cancelled("the caller went away");
      }
      continue;
    }
    if (count <= 0) co_return std::optional<Output>();  // A reset is an end as well.
    if (count < 2 || (packet[0] != kConmonStdout && packet[0] != kConmonStderr)) continue;
    const auto stream = packet[0] == kConmonStderr ? OutputStream::Stderr : OutputStream::Stdout;
    co_return Output{stream, std::string(packet + 1, size_t(count) - 1)};
  }
}

os::Co<Result<void>> Attachment::write(std::string bytes, os::StopToken stop) {
  size_t sent = 0;
  while (sent < bytes.size()) {
    const size_t size = std::min(kSendMax, bytes.size() - sent);
    const ssize_t count = ::send(writing_.get(), bytes.data() + sent, size, MSG_NOSIGNAL);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && errno == EAGAIN) {
      if (!co_await loop_.writable(writing_.get(), stop)) {
        co_return cancelled("the caller went away");
      }
      continue;
    }
    if (count < 0) co_return unavailable("the container's input is closed");
    sent += size_t(count);
  }
  co_return Result<void>{};
}

void Attachment::close_input() {
  ::shutdown(writing_.get(), SHUT_WR);
}

void Attachment::hang_up() {
  ::shutdown(reading_.get(), SHUT_RDWR);
}

}  // namespace shoal::engine
