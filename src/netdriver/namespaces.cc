#include "netdriver/namespaces.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <linux/magic.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>

#include "base/check.h"
#include "netdriver/links.h"
#include "netdriver/sysctl.h"
#include "os/file.h"

namespace shoal::netdriver {
namespace {

constexpr int kLoopbackIndex = 1;  // The kernel's own promise for every namespace.

Result<ReadyNamespace> make_namespace() {
  if (::unshare(CLONE_NEWNET) != 0) return os::system_error("create", "network namespace", errno);
  ASSIGN_OR_RETURN(auto fd, current_namespace());
  ASSIGN_OR_RETURN(auto route, NetlinkSocket::open(NETLINK_ROUTE));
  RETURN_IF_ERROR(set_up(route, kLoopbackIndex));
  RETURN_IF_ERROR(write_sysctl("net/ipv4/ip_unprivileged_port_start", "0"));
  RETURN_IF_ERROR(write_sysctl("net/ipv4/ping_group_range", "0 2147483647"));
  // NotFound on a host without IPv6.
  const auto off = write_sysctl("net/ipv6/conf/default/disable_ipv6", "1");
  if (!off && off.error().code != ErrorCode::NotFound) return std::unexpected(off.error());
  return ReadyNamespace{std::move(fd), std::move(route)};
}

}  // namespace

NamespaceStock::NamespaceStock(int stock)
    : stock_(size_t(std::max(stock, 0))), thread_([this] { refill(); }) {}

NamespaceStock::~NamespaceStock() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

Result<ReadyNamespace> NamespaceStock::take() {
  std::unique_lock lock(mutex_);
  ++waiting_;
  changed_.notify_all();
  changed_.wait(lock, [this] { return !ready_.empty(); });
  --waiting_;
  auto taken = std::move(ready_.front());
  ready_.pop_front();
  changed_.notify_all();
  return taken;
}

void NamespaceStock::refill() {
  std::unique_lock lock(mutex_);
  const auto enough = [this] {
    // A failure is kept for who waits for it, not made again and again for the stock.
    const bool failed = !ready_.empty() && !ready_.back();
    return ready_.size() >= std::max(failed ? 1 : stock_, waiting_);
  };
  for (;;) {
    changed_.wait(lock, [&] { return stopping_ || !enough(); });
    if (stopping_) return;
    lock.unlock();
    auto made = make_namespace();
    lock.lock();
    ready_.push_back(std::move(made));
    changed_.notify_all();
  }
}

Result<os::Fd> current_namespace() {
  constexpr auto kSelf = "/proc/thread-self/ns/net";
  os::Fd fd(::open(kSelf, O_RDONLY | O_CLOEXEC));
  if (!fd) return os::system_error("open", kSelf, errno);
  return fd;
}

Result<os::Fd> open_namespace(const std::string& path) {
  os::Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return os::system_error("open", path, errno);
  struct statfs info{};
  if (::fstatfs(fd.get(), &info) != 0) return os::system_error("look at", path, errno);
  if (info.f_type != NSFS_MAGIC) return failed_precondition("{} holds no namespace", path);
  return fd;
}

Result<NamespaceVisit> NamespaceVisit::begin(const os::Fd& space, const os::Fd& home) {
  if (::setns(space.get(), CLONE_NEWNET) != 0) {
    return os::system_error("enter", "network namespace", errno);
  }
  return NamespaceVisit(&home);
}

Result<ReadyNamespace> enter_namespace(const std::string& path) {
  ASSIGN_OR_RETURN(const auto home, current_namespace());
  ASSIGN_OR_RETURN(auto fd, open_namespace(path));
  ASSIGN_OR_RETURN(const auto visit, NamespaceVisit::begin(fd, home));
  ASSIGN_OR_RETURN(auto route, NetlinkSocket::open(NETLINK_ROUTE));
  return ReadyNamespace{std::move(fd), std::move(route)};
}

NamespaceVisit::~NamespaceVisit() {
  // Whatever the thread did next would be done in the wrong place.
  if (home_) CHECK(::setns(home_->get(), CLONE_NEWNET) == 0, "errno {}", errno);
}

Result<void> hold_namespace(const os::Fd& fd, const std::string& path) {
  const os::Fd file(::open(path.c_str(), O_CREAT | O_EXCL | O_RDONLY | O_CLOEXEC, 0444));
  if (!file && errno == EEXIST) return already_exists("{} exists", path);
  if (!file) return os::system_error("create", path, errno);
  const auto source = fmt::format("/proc/self/fd/{}", fd.get());
  if (::mount(source.c_str(), path.c_str(), nullptr, MS_BIND, nullptr) != 0) {
    const int error = errno;
    ::unlink(path.c_str());
    return os::system_error("mount", path, error);
  }
  return {};
}

Result<void> release_namespace(const std::string& path) {
  // EINVAL: a file without a mount, left by a daemon that died in between.
  if (::umount2(path.c_str(), MNT_DETACH) != 0 && errno != EINVAL && errno != ENOENT) {
    return os::system_error("unmount", path, errno);
  }
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) {
    return os::system_error("remove", path, errno);
  }
  return {};
}

bool holds_namespace(const std::string& path) {
  struct statfs info{};
  return ::statfs(path.c_str(), &info) == 0 && info.f_type == NSFS_MAGIC;
}

std::vector<std::string> list_held(const std::string& folder) {
  std::vector<std::string> names;
  std::error_code error;
  for (std::filesystem::directory_iterator at(folder, error), end; !error && at != end;
       at.increment(error)) {
    names.push_back(at->path().filename());
  }
  std::ranges::sort(names);
  return names;
}

}  // namespace shoal::netdriver
