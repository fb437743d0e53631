// Call: one RPC as its handler on the server sees it, and what a method is made of.
//
// A handler is a coroutine on the control thread that gets a Call, valid until it has returned. It
// returns success, or an Error that becomes the client's grpc-status and grpc-message (status.h).
// Abstract, so that a handler can be tested without a network.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "os/co.h"
#include "os/sync.h"
#include "rpc/peer.h"

namespace shoal::rpc {

// A longer message is refused with RESOURCE_EXHAUSTED as soon as its length is announced.
inline constexpr size_t kMessageBytesMax = size_t{4} << 20;
// For the methods that carry whole assignments.
inline constexpr size_t kLargeMessageBytesMax = size_t{64} << 20;

// Names in lower case.
using Metadata = std::vector<std::pair<std::string, std::string>>;

class Call {
 public:
  virtual ~Call() = default;

  virtual const Peer& peer() const = 0;
  virtual std::string_view method() const = 0;  // "/docker.swarmkit.v1.Dispatcher/Session"
  // The first value that the client sent under the name; empty when there is none.
  virtual std::string_view metadata(std::string_view name) const = 0;
  // Time::max() when the client gave none.
  virtual Time deadline() const = 0;
  // Stops when the client cancels, its connection is gone, the deadline passes, or the server
  // closes: return soon then, the answer is no longer read.
  virtual os::StopToken cancelled() const = 0;

  // The next message; nullopt when the client has sent its last. Cancelled or DeadlineExceeded as
  // above, TooLarge and Unimplemented (compressed) for a message that is refused. One coroutine may
  // read while another writes.
  virtual os::Co<Result<std::optional<std::string>>> read() = 0;
  // Waits until the client's window has taken most of what was written before, then queues the
  // message. An error as in read(): nothing more can be sent.
  virtual os::Co<Result<void>> write(std::string message) = 0;
  // Ends the call at once: whoever reads or writes here gets `why`, the client Cancelled. What the
  // handler returns is not sent any more.
  virtual void cancel(Error why) = 0;
};

// The Call and the handler outlive the coroutine that the handler returns.
using StreamHandler = std::function<os::Co<Result<void>>(Call&)>;
// One message in, one out.
using UnaryHandler = std::function<os::Co<Result<std::string>>(const Call&, std::string)>;

struct MethodOptions {
  size_t request_bytes_max = kMessageBytesMax;
  // UNAUTHENTICATED for peers without a verified certificate.
  bool needs_identity = true;
  // Asked before anything of a request is read, with the peer and the metadata at hand; an Error
  // is the answer. Here belongs: the right cluster, the right role, not removed.
  std::function<Result<void>(const Call&)> authorize;
};

}  // namespace shoal::rpc
