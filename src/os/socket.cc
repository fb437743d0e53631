#include "os/socket.h"

#include <sys/socket.h>
#include <sys/uio.h>

#include <boost/asio/posix/stream_descriptor.hpp>

#include <algorithm>
#include <array>

#include "os/sync.h"

namespace shoal::os {
namespace asio = boost::asio;

// Calls that succeed at once, in a row, before others on the loop get a turn.
constexpr int kTurnCalls = 4;

struct Socket::Impl {
  Impl(Loop& l, Fd fd) : loop(l), stream(l.context(), fd.release()) {}

  Loop& loop;
  // Only waits for readiness; the transfers below are plain system calls.
  asio::posix::stream_descriptor stream;
  int calls = 0;
};

namespace {

// Every socket of a loop reads through this one: it is used between two waits only.
std::array<char, kSocketReadMax>& scratch() {
  thread_local std::array<char, kSocketReadMax> buffer;
  return buffer;
}

std::unexpected<Error> gone() {
  return cancelled("the connection is gone");
}

}  // namespace

Socket::Socket(Loop& loop, Fd fd) : impl_(std::make_unique<Impl>(loop, std::move(fd))) {}
Socket::~Socket() = default;

Co<bool> Socket::wait(bool for_reading) {
  impl_->calls = 0;
  OneShot<bool> ready;
  const auto kind = for_reading ? asio::posix::stream_descriptor::wait_read
                                : asio::posix::stream_descriptor::wait_write;
  impl_->stream.async_wait(kind, [ready](boost::system::error_code error) { ready.set(!error); });
  co_return co_await ready;
}

// A peer that is faster than we are must not keep the loop to itself.
Co<> Socket::take_turn() {
  if (++impl_->calls < kTurnCalls) co_return;
  impl_->calls = 0;
  co_await impl_->loop.turn();
}

Co<Result<std::optional<std::string_view>>> Socket::read_now(std::function<size_t()> bytes_max) {
  co_await take_turn();
  while (impl_->stream.is_open()) {
    const size_t wanted = std::min(bytes_max(), kSocketReadMax);
    if (wanted == 0) co_return std::nullopt;
    const ssize_t got =
        ::recv(impl_->stream.native_handle(), scratch().data(), wanted, MSG_DONTWAIT);
    if (got >= 0) co_return std::string_view(scratch().data(), size_t(got));
    if (errno == EINTR) continue;
    if (errno != EAGAIN) break;
    if (!co_await wait(true)) break;
  }
  co_return gone();
}

Co<Result<std::string_view>> Socket::read_view(size_t bytes_max) {
  CHECK(bytes_max > 0);
  std::function<size_t()> constant = [bytes_max] { return bytes_max; };
  const auto bytes = co_await read_now(std::move(constant));
  if (!bytes) co_return std::unexpected(bytes.error());
  co_return **bytes;
}

Co<Result<size_t>> Socket::read(std::string& out, size_t bytes_max) {
  const Result<std::string_view> bytes = co_await read_view(bytes_max);
  if (!bytes) co_return std::unexpected(bytes.error());
  out.append(*bytes);
  co_return bytes->size();
}

Co<Result<std::optional<size_t>>> Socket::read(std::string& out,
                                               std::function<size_t()> bytes_max) {
  const auto bytes = co_await read_now(std::move(bytes_max));
  if (!bytes) co_return std::unexpected(bytes.error());
  if (!*bytes) co_return std::nullopt;
  out.append(**bytes);
  co_return (*bytes)->size();
}

Co<Result<size_t>> Socket::write_some(std::string_view first, std::string_view second) {
  co_await take_turn();
  while (impl_->stream.is_open()) {
    iovec parts[2] = {{const_cast<char*>(first.data()), first.size()},
                      {const_cast<char*>(second.data()), second.size()}};
    msghdr message{};
    message.msg_iov = parts;
    message.msg_iovlen = 2;
    const ssize_t sent =
        ::sendmsg(impl_->stream.native_handle(), &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent >= 0) co_return size_t(sent);
    if (errno == EINTR) continue;
    if (errno != EAGAIN) break;
    if (!co_await wait(false)) break;
  }
  co_return gone();
}

Co<Result<void>> Socket::write(std::string_view first, std::string_view second) {
  while (!first.empty() || !second.empty()) {
    const Result<size_t> sent = co_await write_some(first, second);
    if (!sent) co_return std::unexpected(sent.error());
    const size_t of_first = std::min(*sent, first.size());
    first.remove_prefix(of_first);
    second.remove_prefix(*sent - of_first);
  }
  co_return Result<void>{};
}

bool Socket::has_unread() const {
  char first = 0;
  return impl_->stream.is_open() &&
         ::recv(impl_->stream.native_handle(), &first, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
}

void Socket::close_write() {
  if (impl_->stream.is_open()) ::shutdown(impl_->stream.native_handle(), SHUT_WR);
}

void Socket::close() {
  boost::system::error_code ignored;
  impl_->stream.close(ignored);
}

}  // namespace shoal::os
