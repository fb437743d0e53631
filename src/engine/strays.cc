#include "engine/strays.h"

#include <signal.h>
#include <sys/mount.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <filesystem>
#include <vector>

#include "os/file.h"

namespace shoal::engine {
namespace {
namespace fs = std::filesystem;

// The runtime mounts itself read-only in _LIBCONTAINER_STATEDIR, opens that, and unmounts it.
constexpr std::string_view kRuntimeCopy = "crun.";

constexpr timespec kPause{0, 500'000};
constexpr int kLooksMax = 20'000;  // 10 s

// Whether it is one of the two programs: somebody else may look into the folder, too.
bool is_maker(const std::string& arguments) {
  const std::string name = fs::path(arguments.substr(0, arguments.find('\0'))).filename();
  return name == "conmon" || name == "crun";
}

// Whether an argument is the folder or a path in it. A zombie has no arguments.
bool works_on(const std::string& arguments, const std::string& folder) {
  for (size_t at = arguments.find(folder); at != std::string::npos;
       at = arguments.find(folder, at + 1)) {
    const bool begins = at == 0 || arguments[at - 1] == '\0' || arguments[at - 1] == ':';
    const size_t end = at + folder.size();
    const bool ends = end >= arguments.size() || arguments[end] == '\0' || arguments[end] == '/';
    if (begins && ends) return true;
  }
  return false;
}

std::vector<pid_t> makers_of(const std::string& folder) {
  std::vector<pid_t> pids;
  std::error_code error;
  for (fs::directory_iterator at("/proc", error), end; !error && at != end; at.increment(error)) {
    const std::string name = at->path().filename();
    pid_t pid = 0;
    const auto parsed = std::from_chars(name.data(), name.data() + name.size(), pid);
    if (parsed.ec != std::errc() || parsed.ptr != name.data() + name.size()) continue;
    if (pid == ::getpid()) continue;
    const auto arguments = os::read_file(at->path().string() + "/cmdline");
    if (arguments && is_maker(*arguments) && works_on(*arguments, folder)) pids.push_back(pid);
  }
  return pids;
}

}  // namespace

Result<void> end_makers(const std::string& folder) {
  for (int looks = 0; looks < kLooksMax; ++looks) {
    const auto pids = makers_of(folder);
    if (pids.empty()) return {};
    for (const pid_t pid : pids) ::kill(pid, SIGKILL);
    ::nanosleep(&kPause, nullptr);
  }
  return conflict("processes that work on {} do not end", folder);
}

Result<void> remove_runtime_copies(const std::string& folder) {
  std::vector<std::string> copies;
  std::error_code error;
  for (fs::recursive_directory_iterator at(folder, error), end; !error && at != end;
       at.increment(error)) {
    const std::string name = at->path().filename();
    if (name.starts_with(kRuntimeCopy)) copies.push_back(at->path());
  }
  for (const auto& path : copies) {
    // EINVAL: it was not mounted yet.
    if (::umount2(path.c_str(), MNT_DETACH) != 0 && errno != EINVAL && errno != ENOENT) {
      return os::system_error("unmount", path, errno);
    }
    if (::unlink(path.c_str()) != 0 && errno != ENOENT) {
      return os::system_error("remove", path, errno);
    }
  }
  return {};
}

}  // namespace shoal::engine
