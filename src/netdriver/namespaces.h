// Network namespaces for containers: a stock of ready ones, and how they are held as files.
//
// Making a namespace costs a millisecond and kernel-wide locks, so a thread of its own keeps some
// in stock. That thread moves from one namespace to the next; other threads leave the node's for a
// NamespaceVisit only. A namespace in stock is held by a descriptor only, so nothing of it outlives
// the process.
#pragma once

#include <condition_variable>
#include <deque>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/result.h"
#include "netdriver/netlink.h"
#include "os/fd.h"

namespace shoal::netdriver {

// lo is up, IPv6 is off for links to come (not for lo), and unprivileged users may ping and take
// low ports, as in Docker's containers.
struct ReadyNamespace {
  os::Fd fd;
  NetlinkSocket route;  // rtnetlink inside it
};

// One that is held at the path, with such a socket inside it. Any thread but the control thread.
Result<ReadyNamespace> enter_namespace(const std::string& path);

class NamespaceStock {
 public:
  // `stock`: how many are kept ready; with 0 each is made when it is asked for.
  explicit NamespaceStock(int stock);
  ~NamespaceStock();
  NamespaceStock(const NamespaceStock&) = delete;
  NamespaceStock& operator=(const NamespaceStock&) = delete;

  // Waits until one is ready. Any thread but the control thread.
  Result<ReadyNamespace> take();

 private:
  void refill();

  const size_t stock_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Result<ReadyNamespace>> ready_;
  size_t waiting_ = 0;
  bool stopping_ = false;
  std::thread thread_;  // Last: it uses the rest.
};

// The network namespace of the calling thread.
Result<os::Fd> current_namespace();
// That of a file that holds one. NotFound when there is no file, FailedPrecondition when it holds
// none.
Result<os::Fd> open_namespace(const std::string& path);

// Moves the calling thread into a namespace until the visit is destroyed; then it is back in
// `home`, which must outlive the visit.
class NamespaceVisit {
 public:
  static Result<NamespaceVisit> begin(const os::Fd& space, const os::Fd& home);
  NamespaceVisit(NamespaceVisit&& other) noexcept : home_(std::exchange(other.home_, nullptr)) {}
  NamespaceVisit& operator=(NamespaceVisit&&) = delete;
  ~NamespaceVisit();

 private:
  explicit NamespaceVisit(const os::Fd* home) : home_(home) {}
  const os::Fd* home_;
};

// Holds the namespace by a bind mount on a new file; AlreadyExists when there is one.
Result<void> hold_namespace(const os::Fd& fd, const std::string& path);
// Takes mount and file away; fine when there is none.
Result<void> release_namespace(const std::string& path);
// True when a namespace is mounted there.
bool holds_namespace(const std::string& path);
// The file names in `folder`, sorted; nothing when it does not exist.
std::vector<std::string> list_held(const std::string& folder);

}  // namespace shoal::netdriver
