#include "rpc/handshake.h"

#include <utility>

namespace shoal::rpc {
namespace {

// A handshake takes two rounds; more only when it comes in many small pieces.
constexpr int kRoundsMax = 50;
constexpr size_t kReadBytes = size_t{16} << 10;
// After an alert: how long and how much the peer may still send, unread.
constexpr Duration kAlertTime = 1s;
constexpr int kAlertReadsMax = 16;

// Closing at once would take the alert away from a peer that is still sending.
os::Co<> linger(os::Loop& loop, os::Socket& socket) {
  socket.close_write();
  const auto timer = loop.at(loop.now() + kAlertTime, [&] { socket.close(); });
  std::string dropped;
  for (int reads = 0; reads < kAlertReadsMax; ++reads) {
    dropped.clear();
    const Result<size_t> got = co_await socket.read(dropped, kReadBytes);
    if (!got || *got == 0) break;
  }
}

}  // namespace

os::Co<Result<std::string>> read_handshake(os::Loop& loop, os::Socket& socket, Duration& patience) {
  const Time began = loop.now();
  bool late = false;
  const auto timer = loop.at(began + patience, [&] {
    late = true;
    socket.close();
  });
  std::string bytes;
  const Result<size_t> got = co_await socket.read(bytes, kReadBytes);
  patience -= loop.now() - began;
  if (late) co_return deadline_exceeded("the TLS handshake took too long");
  if (!got || *got == 0) co_return unavailable("the peer left during the TLS handshake");
  co_return bytes;
}

os::Co<Result<void>> shake_hands(os::Loop& loop, os::Socket& socket, Tls& tls, std::string input,
                                 Turnstile& turnstile, Duration patience) {
  for (int round = 0; round < kRoundsMax; ++round) {
    if (round > 0) {
      Result<std::string> bytes = co_await read_handshake(loop, socket, patience);
      if (!bytes) co_return std::unexpected(bytes.error());
      input = std::move(*bytes);
    }
    tls.feed(input);
    co_await turnstile.enter();
    const Result<bool> done = co_await loop.offload([&tls] { return tls.handshake(); });
    turnstile.leave();
    const std::string output = std::exchange(tls.output(), {});
    const Result<void> sent = co_await socket.write(output);
    if (!done) {
      if (sent) co_await linger(loop, socket);
      co_return std::unexpected(done.error());
    }
    if (!sent) co_return unavailable("the peer left during the TLS handshake");
    if (*done) {
      tls.keep_input();  // It may have said more already.
      co_return Result<void>{};
    }
  }
  co_return unavailable("the TLS handshake came in too many pieces");
}

}  // namespace shoal::rpc
