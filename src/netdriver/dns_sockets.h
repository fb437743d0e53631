// The sockets of a container's DNS responder, opened in its network namespace. Blocking: for a
// driver's thread, which comes back to the namespace it came from.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "base/result.h"
#include "os/fd.h"

namespace shoal::netdriver {

// Which namespace it is: a new one may be held under the same path later.
struct NamespaceIdentity {
  uint64_t device = 0;
  uint64_t inode = 0;
  bool operator==(const NamespaceIdentity&) const = default;
};

struct DnsSockets {
  os::Fd space;  // the namespace itself
  NamespaceIdentity identity;
  os::Fd udp;
  os::Fd tcp;  // listening
};

// Opens the namespace at `path`; NotFound when there is none. Unless it is `known`, binds both
// sockets there, to the ports of an earlier daemon if they are free, and puts the rule that leads
// to them in the place of the earlier one. Nothing: it is `known`.
Result<std::optional<DnsSockets>> open_dns_sockets(const std::string& path,
                                                   const NamespaceIdentity& known);

// A socket of the namespace, non-blocking; `type` SOCK_DGRAM or SOCK_STREAM.
Result<os::Fd> open_socket_in(const os::Fd& space, int family, int type);

}  // namespace shoal::netdriver
