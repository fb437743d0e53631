#include "api/networks/networks.h"

#include <algorithm>

namespace shoal::api {
namespace {

using codec::JsonWriter;
using netdriver::NetworkMode;

constexpr auto kBridge = "bridge";
constexpr auto kNone = "none";

Result<FilterValues> network_filters(const Request& request) {
  ASSIGN_OR_RETURN(FilterValues filters, parse_filters(request.query_value("filters")));
  RETURN_IF_ERROR(
      check_filter_names(filters, {"dangling", "driver", "id", "label", "name", "scope", "type"}));
  if (const auto types = filters.find("type"); types != filters.end()) {
    for (const auto& type : types->second) {
      if (type != "builtin" && type != "custom") {
        return invalid_argument("invalid filter: 'type'='{}'", type);
      }
    }
  }
  return filters;
}

// Docker's order of the fields that only say what a network is not.
void encode_nature(JsonWriter& json) {
  json.field("Internal", false).field("Attachable", false).field("Ingress", false);
  json.key("ConfigFrom").begin_object().field("Network", "").end_object();
  json.field("ConfigOnly", false);
}

// What is not there yet, by the name that the answer gives it.
Handler refuse(std::string what) {
  return [what = std::move(what)](Request&, Responder&) -> os::Co<Result<void>> {
    return [](std::string named) -> os::Co<Result<void>> {
      co_return unimplemented("{} is not supported by this version of Shoal yet", named);
    }(what);
  };
}

}  // namespace

NetworksApi::NetworksApi(const netdriver::NodeNetwork& network, std::string node, Time created)
    : network_(network), node_(std::move(node)), created_(created) {
  networks_ = {{kBridge, "bridge", id_of(kBridge)},
               {"host", "host", id_of("host")},
               {kNone, "null", id_of(kNone)}};
}

std::string NetworksApi::id_of(std::string_view name) const {
  constexpr uint64_t kOffset = 14695981039346656037u;  // FNV-1a, only to seed the digits.
  constexpr uint64_t kPrime = 1099511628211u;
  uint64_t seed = kOffset;
  for (const char c : node_ + "/" + std::string(name)) seed = (seed ^ uint8_t(c)) * kPrime;
  Rng rng(seed);
  std::string id;
  for (int i = 0; i < 4; ++i) id += fmt::format("{:016x}", rng.next());
  return id;
}

void NetworksApi::add_routes(Router& router) {
  router.get("/networks", [this](Request& q, Responder& p) { return list(q, p); });
  router.get("/networks/{id}", [this](Request& q, Responder& p) { return inspect(q, p); });
  router.del("/networks/{id}", [this](Request& q, Responder& p) { return remove(q, p); });
  router.post("/networks/create", refuse("creating networks"));
  router.post("/networks/prune", [](Request&, Responder& responder) -> os::Co<Result<void>> {
    responder.json(200, R"({"NetworksDeleted":[]})");  // The predefined ones are never pruned.
    co_return Result<void>{};
  });
  router.post("/networks/{id}/connect", refuse("connecting a container to another network"));
  router.post("/networks/{id}/disconnect", refuse("disconnecting a container from its network"));
}

bool NetworksApi::fits(const FilterValues& filters, const Predefined& network) const {
  const auto holds = [](const std::string& text) {
    return [&text](const std::string& part) { return text.find(part) != std::string::npos; };
  };
  const auto is_no = [](const std::string& value) { return value == "false" || value == "0"; };
  return filter_allows_any(filters, "name", holds(network.name)) &&
         filter_allows_any(filters, "id", holds(network.id)) &&
         filter_allows(filters, "driver", network.driver) &&
         filter_allows(filters, "scope", "local") && filter_allows(filters, "type", "builtin") &&
         filter_allows_any(filters, "dangling", is_no) &&
         filter_allows_labels(filters, "label", {});
}

os::Co<Result<void>> NetworksApi::list(Request& request, Responder& responder) {
  CO_ASSIGN_OR_RETURN(const FilterValues filters, network_filters(request));
  JsonWriter json;
  json.begin_array();
  for (const auto& network : networks_) {
    if (fits(filters, network)) encode(json, network, false);
  }
  json.end_array();
  responder.json(200, json.take());
  co_return Result<void>{};
}

// By id, by name, then by an unambiguous beginning of the id.
Result<const NetworksApi::Predefined*> NetworksApi::find(std::string_view name_or_id) const {
  std::vector<const Predefined*> begins;
  for (const auto& network : networks_) {
    if (network.id == name_or_id || network.name == name_or_id) return &network;
    if (network.id.starts_with(name_or_id)) begins.push_back(&network);
  }
  if (begins.empty()) return not_found("network {} not found", name_or_id);
  if (begins.size() > 1) {
    return invalid_argument("network {} is ambiguous ({} matches found based on ID prefix)",
                            name_or_id, begins.size());
  }
  return begins[0];
}

os::Co<Result<void>> NetworksApi::inspect(Request& request, Responder& responder) {
  const auto id = request.param("id");
  CO_ASSIGN_OR_RETURN(const Predefined* network, find(id));
  const auto scope = request.query_value("scope");
  if (!scope.empty() && scope != "local") co_return not_found("network {} not found", id);
  JsonWriter json;
  encode(json, *network, true);
  responder.json(200, json.take());
  co_return Result<void>{};
}

os::Co<Result<void>> NetworksApi::remove(Request& request, Responder&) {
  const auto id = request.param("id");
  CO_ASSIGN_OR_RETURN(const Predefined* network, find(id));
  co_return permission_denied("{} is a pre-defined network and cannot be removed", network->name);
}

void NetworksApi::encode(JsonWriter& json, const Predefined& network, bool with_containers) const {
  const bool is_bridge = network.name == kBridge;
  json.begin_object().field("Name", network.name).field("Id", network.id);
  json.field("Created", created_).field("Scope", "local");
  json.field("Driver", network.driver).field("EnableIPv4", true).field("EnableIPv6", false);
  json.key("IPAM").begin_object().field("Driver", "default").key("Options").null();
  json.key("Config");
  if (is_bridge) {
    const auto& subnet = network_.subnet();
    const network::Subnet whole{subnet.first(), subnet.length};
    json.begin_array().begin_object().field("Subnet", whole.str());
    json.field("Gateway", subnet.address.str()).end_object().end_array();
  } else {
    json.null();
  }
  json.end_object();
  encode_nature(json);
  json.key("Containers").begin_object();
  if (with_containers) encode_containers(json, network);
  json.end_object();
  std::map<std::string, std::string> options;
  if (is_bridge) {
    options = {{"com.docker.network.bridge.default_bridge", "true"},
               {"com.docker.network.bridge.enable_icc", "true"},
               {"com.docker.network.bridge.enable_ip_masquerade", "true"},
               {"com.docker.network.bridge.host_binding_ipv4", "0.0.0.0"},
               {"com.docker.network.bridge.name", network_.bridge()},
               {"com.docker.network.driver.mtu", std::to_string(network_.mtu())}};
  }
  json.field("Options", options);
  json.field("Labels", std::map<std::string, std::string>{}).end_object();
}

void NetworksApi::encode_containers(JsonWriter& json, const Predefined& network) const {
  const auto mode = network.name == kBridge ? NetworkMode::Bridge : NetworkMode::None;
  if (mode == NetworkMode::None && network.name != kNone) return;  // Host needs no endpoint.
  for (const auto& endpoint : network_.endpoints()) {
    if (endpoint.mode != mode) continue;
    const bool addressed = endpoint.address.has_value();
    json.key(endpoint.container_id).begin_object().field("Name", endpoint.container_name);
    json.field("EndpointID", endpoint.endpoint_id);
    json.field("MacAddress", addressed ? endpoint.mac.str() : std::string());
    json.field("IPv4Address", addressed ? endpoint.address->str() : std::string());
    json.field("IPv6Address", "").end_object();
  }
}

}  // namespace shoal::api
