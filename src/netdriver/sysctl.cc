#include "netdriver/sysctl.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "os/fd.h"
#include "os/file.h"

namespace shoal::netdriver {

Result<void> write_sysctl(const std::string& path, std::string_view value) {
  const auto file = "/proc/sys/" + path;
  const os::Fd fd(::open(file.c_str(), O_WRONLY | O_CLOEXEC));
  if (!fd) return os::system_error("open", file, errno);
  if (::write(fd.get(), value.data(), value.size()) != ssize_t(value.size())) {
    return os::system_error("write", file, errno);
  }
  return {};
}

Result<std::string> read_sysctl(const std::string& path) {
  constexpr size_t kBytesMax = 4096;
  const auto file = "/proc/sys/" + path;
  const os::Fd fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return os::system_error("open", file, errno);
  std::string text(kBytesMax, '\0');
  const ssize_t count = ::read(fd.get(), text.data(), text.size());
  if (count < 0) return os::system_error("read", file, errno);
  text.resize(size_t(count));
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

}  // namespace shoal::netdriver
