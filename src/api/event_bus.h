// EventBus: what happens on this node and in the swarm, for `docker events`. Containers, images,
// networks and the store's watcher post; each client that listens has a bounded queue.
//
// Thread: the control thread only. Must outlive its subscriptions.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "base/time.h"
#include "model/common.h"
#include "os/co.h"
#include "os/sync.h"

namespace shoal::api {

// Kept for `--since`, as Docker does.
inline constexpr size_t kEventsKept = 256;
// Fewer when they are long: of all that are kept, and of those that wait for one listener.
inline constexpr size_t kEventBytesMax = size_t{4} << 20;
// A listener that is further behind than this is cut off rather than served with a gap.
inline constexpr size_t kListenerQueueMax = 4096;

struct Event {
  std::string type;          // "container", "image", "service", "node", "network", "volume" …
  std::string action;        // "start", "create", "exec_create: sh" …
  std::string id;            // of the object
  model::Labels attributes;  // "name", "image", labels …
  bool swarm_scope = false;  // false: it concerns this node only
  Time time;

  size_t bytes() const;  // of memory, about
};

class EventBus {
 public:
  class Listener {
   public:
    ~Listener();
    // The next event; nothing when the listener was too slow, or when `stop` came and all that was
    // heard before it has been handed out.
    os::Co<std::shared_ptr<const Event>> next(os::StopToken stop);
    bool too_slow() const { return too_slow_; }
    size_t queued_count() const { return queue_.size(); }

   private:
    friend class EventBus;
    explicit Listener(EventBus& bus) : bus_(bus) {}
    EventBus& bus_;
    std::deque<std::shared_ptr<const Event>> queue_;
    size_t queued_bytes_ = 0;
    os::Signal posted_;
    bool too_slow_ = false;
  };

  void post(Event event);
  // Hears everything posted from now on and, with `since`, what is kept from then on.
  std::unique_ptr<Listener> listen(std::optional<Time> since = {});
  size_t listener_count() const { return listeners_.size(); }

 private:
  std::deque<std::shared_ptr<const Event>> kept_;
  size_t kept_bytes_ = 0;
  std::set<Listener*> listeners_;  // Each gets everything: their order does not matter.
};

}  // namespace shoal::api
