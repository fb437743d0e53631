#include "containers/copy_up.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <filesystem>

#include "os/fd.h"
#include "os/process.h"

namespace shoal::containers {
namespace {

constexpr int kSourceFd = 3;

// The folder as a process inside the root would find it; none when there is no such folder.
os::Fd open_inside(const std::string& rootfs, const std::string& target) {
  const os::Fd root(::open(rootfs.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!root) return {};
  open_how how{};
  how.flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
  how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
  return os::Fd(int(::syscall(SYS_openat2, root.get(), target.c_str(), &how, sizeof how)));
}

}  // namespace

os::Co<Result<void>> copy_up(os::Loop& loop, std::string rootfs, std::string target,
                             std::string volume) {
  auto look = [&]() -> Result<os::Fd> {
    std::error_code error;
    const bool is_empty = std::filesystem::is_empty(volume, error);
    if (error) return internal_error("read {}: {}", volume, error.message());
    if (!is_empty) return os::Fd();
    return open_inside(rootfs, target);
  };
  CO_ASSIGN_OR_RETURN(const os::Fd source, co_await loop.offload(std::move(look)));
  if (!source) co_return Result<void>{};

  os::Command command{.argv = {"cp", "-a", fmt::format("/proc/self/fd/{}/.", kSourceFd), volume}};
  command.pass_fds.emplace_back(source.get(), kSourceFd);
  CO_ASSIGN_OR_RETURN(const os::Exit exit, co_await os::run(loop, std::move(command)));
  if (!exit.ok()) co_return internal_error("copy {} into its volume: {}", target, exit.err);
  co_return Result<void>{};
}

}  // namespace shoal::containers
