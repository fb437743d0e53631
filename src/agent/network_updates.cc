#include "agent/network_updates.h"

#include <algorithm>
#include <utility>

namespace shoal::agent {

NetworkUpdates::NetworkUpdates(os::Loop& loop, Executor& executor, Log& log, Applied applied)
    : loop_(loop), executor_(executor), log_(log), applied_(std::move(applied)) {}

NetworkUpdates::~NetworkUpdates() {
  CHECK(!working_, "the networks are still being worked on");
}

Result<void> NetworkUpdates::add(const model::SessionId& session,
                                 const model::NetworksMessage& message) {
  if (stopped_) return {};
  if (message.complete) waiting_.clear();
  if (waiting_.size() >= kNetworkMessagesMax) {
    return unavailable("the manager sends networks without waiting for an answer");
  }
  waiting_.push_back({session, message});
  if (!std::exchange(working_, true)) {
    os::spawn(work());
  } else if (message.complete) {
    retry_.stop();  // It goes on from here, at once.
  }
  return {};
}

os::Co<> NetworkUpdates::stop() {
  stopped_ = true;
  retry_.stop();
  while (working_) (void)co_await idle_.wait();
}

os::Co<> NetworkUpdates::work() {
  while (!stopped_ && !waiting_.empty()) {
    const Item item = std::move(waiting_.front());
    waiting_.pop_front();
    co_await carry_out(item);
  }
  waiting_.clear();
  working_ = false;
  idle_.notify();
}

os::Co<> NetworkUpdates::carry_out(const Item& item) {
  Duration pause = kNetworksPauseMin;
  for (;;) {
    const Result<void> done = co_await executor_.apply_networks(item.message);
    if (done) {
      applied_({.session = item.session, .version = item.message.version});
      co_return;
    }
    // Just after joining a manager may say it before it has said who this node is.
    const bool soon = done.error().code == ErrorCode::Unavailable && pause == kNetworksPauseMin;
    if (!soon) {
      log_.warn("the networks cannot be made as the manager says, trying again",
                {{"reason", done.error().message}, {"version", item.message.version}});
    }
    if (stopped_ || is_superseded()) co_return;
    retry_ = {};
    (void)co_await loop_.sleep(pause, retry_.token());
    if (stopped_ || is_superseded()) co_return;
    pause = std::min(2 * pause, kNetworksPauseMax);
  }
}

bool NetworkUpdates::is_superseded() const {
  return !waiting_.empty() && waiting_.front().message.complete;
}

}  // namespace shoal::agent
