// KeyedLock: one coroutine at a time for each key (a layer, a container). Control thread.
//
//   const auto guard = co_await locks.acquire(container_id);
//
// A free key is taken at once, without suspending. Those who wait are served in no promised order.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>

#include "os/co.h"
#include "os/sync.h"

namespace shoal::images {

class KeyedLock {
 public:
  // Ends with the last copy. It may outlive the KeyedLock.
  using Guard = std::shared_ptr<void>;

  os::Co<Guard> acquire(std::string key) {
    const auto held = held_;
    for (auto at = held->find(key); at != held->end(); at = held->find(key)) {
      const os::Signal released = at->second;
      co_await released.wait();
    }
    held->emplace(key, os::Signal());
    co_return Guard(held.get(), [held, key](void*) {
      const auto node = held->extract(key);
      node.mapped().notify();
    });
  }

 private:
  using Held = std::map<std::string, os::Signal>;
  std::shared_ptr<Held> held_ = std::make_shared<Held>();
};

}  // namespace shoal::images
