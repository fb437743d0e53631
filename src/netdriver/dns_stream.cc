#include "netdriver/dns_stream.h"

#include <sys/socket.h>

#include <cerrno>

#include "base/check.h"
#include "network/dns_packet.h"

namespace shoal::netdriver {
namespace {

constexpr size_t kLengthBytes = 2;

// Fills `to`.
os::Co<bool> read_whole(os::Loop& loop, int fd, std::string& to, os::StopToken stop) {
  size_t got = 0;
  while (got < to.size()) {
    const ssize_t count = ::recv(fd, to.data() + got, to.size() - got, MSG_DONTWAIT);
    if (count > 0) {
      got += size_t(count);
    } else if (count < 0 && errno == EAGAIN) {
      if (!co_await loop.readable(fd, stop)) co_return false;
    } else if (count == 0 || errno != EINTR) {
      co_return false;
    }
  }
  co_return true;
}

}  // namespace

os::Co<bool> read_dns_message(os::Loop& loop, int fd, std::string& message, size_t bytes_max,
                              os::StopToken stop) {
  std::string length(kLengthBytes, '\0');
  if (!co_await read_whole(loop, fd, length, stop)) co_return false;
  const size_t size = size_t(uint8_t(length[0])) << 8 | uint8_t(length[1]);
  if (size > bytes_max) co_return false;
  message.assign(size, '\0');
  co_return co_await read_whole(loop, fd, message, stop);
}

os::Co<bool> write_dns_message(os::Loop& loop, int fd, std::string_view message,
                               os::StopToken stop) {
  CHECK(message.size() <= network::kDnsMessageMax, "{} bytes", message.size());
  std::string bytes{char(message.size() >> 8), char(message.size())};
  bytes += message;
  size_t sent = 0;
  while (sent < bytes.size()) {
    const ssize_t count =
        ::send(fd, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (count >= 0) {
      sent += size_t(count);
    } else if (errno == EAGAIN) {
      if (!co_await loop.writable(fd, stop)) co_return false;
    } else if (errno != EINTR) {
      co_return false;
    }
  }
  co_return true;
}

}  // namespace shoal::netdriver
