// Server: answers gRPC calls over TLS on the control loop.
//
//   rpc::Server server(loop, log, credentials);
//   server.unary("/docker.swarmkit.v1.CA/GetRootCACertificate",
//                [&](const rpc::Call& call, std::string request) { return ca.root(call, request);
//                },
//                {.needs_identity = false});
//   server.stream("/docker.swarmkit.v1.Dispatcher/Session",
//                 [&](rpc::Call& call) { return dispatcher.session(call); });
//   RETURN_IF_ERROR(server.listen("[::]:2377"));
//
// Control thread; handshakes run on the loop's pool. Everything a peer can make it hold is bounded
// by ServerLimits and rpc/limits.h; a peer that breaks them is cut off and named in the log, once a
// minute. Destroy it only after close() has returned and before the Loop.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/log.h"
#include "os/loop.h"
#include "rpc/call.h"
#include "rpc/credentials.h"

namespace shoal::rpc {

// Tests shorten the times and the counts.
struct ServerLimits {
  size_t connections_max = 16384;  // less where the process may open fewer files
  size_t unidentified_max = 4096;  // without a verified certificate, handshakes included
  size_t unidentified_per_address_max = 1024;
  size_t per_node_max = 64;                // connections that show the same node's certificate
  uint32_t streams_max = 1024;             // open calls of one connection
  uint32_t unidentified_streams_max = 16;  // the same without a certificate
  size_t request_bytes_max = size_t{256} << 20;  // of requests not yet taken, over all connections
  Duration handshake_timeout = 10s;              // what we ourselves need for it does not count
  Duration header_timeout = 30s;   // from the first byte of a frame or header block to its end
  Duration request_timeout = 30s;  // for the one request of a unary call
  Duration unidentified_idle_timeout = 30s;  // without a call, from the handshake on
  Duration idle_timeout = 30min;             // the same for nodes
  Duration write_stall_timeout = 60s;        // for a peer that takes nothing of what is sent
};

class Server {
 public:
  // `credentials` has a key and certificates.
  Server(os::Loop& loop, Log& log, std::shared_ptr<Credentials> credentials,
         ServerLimits limits = {});
  ~Server();

  // The path is "/package.Service/Method". All are added before the first listen().
  void stream(std::string path, StreamHandler handler, MethodOptions options = {});
  void unary(std::string path, UnaryHandler handler, MethodOptions options = {});

  // "0.0.0.0:2377", "[::]:2377" (IPv4 as well), "127.0.0.1:0" (a free port). May be called for
  // several addresses.
  Result<void> listen(const std::string& address);
  // The port of the last listen().
  uint16_t port() const;

  // Cuts every connection that showed this node's certificate; its calls see `cancelled`.
  void close_connections_of(const model::NodeId& node);
  size_t connection_count() const;

  // Stops listening and tells every peer to go away; calls may finish for `grace`, then they are
  // cancelled. Returns when the last handler has.
  os::Co<> close(Duration grace = 5s);

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace shoal::rpc
