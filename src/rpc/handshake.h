// The TLS handshake of one connection: bytes on the loop, arithmetic on the pool.
#pragma once

#include <deque>
#include <string>

#include "base/result.h"
#include "base/time.h"
#include "os/co.h"
#include "os/loop.h"
#include "os/socket.h"
#include "os/sync.h"
#include "rpc/tls.h"

namespace shoal::rpc {

// Lets a bounded number of coroutines in, first come first served. Control thread.
class Turnstile {
 public:
  explicit Turnstile(int inside_max) : free_(inside_max) {}

  os::Co<> enter() {
    if (free_ > 0) {
      --free_;
      co_return;
    }
    os::OneShot<bool> turn;
    waiting_.push_back(turn);
    co_await turn;
  }
  void leave() {
    if (waiting_.empty()) {
      ++free_;
      return;
    }
    const os::OneShot<bool> next = waiting_.front();
    waiting_.pop_front();
    next.set(true);
  }

 private:
  int free_;
  std::deque<os::OneShot<bool>> waiting_;
};

// How many handshakes compute at a time; the pool has other work too.
inline constexpr int kHandshakesMax = 4;

// At least a byte of the peer's part, within what is left of `patience`. DeadlineExceeded when that
// is over; the socket is closed then.
os::Co<Result<std::string>> read_handshake(os::Loop& loop, os::Socket& socket, Duration& patience);

// Returns once `tls` may encrypt and decrypt. The peer may take `patience` altogether; what waits
// for the pool does not count. On an error the alert has been sent and the peer was given a moment
// to read it; the caller closes. DeadlineExceeded when the peer took too long. `input` is what a
// server has read already; a client has nothing.
os::Co<Result<void>> shake_hands(os::Loop& loop, os::Socket& socket, Tls& tls, std::string input,
                                 Turnstile& turnstile, Duration patience);

}  // namespace shoal::rpc
