#include "codec/json_network.h"

#include "codec/json_objects.h"
#include "codec/json_reader.h"

namespace shoal::codec {
namespace {

using model::IpamConfig;
using model::Labels;
using model::Network;
using model::NetworkSpec;

void decode_ipam(JsonReader& reader, NetworkSpec& spec) {
  reader.read("Driver", spec.ipam_driver.name);
  reader.read("Options", spec.ipam_driver.options);
  for (auto& item : reader.children("Config", "IPAMConfig")) {
    IpamConfig& config = spec.ipam.emplace_back();
    item.read("Subnet", config.subnet);
    item.read("IPRange", config.range);
    item.read("Gateway", config.gateway);
    item.read("AuxiliaryAddresses", config.auxiliary);
  }
}

const std::vector<IpamConfig>& ipam_of(const Network& network) {
  return network.allocation ? network.allocation->ipam : network.spec.ipam;
}

Labels options_of(const Network& network) {
  Labels options = network.spec.driver.options;
  if (network.allocation) {
    options[std::string(kVniOption)] = std::to_string(network.allocation->vni);
  } else if (!network.error.empty()) {
    options[std::string(kErrorOption)] = network.error;
  }
  return options;
}

void encode_ipam(JsonWriter& json, const NetworkResource& network) {
  json.begin_object().field("Driver", network.ipam_driver).key("Options");
  if (network.ipam_options.empty()) {
    json.null();
  } else {
    json.value(network.ipam_options);
  }
  json.key("Config");
  if (network.ipam.empty() && network.scope == "local") {
    json.null().end_object();
    return;
  }
  json.begin_array();
  for (const IpamConfig& config : network.ipam) {
    json.begin_object().optional_field("Subnet", config.subnet);
    json.optional_field("IPRange", config.range).optional_field("Gateway", config.gateway);
    json.optional_field("AuxiliaryAddresses", config.auxiliary).end_object();
  }
  json.end_array().end_object();
}

void encode_containers(JsonWriter& json, const NetworkResource& network) {
  json.begin_object();
  for (const auto& [id, container] : network.containers) {
    json.key(id).begin_object().field("Name", container.name);
    json.field("EndpointID", container.endpoint_id).field("MacAddress", container.mac);
    json.field("IPv4Address", container.ipv4).field("IPv6Address", container.ipv6).end_object();
  }
  json.end_object();
}

void encode_peers(JsonWriter& json, const NetworkResource& network) {
  if (network.peers.empty()) return;
  json.key("Peers").begin_array();
  for (const auto& peer : network.peers) {
    json.begin_object().field("Name", peer.name).field("IP", peer.address).end_object();
  }
  json.end_array();
}

void encode_services(JsonWriter& json, const NetworkResource& network) {
  if (!network.services) return;
  json.key("Services").begin_object();
  for (const auto& [name, service] : *network.services) {
    const bool has_address = !service.virtual_ip.empty();
    json.key(name).begin_object().field("VIP", has_address ? service.virtual_ip : "<nil>");
    json.field("Ports", service.ports).field("LocalLBIndex", 0).key("Tasks").begin_array();
    for (const auto& task : service.tasks) {
      json.begin_object().field("Name", task.name).field("EndpointID", task.endpoint_id);
      json.field("EndpointIP", task.address).key("Info").begin_object();
      json.field("Host IP", task.host).end_object().end_object();
    }
    json.end_array().end_object();
  }
  json.end_object();
}

// Docker's IPAMOptions; auxiliary addresses have no place in it.
void encode_ipam_options(JsonWriter& json, const model::Driver& driver,
                         const std::vector<IpamConfig>& configs) {
  json.key("IPAMOptions").begin_object().key("Driver").begin_object();
  json.optional_field("Name", driver.name).optional_field("Options", driver.options).end_object();
  if (!configs.empty()) {
    json.key("Configs").begin_array();
    for (const IpamConfig& config : configs) {
      json.begin_object().optional_field("Subnet", config.subnet);
      json.optional_field("Range", config.range).optional_field("Gateway", config.gateway);
      json.end_object();
    }
    json.end_array();
  }
  json.end_object();
}

void encode_spec(JsonWriter& json, const NetworkSpec& spec) {
  json.begin_object().field("Name", spec.annotations.name);
  json.field("Labels", spec.annotations.labels);
  json.key("DriverConfiguration").begin_object().optional_field("Name", spec.driver.name);
  json.optional_field("Options", spec.driver.options).end_object();
  json.optional_field("IPv6Enabled", spec.ipv6).optional_field("Internal", spec.internal);
  json.optional_field("Attachable", spec.attachable).optional_field("Ingress", spec.ingress);
  if (!spec.ipam_driver.name.empty() || !spec.ipam.empty()) {
    encode_ipam_options(json, spec.ipam_driver, spec.ipam);
  }
  json.field("Scope", "swarm").end_object();
}

}  // namespace

Result<NetworkCreate> decode_network_create(std::string_view json) {
  ASSIGN_OR_RETURN(const JsonDocument document, JsonDocument::parse(json));
  JsonReader reader = document.root("NetworkCreateRequest");
  NetworkCreate create;
  NetworkSpec& spec = create.spec;
  reader.read("Name", spec.annotations.name);
  reader.read("Labels", spec.annotations.labels);
  reader.read("Driver", spec.driver.name);
  reader.read("Options", spec.driver.options);
  reader.read("EnableIPv4", create.ipv4);
  reader.read("EnableIPv6", spec.ipv6);
  reader.read("Internal", spec.internal);
  reader.read("Attachable", spec.attachable);
  reader.read("Ingress", spec.ingress);
  reader.read("Scope", create.scope);
  reader.read("ConfigOnly", create.config_only);
  if (auto from = reader.child("ConfigFrom", "ConfigReference")) {
    from->read("Network", create.config_from);
  }
  if (auto ipam = reader.child("IPAM", "IPAM")) decode_ipam(*ipam, spec);
  RETURN_IF_ERROR(document.status());
  return create;
}

NetworkResource resource_of(const Network& network) {
  const NetworkSpec& spec = network.spec;
  NetworkResource shown;
  shown.name = network.name();
  shown.id = network.id.str();
  shown.created = network.meta.created_at;
  shown.scope = "swarm";
  shown.driver = spec.driver.name;
  shown.ipv6 = spec.ipv6;
  if (!spec.ipam_driver.name.empty()) shown.ipam_driver = spec.ipam_driver.name;
  shown.ipam_options = spec.ipam_driver.options;
  shown.ipam = ipam_of(network);
  shown.internal = spec.internal;
  shown.attachable = spec.attachable;
  shown.ingress = spec.ingress;
  shown.options = options_of(network);
  shown.labels = spec.annotations.labels;
  return shown;
}

void encode_network(JsonWriter& json, const NetworkResource& network) {
  json.begin_object().field("Name", network.name).field("Id", network.id);
  json.field("Created", network.created).field("Scope", network.scope);
  json.field("Driver", network.driver);
  json.field("EnableIPv4", true).field("EnableIPv6", network.ipv6).key("IPAM");
  encode_ipam(json, network);
  json.field("Internal", network.internal).field("Attachable", network.attachable);
  json.field("Ingress", network.ingress);
  json.key("ConfigFrom").begin_object().field("Network", "").end_object();
  json.field("ConfigOnly", false).key("Containers");
  encode_containers(json, network);
  json.field("Options", network.options).field("Labels", network.labels);
  encode_peers(json, network);
  encode_services(json, network);
  json.end_object();
}

void encode_network_object(JsonWriter& json, const Network& network) {
  json.begin_object().field("ID", network.id.view());
  encode_meta(json, network.meta);
  json.key("Spec");
  encode_spec(json, network.spec);
  json.key("DriverState").begin_object();
  if (network.allocation) {
    json.field("Name", network.spec.driver.name).field("Options", options_of(network));
  }
  json.end_object();
  if (network.allocation) {
    const model::Driver driver{"default", network.spec.ipam_driver.options};
    encode_ipam_options(json, driver, network.allocation->ipam);
  }
  json.end_object();
}

}  // namespace shoal::codec
