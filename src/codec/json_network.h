// Networks as JSON of Docker's Engine API: what creates one, and the two shapes that Docker prints
// them in: as a network of a node or of the swarm (GET /networks), and as the swarm's object inside
// a task.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "codec/json_writer.h"
#include "model/network.h"

namespace shoal::codec {

// The driver option in which Docker shows the network's VXLAN id.
inline constexpr std::string_view kVniOption = "com.docker.network.driver.overlay.vxlanid_list";
// Docker has no field for the reason why a network has no subnet: it is shown among the options.
inline constexpr std::string_view kErrorOption = "shoal.error";

// POST /networks/create. As strict as Docker's decoder; what the values mean is not looked at.
struct NetworkCreate {
  model::NetworkSpec spec;
  std::string scope;  // as sent; mostly empty
  bool ipv4 = true;
  bool config_only = false;
  std::string config_from;
};
Result<NetworkCreate> decode_network_create(std::string_view json);

// --- GET /networks ---

// A container of this node in a network.
struct NetworkContainer {
  std::string name;
  std::string endpoint_id;
  std::string mac;
  std::string ipv4;  // CIDR text, like ipv6
  std::string ipv6;
};
struct NetworkPeer {
  std::string name;
  std::string address;
};
struct NetworkTask {
  std::string name;
  std::string endpoint_id;
  std::string address;  // without prefix length
  std::string host;     // the address of its node
};
struct NetworkService {
  std::string virtual_ip;  // without prefix length; empty: none
  std::vector<std::string> ports;
  std::vector<NetworkTask> tasks;
};

struct NetworkResource {
  std::string name;
  std::string id;
  Time created;
  std::string scope;  // "local", "swarm"
  std::string driver;
  bool ipv6 = false;
  std::string ipam_driver = "default";
  model::Labels ipam_options;
  std::vector<model::IpamConfig> ipam;
  bool internal = false;
  bool attachable = false;
  bool ingress = false;
  std::map<std::string, NetworkContainer> containers;  // by the container's id
  model::Labels options;
  model::Labels labels;
  std::vector<NetworkPeer> peers;
  std::optional<std::map<std::string, NetworkService>> services;  // by name; with ?verbose only
};
// As allocated or, before that, as asked for.
NetworkResource resource_of(const model::Network& network);
void encode_network(JsonWriter& json, const NetworkResource& network);

// --- in a task ---
void encode_network_object(JsonWriter& json, const model::Network& network);

}  // namespace shoal::codec
