#include "load/exchange.h"

#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>

#include "base/check.h"

namespace shoal::load {
namespace {

constexpr std::string_view kHeadEnd = "\r\n\r\n";

// The value of a header, whose name is written as servers write it.
std::string_view header(std::string_view head, std::string_view name) {
  const size_t at = head.find(name);
  if (at == std::string_view::npos) return {};
  const size_t begin = at + name.size();
  return head.substr(begin, head.find("\r\n", begin) - begin);
}

bool to_number(std::string_view text, size_t& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc{} && end == text.data() + text.size();
}

}  // namespace

AnswerReader::State AnswerReader::add(std::string_view bytes) {
  bytes_ += bytes;
  if (whole_ == 0) {
    const size_t end = bytes_.find(kHeadEnd);
    if (end == std::string::npos) return State::Incomplete;
    if (!read_head(end)) return State::Invalid;
  }
  if (bytes_.size() > whole_) return State::Invalid;
  return bytes_.size() == whole_ ? State::Complete : State::Incomplete;
}

bool AnswerReader::read_head(size_t end) {
  const std::string_view head = std::string_view(bytes_).substr(0, end + 2);
  size_t status = 0, length = 0;
  if (!head.starts_with("HTTP/1.1 ") || !to_number(head.substr(9, 3), status)) return false;
  if (!to_number(header(head, "\r\nContent-Length: "), length)) return false;
  status_ = int(status);
  closes_ = header(head, "\r\nConnection: ") == "close";
  server_ = header(head, "\r\nX-Served-By: ");
  whole_ = end + kHeadEnd.size() + length;
  return true;
}

Exchange::Exchange(const sockaddr_in& target)
    : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)) {
  CHECK(fd_, "a socket cannot be made: {}", std::strerror(errno));
  const int on = 1;
  ::setsockopt(fd_.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  const auto* address = reinterpret_cast<const sockaddr*>(&target);
  if (::connect(fd_.get(), address, sizeof target) != 0 && errno != EINPROGRESS) refused_ = errno;
}

void Exchange::ask(std::string_view request) {
  CHECK(!asked_, "a request is under way");
  asked_ = true;
  out_ = request;
  reader_ = {};
}

Exchange::Progress Exchange::proceed() {
  if (!connected_) {
    int error = refused_;
    socklen_t size = sizeof error;
    if (error == 0) ::getsockopt(fd_.get(), SOL_SOCKET, SO_ERROR, &error, &size);
    if (error != 0) return fail(error, "connect");
    sockaddr_in peer{};
    size = sizeof peer;
    if (::getpeername(fd_.get(), reinterpret_cast<sockaddr*>(&peer), &size) != 0) return {};
    connected_ = true;
  }
  if (!out_.empty()) {
    if (auto progress = write(); !progress.failure.empty()) return progress;
  }
  return read();
}

Exchange::Progress Exchange::write() {
  const ssize_t count = ::send(fd_.get(), out_.data(), out_.size(), MSG_NOSIGNAL);
  if (count < 0) return errno == EAGAIN ? Progress{} : fail(errno, "write");
  out_.erase(0, size_t(count));
  return {};
}

Exchange::Progress Exchange::read() {
  char buffer[16384];
  for (;;) {
    const ssize_t count = ::recv(fd_.get(), buffer, sizeof buffer, 0);
    if (count < 0) return errno == EAGAIN ? Progress{} : fail(errno, "read");
    if (count == 0) return fail(0, "closed by the server");
    if (!asked_) return fail(0, "bytes that nobody asked for");
    const auto state = reader_.add({buffer, size_t(count)});
    if (state == AnswerReader::State::Invalid) return fail(0, "not an answer");
    if (state == AnswerReader::State::Incomplete) continue;
    if (reader_.status() != 200) return fail(0, "a status other than 200");
    asked_ = false;
    used_ = true;
    return {.failure = {}, .answered = true};
  }
}

Exchange::Progress Exchange::fail(int error, const char* what) const {
  std::string text = what;
  if (error != 0) text = text + ": " + std::strerror(error);
  const bool closed = error == 0 || error == ECONNRESET || error == EPIPE;
  return {.failure = text, .may_retry = closed && used_ && asked_ && !reader_.began()};
}

}  // namespace shoal::load
