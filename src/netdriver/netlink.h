// Netlink: talking to the kernel's network configuration, on libmnl.
//
// Messages collects requests in one buffer; NetlinkSocket sends them and reads the answers. Both
// block for as long as the kernel works (tens of microseconds, rarely milliseconds), so they belong
// to the driver's own threads. A socket stays bound to the network namespace of the thread that
// opened it, wherever it is used later.
#pragma once

#include <libmnl/libmnl.h>

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "os/fd.h"

namespace shoal::netdriver {

// One message may grow to this; what is longer (many set elements) is split by the caller.
inline constexpr size_t kMessageBytesMax = size_t{16} << 10;

class Messages {
 public:
  // Starts the next message, with a family header of type H behind the netlink header. The pointer
  // takes mnl_attr_put_*() until the next add().
  template <class H>
  nlmsghdr* add(uint16_t type, uint16_t flags, const H& header) {
    nlmsghdr* message = start(type, flags);
    *static_cast<H*>(mnl_nlmsg_put_extra_header(message, sizeof(H))) = header;
    return message;
  }

  bool empty() const { return bytes_.empty(); }
  size_t count() const { return count_; }

 private:
  friend class NetlinkSocket;
  nlmsghdr* start(uint16_t type, uint16_t flags);
  void close_last();

  std::vector<char> bytes_;
  size_t closed_bytes_ = 0;  // The message that is being filled starts here.
  uint32_t count_ = 0;
};

// Opens a nested attribute and closes it at the end of the scope.
class Nested {
 public:
  Nested(nlmsghdr* message, uint16_t type)
      : message_(message), attribute_(mnl_attr_nest_start(message, type)) {}
  ~Nested() { mnl_attr_nest_end(message_, attribute_); }
  Nested(const Nested&) = delete;
  Nested& operator=(const Nested&) = delete;

 private:
  nlmsghdr* message_;
  nlattr* attribute_;
};

class NetlinkSocket {
 public:
  // `bus`: NETLINK_ROUTE or NETLINK_NETFILTER. In the calling thread's network namespace.
  static Result<NetlinkSocket> open(int bus);

  // Sends all messages at once and waits for the answer to every one with NLM_F_ACK. The first
  // error is returned, with the kernel's own explanation where it gives one: ENOENT, ENODEV and
  // ESRCH become NotFound, as EADDRNOTAVAIL, EEXIST AlreadyExists, EBUSY and EADDRINUSE Conflict,
  // the rest Internal.
  enum class Absence { IsError, IsFine };  // NotFound, of what is taken away
  Result<void> send(Messages messages, Absence absence = Absence::IsError);

  // Sends one NLM_F_DUMP request (or one that is answered by a single message) and gives every
  // message of the answer to `visit`.
  // `visit` sends nothing itself: the answer lies where the next one would.
  using Visit = std::function<void(const nlmsghdr&)>;
  Result<void> query(Messages messages, const Visit& visit);

 private:
  explicit NetlinkSocket(os::Fd fd) : fd_(std::move(fd)) {}
  Result<void> transmit(Messages& messages);
  Result<std::span<const char>> receive();

  os::Fd fd_;
  uint32_t sequence_ = 0;
};

// Walks the attributes that follow a header of `header_bytes`.
using VisitAttribute = std::function<void(const nlattr&)>;
void for_each_attribute(const nlmsghdr& message, size_t header_bytes, const VisitAttribute& visit);
void for_each_nested(const nlattr& outer, const VisitAttribute& visit);

}  // namespace shoal::netdriver
