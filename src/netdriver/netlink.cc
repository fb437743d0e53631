#include "netdriver/netlink.h"

#include <linux/netlink.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

#include "base/check.h"
#include "os/file.h"

namespace shoal::netdriver {
namespace {

constexpr size_t kAnswerBytesMax = size_t{256} << 10;
constexpr int kSocketBufferBytes = 4 << 20;  // A long batch that fails answers for each message.

ErrorCode code_of(int error) {
  switch (error) {
    case ENOENT:
    case ENODEV:
    case ESRCH:
    case EADDRNOTAVAIL:
      return ErrorCode::NotFound;
    case EEXIST:
      return ErrorCode::AlreadyExists;
    case EBUSY:
    case EADDRINUSE:
      return ErrorCode::Conflict;
    default:
      return ErrorCode::Internal;
  }
}

// The kernel's extended acknowledgement, when the answer carries one.
std::string explanation_of(const nlmsghdr& message) {
  std::string text;
  if (!(message.nlmsg_flags & NLM_F_ACK_TLVS)) return text;
  for_each_attribute(message, sizeof(nlmsgerr), [&](const nlattr& attribute) {
    if (mnl_attr_get_type(&attribute) == NLMSGERR_ATTR_MSG) text = mnl_attr_get_str(&attribute);
  });
  return text;
}

Result<void> error_of(const nlmsghdr& message) {
  const auto* error = static_cast<const nlmsgerr*>(mnl_nlmsg_get_payload(&message));
  if (error->error == 0) return {};
  const auto why = explanation_of(message);
  return make_error(code_of(-error->error), "{}{}{}", std::strerror(-error->error),
                    why.empty() ? "" : ": ", why);
}

bool is_error(const nlmsghdr& message) {
  return message.nlmsg_type == NLMSG_ERROR &&
         mnl_nlmsg_get_payload_len(&message) >= sizeof(nlmsgerr);
}

void set_option(int fd, int level, int option, int value) {
  // Only ever makes answers better: an old kernel without it is fine.
  ::setsockopt(fd, level, option, &value, sizeof value);
}

}  // namespace

nlmsghdr* Messages::start(uint16_t type, uint16_t flags) {
  close_last();
  bytes_.resize(closed_bytes_ + kMessageBytesMax);
  nlmsghdr* message = mnl_nlmsg_put_header(bytes_.data() + closed_bytes_);
  message->nlmsg_type = type;
  message->nlmsg_flags = NLM_F_REQUEST | flags;
  ++count_;
  return message;
}

void Messages::close_last() {
  if (closed_bytes_ == bytes_.size()) return;
  const auto* last = reinterpret_cast<const nlmsghdr*>(bytes_.data() + closed_bytes_);
  CHECK(last->nlmsg_len <= kMessageBytesMax, "a message of {} bytes", last->nlmsg_len);
  closed_bytes_ += MNL_ALIGN(last->nlmsg_len);
  bytes_.resize(closed_bytes_);
}

Result<NetlinkSocket> NetlinkSocket::open(int bus) {
  os::Fd fd(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, bus));
  if (!fd) return os::system_error("open", "netlink socket", errno);
  sockaddr_nl address{.nl_family = AF_NETLINK};
  if (::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
    return os::system_error("bind", "netlink socket", errno);
  }
  set_option(fd.get(), SOL_NETLINK, NETLINK_EXT_ACK, 1);
  set_option(fd.get(), SOL_NETLINK, NETLINK_CAP_ACK, 1);
  set_option(fd.get(), SOL_SOCKET, SO_RCVBUFFORCE, kSocketBufferBytes);
  set_option(fd.get(), SOL_SOCKET, SO_SNDBUFFORCE, kSocketBufferBytes);
  return NetlinkSocket(std::move(fd));
}

Result<void> NetlinkSocket::transmit(Messages& messages) {
  messages.close_last();
  auto& bytes = messages.bytes_;
  for (size_t at = 0; at < bytes.size();) {
    auto* message = reinterpret_cast<nlmsghdr*>(bytes.data() + at);
    message->nlmsg_seq = ++sequence_;
    at += MNL_ALIGN(message->nlmsg_len);
  }
  sockaddr_nl kernel{.nl_family = AF_NETLINK};
  if (::sendto(fd_.get(), bytes.data(), bytes.size(), 0, reinterpret_cast<sockaddr*>(&kernel),
               sizeof kernel) < 0) {
    return os::system_error("send", "netlink socket", errno);
  }
  return {};
}

// Sockets are many, one or two a network; threads are few, and each reads one answer at a time.
Result<std::span<const char>> NetlinkSocket::receive() {
  static thread_local std::vector<char> answer(kAnswerBytesMax);
  ssize_t count;
  do {
    count = ::recv(fd_.get(), answer.data(), answer.size(), 0);
  } while (count < 0 && errno == EINTR);
  if (count < 0) return os::system_error("receive", "netlink socket", errno);
  return std::span(answer).first(size_t(count));
}

Result<void> NetlinkSocket::send(Messages messages, Absence absence) {
  const uint32_t first = sequence_ + 1;
  RETURN_IF_ERROR(transmit(messages));
  uint32_t last = 0;  // The last message that is answered in any case.
  for (size_t at = 0; at < messages.bytes_.size();) {
    const auto* message = reinterpret_cast<const nlmsghdr*>(messages.bytes_.data() + at);
    if (message->nlmsg_flags & NLM_F_ACK) last = message->nlmsg_seq;
    at += MNL_ALIGN(message->nlmsg_len);
  }
  CHECK(last != 0, "no message asks for an answer");

  Result<void> outcome;
  for (bool done = false; !done;) {
    ASSIGN_OR_RETURN(const auto received, receive());
    int left = int(received.size());
    for (auto* at = reinterpret_cast<const nlmsghdr*>(received.data()); mnl_nlmsg_ok(at, left);
         at = mnl_nlmsg_next(at, &left)) {
      if (at->nlmsg_seq < first || !is_error(*at)) continue;  // Of an earlier, failed exchange.
      auto answer = error_of(*at);
      if (absence == Absence::IsFine && !answer && answer.error().code == ErrorCode::NotFound) {
        answer = {};
      }
      // A batch that is refused as a whole is answered at its first message, and only there.
      done |= at->nlmsg_seq == last || (!answer && at->nlmsg_seq == first);
      if (!answer && outcome) outcome = std::move(answer);
    }
  }
  return outcome;
}

Result<void> NetlinkSocket::query(Messages messages, const Visit& visit) {
  RETURN_IF_ERROR(transmit(messages));
  for (;;) {
    ASSIGN_OR_RETURN(const auto received, receive());
    int left = int(received.size());
    for (auto* at = reinterpret_cast<const nlmsghdr*>(received.data()); mnl_nlmsg_ok(at, left);
         at = mnl_nlmsg_next(at, &left)) {
      if (at->nlmsg_seq != sequence_) continue;
      if (is_error(*at)) return error_of(*at);
      if (at->nlmsg_type == NLMSG_DONE) return {};
      visit(*at);
      if (!(at->nlmsg_flags & NLM_F_MULTI)) return {};
    }
  }
}

// libmnl's own loops are macros that C++ refuses.
void for_each_attribute(const nlmsghdr& message, size_t header_bytes, const VisitAttribute& visit) {
  const auto* end = static_cast<const char*>(mnl_nlmsg_get_payload_tail(&message));
  const auto* at = static_cast<const nlattr*>(mnl_nlmsg_get_payload_offset(&message, header_bytes));
  for (; mnl_attr_ok(at, int(end - reinterpret_cast<const char*>(at))); at = mnl_attr_next(at)) {
    visit(*at);
  }
}

void for_each_nested(const nlattr& outer, const VisitAttribute& visit) {
  const auto* at = static_cast<const nlattr*>(mnl_attr_get_payload(&outer));
  const auto* end = reinterpret_cast<const char*>(at) + mnl_attr_get_payload_len(&outer);
  for (; mnl_attr_ok(at, int(end - reinterpret_cast<const char*>(at))); at = mnl_attr_next(at)) {
    visit(*at);
  }
}

}  // namespace shoal::netdriver
