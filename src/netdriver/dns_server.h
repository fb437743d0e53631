// DnsServers: the DNS responder of each container, on 127.0.0.11 port 53 in the container's own
// network namespace, UDP and TCP.
//
//   DnsServers servers(loop, log, rng, table);
//   co_await servers.serve({.container_id = id, .netns_path = path, .names = {networks, {}}, …});
//   table.put_endpoint(…);      // counts from the next question on
//   servers.stop(id);           // before the namespace is given up: the sockets hold it
//
// Names that `table` knows are answered at once; anything else is asked of the servers outside, one
// after the other. The sockets listen on ports that the kernel chose and a rule in the namespace
// leads port 53 of 127.0.0.11 to them, so a container may have a server of its own on port 53.
//
// The sockets end with the daemon. Questions that are asked until serve() of the next daemon get no
// answer, and resolvers repeat them; it takes the same ports again if they are free, so that who
// keeps a socket open goes on with it.
//
// Control thread only; what is done in the namespaces runs on a thread of its own. Everything is
// bounded, and a container that asks without end takes only its share: see the constants.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/log.h"
#include "base/result.h"
#include "base/rng.h"
#include "network/container_files.h"
#include "network/names.h"
#include "os/co.h"
#include "os/loop.h"

namespace shoal::netdriver {

// Questions that may be out at servers outside; what is more fails at once (SERVFAIL).
inline constexpr size_t kDnsForwardsPerContainer = 128;
inline constexpr size_t kDnsForwardsMax = 1024;
inline constexpr size_t kDnsConnectionsPerContainer = 32;  // TCP; further ones are closed
inline constexpr size_t kDnsQueryBytesMax = 4096;          // a longer one ends its connection
// How many questions of a container are answered before others have their turn: when that took less
// than the pause, it rests until then; as many pauses as containers ask that much.
inline constexpr size_t kDnsQueriesPerTurn = 16;
inline constexpr Duration kDnsPause = 1ms;

struct DnsOptions {
  Duration upstream_timeout = 4s;     // less than a resolver's own (5 s): the next one still counts
  Duration connection_timeout = 10s;  // between two questions on a TCP connection
};

struct DnsClient {
  std::string container_id;
  std::string netns_path;
  network::NameClient names;
  std::vector<network::DnsUpstream> upstreams;  // the first kDnsUpstreamsMax
  // None of its networks has a way out: the host does not ask its servers for it, and what only
  // they could know fails. Servers in its own networks are asked.
  bool internal_only = false;
  bool qualifies = false;  // DnsUpstreams::qualifies

  bool operator==(const DnsClient&) const = default;
};

class DnsServers {
 public:
  // All of them must outlive it.
  DnsServers(os::Loop& loop, Log& log, Rng& rng, const network::NameTable& table,
             DnsOptions options = {});
  ~DnsServers();  // as stop() of every container
  DnsServers(const DnsServers&) = delete;
  DnsServers& operator=(const DnsServers&) = delete;

  // Comes back when questions are answered. Again for a container that is served: its networks and
  // servers are replaced, nothing else happens as long as it has the same namespace. Cancelled when
  // stop() or another serve() of this container came meanwhile; NotFound without the namespace.
  os::Co<Result<void>> serve(DnsClient client);
  // Closes its sockets; fine when it is not served. The rule goes with the namespace.
  void stop(std::string_view container_id);

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace shoal::netdriver
