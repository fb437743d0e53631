#include "api/endpoint_json.h"

namespace shoal::api {

Result<void> decode_endpoint(codec::JsonReader& settings, model::NetworkConnection& connection) {
  std::string mac;
  settings.read("MacAddress", mac);
  if (!mac.empty()) return unimplemented("a chosen MAC address is not supported yet");
  std::vector<std::string> links;
  settings.read("Links", links);
  if (!links.empty()) return unimplemented("links between containers are not supported yet");
  settings.read("Aliases", connection.aliases);
  auto ipam = settings.child("IPAMConfig", "EndpointIPAMConfig");
  if (!ipam) return {};
  ipam->read("IPv4Address", connection.address);
  std::string address6;
  ipam->read("IPv6Address", address6);
  if (!address6.empty()) return unimplemented("a chosen IPv6 address is not supported yet");
  std::vector<std::string> link_local;
  ipam->read("LinkLocalIPs", link_local);
  if (!link_local.empty()) return unimplemented("link-local addresses are not supported yet");
  return {};
}

}  // namespace shoal::api
