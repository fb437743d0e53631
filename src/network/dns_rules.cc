#include "network/dns_rules.h"

namespace shoal::network {
namespace {

constexpr auto kMap = "responder";
constexpr auto kChain = "ask";

PortKey key_of(PortProtocol protocol) {
  return {kDnsAddress, protocol, kDnsPort};
}

}  // namespace

Ruleset plan_dns_rules(const DnsPorts& ports) {
  Ruleset rules;
  rules.maps[kMap] = {MapShape::Leads::ToBackend, MapShape::Keys::AddressAndPort, Family::V4};
  rules.elements[kMap] = {
      {key_of(PortProtocol::Udp), Backend{kDnsAddress, ports.udp}},
      {key_of(PortProtocol::Tcp), Backend{kDnsAddress, ports.tcp}},
  };
  rules.chains[kChain] = {BaseChain{true, Hook::Output, Priority::DestinationNat},
                          {Rule{{}, FollowMap{kMap}}}};
  return rules;
}

DnsPorts ports_in_dns_rules(const Ruleset& found) {
  const auto elements = found.elements.find(kMap);
  const auto port_of = [&](PortProtocol protocol) -> uint16_t {
    if (elements == found.elements.end()) return 0;
    const auto at = elements->second.find(key_of(protocol));
    const auto* backend =
        at == elements->second.end() ? nullptr : std::get_if<Backend>(&at->second);
    return backend && backend->address == kDnsAddress ? backend->port : uint16_t{0};
  };
  return {port_of(PortProtocol::Udp), port_of(PortProtocol::Tcp)};
}

}  // namespace shoal::network
