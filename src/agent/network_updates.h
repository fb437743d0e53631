// NetworkUpdates: hands what the manager says of this node's networks to the executor, one message
// at a time and in order, and says when the kernel has it: only then is a message acknowledged.
//
// What the executor cannot do is tried again, with a growing pause, while newer messages wait; a
// complete message takes the place of everything before it that is not done yet.
//
// Control thread. Lives as long as its Runner; stop() before its destruction.
#pragma once

#include <deque>
#include <functional>

#include "agent/executor.h"
#include "base/log.h"
#include "model/network_feed.h"
#include "os/loop.h"
#include "os/sync.h"

namespace shoal::agent {

// Between two tries of a message.
inline constexpr Duration kNetworksPauseMin = 100ms;
inline constexpr Duration kNetworksPauseMax = 8s;
// A manager sends the next message when the last one is acknowledged; with a session that ends and
// begins again a few can come together.
inline constexpr size_t kNetworkMessagesMax = 16;

class NetworkUpdates {
 public:
  // `applied` runs for each message that the executor has carried out.
  using Applied = std::function<void(const model::NetworksAck&)>;
  NetworkUpdates(os::Loop& loop, Executor& executor, Log& log, Applied applied);
  ~NetworkUpdates();
  NetworkUpdates(const NetworkUpdates&) = delete;
  NetworkUpdates& operator=(const NetworkUpdates&) = delete;

  // Unavailable when kNetworkMessagesMax wait: the manager does not keep to the protocol.
  Result<void> add(const model::SessionId& session, const model::NetworksMessage& message);
  // Nothing is begun any more; returns when nothing is under way.
  os::Co<> stop();

 private:
  struct Item {
    model::SessionId session;
    model::NetworksMessage message;
  };
  os::Co<> work();
  os::Co<> carry_out(const Item& item);
  bool is_superseded() const;

  os::Loop& loop_;
  Executor& executor_;
  Log& log_;
  Applied applied_;
  std::deque<Item> waiting_;
  bool working_ = false;
  bool stopped_ = false;
  os::StopSource retry_;  // ends the present pause
  os::Signal idle_;
};

}  // namespace shoal::agent
