// A network. Overlays are the swarm's, stored and allocated; bridge, host and none exist on each
// node.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "model/common.h"

namespace shoal::model {

// A subnet of a network, in the words of the API. Empty parts are the allocator's to choose.
struct IpamConfig {
  std::string subnet;   // CIDR text
  std::string range;    // CIDR text within the subnet: addresses are taken from here only
  std::string gateway;  // an address
  Labels auxiliary;     // name -> address that nobody gets

  bool operator==(const IpamConfig&) const = default;
};

struct NetworkSpec {
  Annotations annotations;
  Driver driver;
  bool ipv6 = false;
  bool internal = false;    // no way out of the network
  bool attachable = false;  // `docker run --network` may use it
  bool ingress = false;     // the routing mesh's own network; one a swarm
  Driver ipam_driver;
  std::vector<IpamConfig> ipam;

  bool operator==(const NetworkSpec&) const = default;
};

// The allocator's: what the network really has.
struct NetworkAllocation {
  std::vector<IpamConfig> ipam;  // every subnet and gateway is a value
  uint32_t vni = 0;              // of its VXLAN; ingress has 4096, others more

  bool operator==(const NetworkAllocation&) const = default;
};

struct Network {
  NetworkId id;
  Meta meta;
  NetworkSpec spec;
  std::optional<NetworkAllocation> allocation;  // unset until the allocator has seen it
  std::string error;                            // why it could not be allocated

  const std::string& name() const { return spec.annotations.name; }
  bool operator==(const Network&) const = default;
};

// The addresses of a task, or of a node, in a network.
struct NetworkAttachment {
  NetworkId network;
  std::vector<std::string> addresses;  // CIDR text: the address with the subnet's prefix length
  std::vector<std::string> aliases;

  bool operator==(const NetworkAttachment&) const = default;
};

}  // namespace shoal::model
