#include "api/http/room.h"

#include <utility>

#include "api/http/connection.h"

namespace shoal::api {
namespace {

// How often whoever waits for memory looks for a stalled reader to hang up.
constexpr Duration kPressInterval = 100ms;
// How many idle ones that turn out not to be idle are passed over when one is to be hung up.
constexpr int kPassMax = 64;

}  // namespace

void Room::input_given() {
  if (hungry_.empty() || !has_input_room()) return;
  for (Connection* connection : std::exchange(hungry_, {})) connection->read_on();
}

bool Room::fits(size_t bytes) const {
  // One that is larger than everything goes alone.
  return answers_ == 0 || answers_ + bytes <= limits_.answers_bytes_max;
}

void Room::answer_given() {
  while (!asking_.empty() && fits(asking_.front().bytes)) {
    const Asking next = std::move(asking_.front());
    asking_.pop_front();
    next.share->set(next.bytes);
    next.granted.set(true);
  }
}

os::Co<> Room::press(os::OneShot<bool> granted, os::StopToken over) {
  for (;;) {
    const bool still_waits = co_await loop_.sleep(kPressInterval, over);
    if (!still_waits || granted.is_set()) co_return;
    hang_up_stalled();
  }
}

os::Co<Result<void>> Room::reserve(Share& share, size_t bytes, os::StopToken stop) {
  if (asking_.empty() && fits(bytes)) {
    share.set(bytes);
    co_return Result<void>{};
  }
  const os::OneShot<bool> granted;
  // The newest first: under a flood, whoever has waited long is served late or never anyway, and
  // this way nobody else is.
  const auto place = asking_.insert(asking_.begin(), {bytes, &share, granted});
  const auto give_up = [&, granted] {
    if (granted.is_set()) return;
    asking_.erase(place);
    granted.set(false);
  };
  const auto timer = loop_.at(loop_.now() + limits_.answer_wait_max, give_up);
  const auto guard = stop.on_stop(give_up);
  const os::StopSource over;
  os::spawn(press(granted, over.token()));
  const bool had_turn = co_await granted;
  over.stop();
  if (had_turn) co_return Result<void>{};
  if (stop.stopped()) co_return cancelled("the client is gone");
  co_return unavailable("too many long answers are being sent: try again later");
}

Room::Waiting::Waiting(Room& room, Connection& connection, Line line)
    : room_(room), line_(line == Line::Idle ? room.idle_ : room.stalled_) {
  at_ = line_.insert(line_.end(), {&connection, room.loop_.now()});
}

Room::Waiting::~Waiting() {
  line_.erase(at_);
}

void Room::Waiting::progress(size_t bytes) {
  bytes_ += bytes;
  if (bytes_ < kProgressBytes) return;
  bytes_ = 0;
  renewed_ = true;
  at_->since = room_.loop_.now();
  line_.splice(line_.end(), line_, at_);
}

// A client on a connection that it kept cannot tell a request that was never read from one that was
// carried out: it does not ask again, and docker run waits for ever for a container that never
// runs.
void Room::let_those_pass_who_ask() {
  for (int i = 0; i < kPassMax && !idle_.empty(); ++i) {
    if (!idle_.front().connection->has_unread()) return;
    idle_.front().since = loop_.now();
    idle_.splice(idle_.end(), idle_, idle_.begin());
  }
}

bool Room::hang_up_one() {
  let_those_pass_who_ask();
  if (idle_.empty() && stalled_.empty()) return false;
  const bool idle_first =
      stalled_.empty() || (!idle_.empty() && idle_.front().since <= stalled_.front().since);
  (idle_first ? idle_ : stalled_).front().connection->stop();
  return true;
}

bool Room::hang_up_stalled() {
  if (stalled_.empty() || loop_.now() - stalled_.front().since < limits_.stalled_min) return false;
  stalled_.front().connection->stop();
  return true;
}

}  // namespace shoal::api
