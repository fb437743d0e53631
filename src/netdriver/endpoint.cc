#include "netdriver/endpoint.h"

#include <algorithm>

#include "netdriver/kernel.h"

namespace shoal::netdriver {
namespace {

constexpr size_t kContainerIdMax = 64;
constexpr size_t kLinkNameMax = 15;

}  // namespace

Result<void> check_container_id(const std::string& id) {
  const auto fits = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '.' || c == '-';
  };
  if (id.empty() || id.size() > kContainerIdMax || id[0] == '.' || !std::ranges::all_of(id, fits)) {
    return invalid_argument("invalid container id \"{}\"", id);
  }
  return {};
}

Result<void> check_request(const EndpointRequest& request) {
  RETURN_IF_ERROR(check_container_id(request.container_id));
  if (!request.default_route && !request.ports.empty()) {
    return invalid_argument("ports are published where a container's way out is");
  }
  if (request.ports.size() > kPortsPerEndpointMax) {
    return invalid_argument("{} published ports; at most {} are possible", request.ports.size(),
                            kPortsPerEndpointMax);
  }
  for (const auto& port : request.ports) {
    if (port.container_port == 0) return invalid_argument("invalid container port: 0");
  }
  if (request.address && !request.address->is_v4()) {
    return invalid_argument("invalid IPv4 address: {}", request.address->str());
  }
  return {};
}

std::string veth_name(const Endpoint& endpoint) {
  return (kVethPrefix + endpoint.endpoint_id).substr(0, kLinkNameMax);
}

}  // namespace shoal::netdriver
