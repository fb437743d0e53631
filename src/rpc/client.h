// Channel: calls to one gRPC server over one TLS connection, dialled when it is needed.
//
//   rpc::Channel channel(loop, log, {.address = "10.0.0.5:2377", .credentials = credentials});
//   Result<std::string> answer =
//       co_await channel.call("/docker.swarmkit.v1.Dispatcher/Heartbeat", request, options);
//
// A connection that breaks fails its calls with Unavailable; the next call dials anew, with the
// credentials of that moment. After a GOAWAY running calls go on while new ones get a new
// connection. Nothing is retried except a unary call that the server says it never looked at.
//
// Control thread. May be destroyed at any time: its calls then return Cancelled.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/log.h"
#include "os/loop.h"
#include "rpc/call.h"
#include "rpc/credentials.h"

namespace shoal::rpc {

struct ChannelOptions {
  std::string address;  // "host:port", "[v6]:port"; names are resolved on the pool
  std::shared_ptr<Credentials> credentials;
  // The DNS name that the server's certificate must carry besides leading to one of our roots.
  std::string server_name = kManagerName;
  // False: neither root nor name is checked. Only to fetch the root, whose digest the caller knows.
  bool verify = true;
  // Shows our certificate where the credentials have one.
  bool present_certificate = true;
  Duration connect_timeout = 5s;                     // name, TCP and TLS together
  size_t message_bytes_max = kLargeMessageBytesMax;  // of an answer
  // Runs once for each connection that was made and is gone, also for close().
  std::function<void(const Error&)> on_disconnected;
};

struct CallOptions {
  Duration timeout = Duration::max();  // travels as grpc-timeout; DeadlineExceeded when it is over
  Metadata metadata;                   // names in lower case
  os::StopToken stop;                  // cancels the call: it returns Cancelled
};

// A streaming call. Destroying it before its end cancels it; no coroutine may be in it then.
class ClientCall {
 public:
  virtual ~ClientCall() = default;

  // Waits until the server's window has taken most of what was written before, then queues the
  // message. An error means that the call is over; read() says why.
  virtual os::Co<Result<void>> write(std::string message) = 0;
  // No more messages from us.
  virtual void finish_writing() = 0;
  // The next message; nullopt when the server ended the call well, otherwise its Error. One
  // coroutine may read while another writes.
  virtual os::Co<Result<std::optional<std::string>>> read() = 0;
  virtual void cancel() = 0;
  // Stops when the call is over, well or not, also while nobody reads.
  virtual os::StopToken ended() const = 0;
};

class Channel {
 public:
  Channel(os::Loop& loop, Log& log, ChannelOptions options);
  ~Channel();

  // One message out, one in. Unavailable when the server cannot be reached, Unauthenticated when
  // one of the two does not accept the other's certificate, else what the server answered.
  // The arguments are copied: they need not outlive the call.
  os::Co<Result<std::string>> call(std::string_view method, std::string request);
  os::Co<Result<std::string>> call(std::string_view method, std::string request,
                                   const CallOptions& options);
  // Returns when the connection stands, with the call begun.
  os::Co<Result<std::unique_ptr<ClientCall>>> open(std::string_view method);
  os::Co<Result<std::unique_ptr<ClientCall>>> open(std::string_view method,
                                                   const CallOptions& options);

  bool connected() const;
  // Drops the connection: running calls fail with Unavailable, the next call dials anew.
  void disconnect();
  // The same, and from now on another server is dialled.
  void redirect(std::string address);

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace shoal::rpc
