// Tells when a file in a folder changed: one inotify instance for all followers of logs, because a
// machine has few instances (128 for each user) and many watches.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "base/result.h"
#include "os/co.h"
#include "os/fd.h"
#include "os/loop.h"

namespace shoal::engine {

// Control thread only. Must not outlive the loop; subscriptions may outlive it.
class LogWatch {
 public:
  explicit LogWatch(os::Loop& loop);
  ~LogWatch();
  LogWatch(const LogWatch&) = delete;
  LogWatch& operator=(const LogWatch&) = delete;

  using Subscription = std::shared_ptr<void>;
  // Calls `changed` after a file in the folder was written to, made or renamed, once for many
  // changes, until the subscription is dropped.
  Result<Subscription> subscribe(const std::string& folder, std::function<void()> changed);

 private:
  struct State;
  static os::Co<> pump(os::Loop& loop, std::shared_ptr<State> state, os::StopToken stop);

  os::StopSource stop_;
  std::shared_ptr<State> state_;
};

}  // namespace shoal::engine
