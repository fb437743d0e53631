// Outbox: what waits to be written on one stream of a node. Whoever fills it does not wait; the
// handler of the stream writes at the peer's speed, and is woken in a later turn of the loop, so
// that it may take itself out of the table that was just walked.
//
// Thread: the control thread. Lives on the frame of the handler, which takes it out of every table
// before it returns.
#pragma once

#include <deque>
#include <optional>
#include <utility>

#include "base/result.h"
#include "os/co.h"
#include "os/loop.h"
#include "os/sync.h"

namespace shoal::manager {

// A peer that is this far behind does not read: its stream ends, and it starts anew.
inline constexpr size_t kOutboxMax = 1024;

template <class Message>
class Outbox {
 public:
  explicit Outbox(os::Loop& loop) : loop_(loop) {}

  void put(Message message) {
    if (end_) return;
    if (waiting_.size() >= kOutboxMax)
      return end(Error{ErrorCode::Unavailable, "reads too slowly"});
    waiting_.push_back(std::move(message));
    wake();
  }
  // In place of whatever waits: for messages of which only the newest counts.
  void put_newest(Message message) {
    waiting_.clear();
    put(std::move(message));
  }
  // The stream ends with this once what waits was written. The first reason stays.
  void end(Error reason) {
    if (!end_) end_ = std::move(reason);
    wake();
  }
  // The next message, or why the stream ends; Cancelled when `stop` comes first.
  os::Co<Result<Message>> take(os::StopToken stop) {
    while (waiting_.empty()) {
      if (end_) co_return std::unexpected(*end_);
      if (!co_await changed_.wait(stop)) co_return cancelled("the stream is over");
    }
    Message message = std::move(waiting_.front());
    waiting_.pop_front();
    co_return message;
  }

 private:
  void wake() {
    loop_.post([changed = changed_] { changed.notify(); });
  }

  os::Loop& loop_;
  std::deque<Message> waiting_;
  std::optional<Error> end_;
  os::Signal changed_;
};

}  // namespace shoal::manager
