#include "images/beneath.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <cerrno>
#include <cstring>

#include "os/file.h"

namespace shoal::images {

Result<InnerPath> parse_inner_path(std::string_view text) {
  const std::string whole(text);
  // "/" and "./" name the root folder itself, which some builders list; nothing else may be
  // absolute.
  if (text.starts_with('/') && text.find_first_not_of("/.") != text.npos) {
    return invalid_argument("refused: \"{}\" is an absolute path", whole);
  }
  InnerPath path;
  while (!text.empty()) {
    const size_t end = std::min(text.find('/'), text.size());
    const std::string_view part = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (part.empty() || part == ".") continue;
    if (part == "..") return invalid_argument("refused: \"{}\" leaves the layer", whole);
    path.parent = path.str();
    path.name = part;
  }
  return path;
}

Result<os::Fd> open_beneath(int root, const std::string& path, int flags) {
  open_how how{};
  how.flags = uint64_t(flags | O_CLOEXEC);
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;
  const char* name = path.empty() ? "." : path.c_str();
  for (;;) {
    const long fd = ::syscall(SYS_openat2, root, name, &how, sizeof how);
    if (fd >= 0) return os::Fd(int(fd));
    if (errno == EAGAIN || errno == EINTR) continue;  // Something was renamed meanwhile.
    if (errno == EXDEV || errno == ELOOP) {
      return invalid_argument("refused: \"{}\" leaves the layer through a link", path);
    }
    if (errno == ENOTDIR) return invalid_argument("\"{}\" runs through a file", path);
    return os::system_error("open", path, errno);
  }
}

Result<std::string> read_beneath(int root, const std::string& path, size_t bytes_max) {
  ASSIGN_OR_RETURN(const os::Fd fd, open_beneath(root, path, O_RDONLY | O_NONBLOCK));
  struct stat info{};
  if (::fstat(fd.get(), &info) != 0) return os::system_error("stat", path, errno);
  if (!S_ISREG(info.st_mode)) return invalid_argument("\"{}\" is no regular file", path);
  return os::read_file("/proc/self/fd/" + std::to_string(fd.get()), bytes_max);
}

}  // namespace shoal::images
