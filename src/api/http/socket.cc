#include "api/http/socket.h"

#include <sys/socket.h>
#include <sys/uio.h>

#include <boost/asio/posix/stream_descriptor.hpp>

#include <algorithm>
#include <array>

#include "api/http/message.h"
#include "os/sync.h"

namespace shoal::api {
namespace asio = boost::asio;

// Calls that succeed at once, in a row, before others on the loop get a turn.
constexpr int kTurnCalls = 4;

struct Socket::Impl {
  Impl(os::Loop& l, os::Fd fd) : loop(l), stream(l.context(), fd.release()) {}

  os::Loop& loop;
  // Only waits for readiness; the transfers below are plain system calls.
  asio::posix::stream_descriptor stream;
  int calls = 0;
};

namespace {

// Every connection reads through this one: it is used between two waits only.
std::array<char, kPieceMax>& scratch() {
  static std::array<char, kPieceMax> buffer;
  return buffer;
}

std::unexpected<Error> gone() {
  return cancelled("the client is gone");
}

}  // namespace

Socket::Socket(os::Loop& loop, os::Fd fd) : impl_(std::make_unique<Impl>(loop, std::move(fd))) {}
Socket::~Socket() = default;

os::Co<bool> Socket::wait(bool for_reading) {
  impl_->calls = 0;
  os::OneShot<bool> ready;
  const auto kind = for_reading ? asio::posix::stream_descriptor::wait_read
                                : asio::posix::stream_descriptor::wait_write;
  impl_->stream.async_wait(kind, [ready](boost::system::error_code error) { ready.set(!error); });
  co_return co_await ready;
}

// A peer that is faster than we are must not keep the loop to itself.
os::Co<> Socket::take_turn() {
  if (++impl_->calls < kTurnCalls) co_return;
  impl_->calls = 0;
  os::OneShot<bool> turn;
  impl_->loop.post([turn] { turn.set(true); });
  co_await turn;
}

os::Co<Result<size_t>> Socket::read(std::string& out, size_t bytes_max) {
  co_await take_turn();
  while (impl_->stream.is_open()) {
    const size_t wanted = std::min(bytes_max, kPieceMax);
    const ssize_t got =
        ::recv(impl_->stream.native_handle(), scratch().data(), wanted, MSG_DONTWAIT);
    if (got >= 0) {
      out.append(scratch().data(), size_t(got));
      co_return size_t(got);
    }
    if (errno == EINTR) continue;
    if (errno != EAGAIN) break;
    if (!co_await wait(true)) break;
  }
  co_return gone();
}

os::Co<Result<void>> Socket::write(std::string_view first, std::string_view second) {
  while (!first.empty() || !second.empty()) {
    co_await take_turn();
    if (!impl_->stream.is_open()) co_return gone();
    iovec parts[2] = {{const_cast<char*>(first.data()), first.size()},
                      {const_cast<char*>(second.data()), second.size()}};
    msghdr message{};
    message.msg_iov = parts;
    message.msg_iovlen = 2;
    const ssize_t sent =
        ::sendmsg(impl_->stream.native_handle(), &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent >= 0) {
      const size_t of_first = std::min(size_t(sent), first.size());
      first.remove_prefix(of_first);
      second.remove_prefix(size_t(sent) - of_first);
      continue;
    }
    if (errno == EINTR) continue;
    if (errno != EAGAIN) co_return gone();
    if (!co_await wait(false)) co_return gone();
  }
  co_return Result<void>{};
}

void Socket::close_write() {
  if (impl_->stream.is_open()) ::shutdown(impl_->stream.native_handle(), SHUT_WR);
}

void Socket::close() {
  boost::system::error_code ignored;
  impl_->stream.close(ignored);
}

}  // namespace shoal::api
