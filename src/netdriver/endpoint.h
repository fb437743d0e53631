// Endpoint: a container's link to one bridge of this node, as it is asked for and as it is.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "network/address.h"
#include "network/bridges.h"
#include "network/ports.h"

namespace shoal::netdriver {

inline constexpr size_t kPortsPerEndpointMax = 1024;

// What a container asks for. Host networking needs no endpoint.
struct EndpointRequest {
  std::string container_id;    // unique; [a-zA-Z0-9_.-], at most 64 characters
  std::string container_name;  // for error messages, as Docker words them
  std::string network{network::kOwnBridge};
  std::string link = "eth0";                  // how it is called in the container
  std::optional<network::IpAddress> address;  // a free one when empty
  std::optional<network::MacAddress> mac;     // made from the address when empty
  // What the container sends outside goes this way; only then it may have ports.
  bool default_route = true;
  std::vector<network::PublishedPort> ports;
};
// InvalidArgument when it makes no sense.
Result<void> check_request(const EndpointRequest& request);
// Its id can be the name of a file. InvalidArgument.
Result<void> check_container_id(const std::string& id);

// A connected container. The caller keeps it (it is a plain value) and hands it to start() of the
// next daemon.
struct Endpoint {
  std::string container_id;
  std::string container_name;
  std::string network{network::kOwnBridge};
  std::string endpoint_id;    // 64 hex digits, as Docker's EndpointID
  std::string netns_path;     // for the OCI spec's network namespace; Docker's SandboxKey
  std::string link = "eth0";  // in the container
  network::Subnet address;    // with the prefix length
  network::IpAddress gateway;
  bool default_route = true;
  network::MacAddress mac;
  std::vector<network::PublishedPort> ports;  // with the host ports that were chosen

  bool operator==(const Endpoint&) const = default;
};

// The host's end. Made from the endpoint's id, so that the next daemon finds it; not from the
// container's, which may be connected again while its last link is still being removed.
std::string veth_name(const Endpoint& endpoint);

}  // namespace shoal::netdriver
