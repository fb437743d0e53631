#include "api/networks/networks.h"

#include "api/listing.h"
#include "api/networks/network_details.h"
#include "api/networks/network_filter.h"

namespace shoal::api {
namespace {

using codec::JsonWriter;
using codec::NetworkResource;
using model::Network;
using model::Ref;

// More matches than this are counted as this many in the error.
constexpr size_t kMatchesMax = 100;

bool wants(std::string_view scope, std::string_view which) {
  return scope.empty() || scope == which;
}

NetworkResource resource_of(const model::NetworkView& view) {
  NetworkResource shown;
  shown.name = view.name;
  shown.id = view.id.str();
  shown.scope = "swarm";
  shown.driver = "overlay";
  for (const auto& config : view.ipam) {
    shown.ipv6 = shown.ipv6 || config.subnet.find(':') != std::string::npos;
  }
  shown.ipam = view.ipam;
  shown.internal = view.internal;
  shown.ingress = view.ingress;
  shown.options = view.options;
  shown.options[std::string(codec::kVniOption)] = std::to_string(view.vni);
  return shown;
}

std::string encode_list(const std::vector<NetworkResource>& networks,
                        const std::vector<Ref<Network>>& stored, const FilterValues& filters,
                        const std::set<std::string>& used) {
  JsonWriter json;
  json.begin_array();
  for (const auto& network : networks) {
    if (fits(filters, network, used)) codec::encode_network(json, network);
  }
  for (const auto& network : stored) {
    const NetworkResource shown = codec::resource_of(*network);
    if (fits(filters, shown, used)) codec::encode_network(json, shown);
  }
  json.end_array();
  return json.take();
}

std::string encode_one(const NetworkResource& network) {
  JsonWriter json;
  codec::encode_network(json, network);
  return json.take();
}

}  // namespace

NetworksApi::NetworksApi(Context context, Node node)
    : context_(context), node_(std::move(node)), local_(node_.networks, node_.members) {
  node_.networks.look_elsewhere([this](std::string_view ref) { return name_if_attachable(ref); });
}

void NetworksApi::add_routes(Router& router) {
  router.get("/networks", [this](Request& q, Responder& p) { return list(q, p); });
  router.get("/networks/{id...}", [this](Request& q, Responder& p) { return inspect(q, p); });
  router.post("/networks/create", [this](Request& q, Responder& p) { return create(q, p); });
  router.post("/networks/prune", [this](Request& q, Responder& p) { return prune(q, p); });
  router.del("/networks/{id...}", [this](Request& q, Responder& p) { return remove(q, p); });
  router.post("/networks/{id...}/connect",
              [this](Request& q, Responder& p) { return connect(q, p); });
  router.post("/networks/{id...}/disconnect",
              [this](Request& q, Responder& p) { return disconnect(q, p); });
}

std::vector<KnownNetwork> NetworksApi::known() const {
  return node_.known ? node_.known() : std::vector<KnownNetwork>();
}

std::vector<NetworkResource> NetworksApi::known_resources() {
  std::vector<NetworkResource> networks;
  if (context_.swarm.store()) return networks;  // The store knows more of them.
  for (const auto& network : known()) networks.push_back(resource_of(network.view));
  return networks;
}

void NetworksApi::add_containers(NetworkResource& shown) const {
  if (shown.scope == "local") return local_.add_containers(shown);
  for (auto& network : known()) {
    if (network.view.id.view() == shown.id) shown.containers = std::move(network.containers);
  }
}

// Those that services name or this node's containers are in.
std::set<std::string> NetworksApi::used_networks() {
  std::set<std::string> used;
  for (const auto& network : node_.networks.list()) {
    if (node_.networks.in_use(*network)) used.insert(network->id);
  }
  for (const auto& network : known()) {
    if (!network.containers.empty()) used.insert(network.view.id.str());
  }
  const store::Store* store = context_.swarm.store();
  if (!store) return used;
  for (const auto& [id, service] : store->read().services().all()) {
    for (const auto& network : service->spec.task->networks) used.insert(network.target);
  }
  for (const auto& [id, network] : store->read().networks().all()) {
    if (network->spec.ingress) used.insert(id.str());  // Never one to clear away.
  }
  return used;
}

os::Co<Result<void>> NetworksApi::list(Request& request, Responder& responder) {
  CO_ASSIGN_OR_RETURN(FilterValues filters, network_filters(request));
  const store::Store* before = context_.swarm.store();
  CO_RETURN_IF_ERROR(
      co_await reserve_list(responder, before ? before->read().networks().size() : 0));
  std::vector<NetworkResource> networks = local_.all();
  for (auto& network : known_resources()) networks.push_back(std::move(network));
  std::vector<Ref<Network>> stored;
  if (const store::Store* store = context_.swarm.store()) {
    for (const auto& [id, network] : store->read().networks().all()) stored.push_back(network);
  }
  std::set<std::string> used;
  if (filters.contains("dangling")) used = used_networks();
  const size_t count = stored.size();
  auto encode = [networks = std::move(networks), stored = std::move(stored),
                 filters = std::move(filters),
                 used = std::move(used)] { return encode_list(networks, stored, filters, used); };
  co_return co_await answer_list(context_.loop, responder, count, std::move(encode));
}

// By id or name.
std::optional<NetworksApi::Found> NetworksApi::find_exactly(std::string_view ref,
                                                            std::string_view scope) {
  const auto is_meant = [ref](const NetworkResource& shown) {
    return shown.id == ref || shown.name == ref;
  };
  if (wants(scope, "local")) {
    for (auto& shown : local_.all()) {
      if (is_meant(shown)) return Found{std::move(shown), nullptr};
    }
  }
  if (!wants(scope, "swarm")) return std::nullopt;
  if (const store::Store* store = context_.swarm.store()) {
    const auto& table = store->read().networks();
    Ref<Network> network;
    if (ref.size() <= kIdLength) network = table.get(model::NetworkId::of(ref));
    if (!network) network = table.by_name(ref);
    if (network && (network->id.view() == ref || network->name() == ref)) {
      return Found{codec::resource_of(*network), network};
    }
    if (auto shown = predefined_in_swarm(ref)) return Found{std::move(*shown), nullptr};
  }
  for (auto& shown : known_resources()) {
    if (is_meant(shown)) return Found{std::move(shown), nullptr};
  }
  return std::nullopt;
}

std::vector<NetworksApi::Found> NetworksApi::find_beginning(std::string_view ref,
                                                            std::string_view scope) {
  std::vector<Found> found;
  if (ref.empty()) return found;
  const auto take = [&](std::vector<NetworkResource> networks) {
    for (auto& shown : networks) {
      if (shown.id.starts_with(ref)) found.push_back({std::move(shown), nullptr});
    }
  };
  if (wants(scope, "local")) take(local_.all());
  if (!wants(scope, "swarm")) return found;
  take(known_resources());
  if (const store::Store* store = context_.swarm.store()) {
    for (const auto& network : store->read().networks().by_prefix(ref, kMatchesMax)) {
      found.push_back({codec::resource_of(*network), network});
    }
  }
  return found;
}

// By id, by name, then by an unambiguous beginning of the id.
Result<NetworksApi::Found> NetworksApi::find(std::string_view ref, std::string_view scope) {
  if (auto found = find_exactly(ref, scope)) return std::move(*found);
  std::vector<Found> begins = find_beginning(ref, scope);
  if (begins.empty()) return not_found("network {} not found", ref);
  if (begins.size() > 1) {
    return invalid_argument("network {} is ambiguous ({} matches found based on ID prefix)", ref,
                            begins.size());
  }
  return std::move(begins[0]);
}

os::Co<Result<void>> NetworksApi::inspect(Request& request, Responder& responder) {
  const auto id = request.param("id");
  CO_ASSIGN_OR_RETURN(Found found, find(id, request.query_value("scope")));
  add_containers(found.shown);
  if (!found.stored) {
    responder.json(200, encode_one(found.shown));
    co_return Result<void>{};
  }
  const Ref<Network> network = found.stored;
  CO_ASSIGN_OR_RETURN(NetworkDetails details, co_await gather_details(context_, network));
  const bool verbose = request.query_flag("verbose");
  const size_t count = verbose ? details.task_count : 0;
  CO_RETURN_IF_ERROR(co_await reserve_list(responder, count));
  auto encode = [shown = std::move(found.shown), details = std::move(details), network,
                 verbose]() mutable {
    add_peers(details, shown);
    if (verbose) add_services(details, *network, shown);
    return encode_one(shown);
  };
  co_return co_await answer_list(context_.loop, responder, count, std::move(encode));
}

}  // namespace shoal::api
