// The calls that change networks.
#include <algorithm>

#include "api/body.h"
#include "api/listing.h"
#include "api/networks/network_filter.h"
#include "api/networks/networks.h"
#include "api/rpc_error.h"
#include "codec/json_reader.h"
#include "codec/json_writer.h"
#include "model/validate.h"
#include "store/plan.h"

namespace shoal::api {
namespace {

std::string encode_created(const model::NetworkId& id) {
  codec::JsonWriter json;
  json.begin_object().field("Id", id.view()).field("Warning", "").end_object();
  return json.take();
}

std::string encode_pruned(const std::vector<std::string>& names) {
  codec::JsonWriter json;
  json.begin_object().key("NetworksDeleted");
  if (names.empty()) {
    json.null();
  } else {
    json.value(names);
  }
  json.end_object();
  return json.take();
}

}  // namespace

Result<store::Store*> NetworksApi::store_for_create() {
  SwarmBackend& swarm = context_.swarm;
  const bool is_worker =
      swarm.state() == LocalNodeState::Active && !swarm.store() && swarm.store_error().empty();
  if (!is_worker) return managed_store(swarm);
  return permission_denied(
      "Cannot create a multi-host network from a worker node. Please create the network from a "
      "manager node.");
}

os::Co<Result<void>> NetworksApi::create(Request& request, Responder& responder) {
  CO_ASSIGN_OR_RETURN(const std::string body, co_await json_body(request));
  CO_ASSIGN_OR_RETURN(codec::NetworkCreate create, codec::decode_network_create(body));
  CO_RETURN_IF_ERROR(check_kind(create));
  CO_ASSIGN_OR_RETURN(const store::Store* store, store_for_create());
  const std::string& name = create.spec.annotations.name;
  if (const auto same = store->read().networks().by_name(name); same && same->name() == name) {
    co_return already_exists("network with name {} already exists", name);
  }
  const auto id = model::NetworkId::random(context_.swarm.rng());
  const store::Store::Write write = [&](store::WriteTx& tx) -> Result<void> {
    RETURN_IF_ERROR(model::validate(create.spec));
    return create_network(tx, id, create.spec);
  };
  const auto done = co_await commit(context_.swarm, context_.loop.now(), write);
  if (!done) co_return std::unexpected(rpc_error(done.error()));
  responder.json(201, encode_created(id));
  co_return Result<void>{};
}

os::Co<Result<LiveUses>> NetworksApi::live_uses() {
  LiveUses uses;
  std::optional<model::TaskId> last;
  while (true) {
    CO_ASSIGN_OR_RETURN(const store::Store* store, managed_store(context_.swarm));
    const auto& all = store->read().tasks().all();
    auto at = last ? all.upper_bound(*last) : all.begin();
    for (size_t n = 0; n < kGatherTurn && at != all.end(); ++n, ++at) {
      const model::Task& task = *at->second;
      last = task.id;
      const bool lives = task.desired_state <= model::TaskState::Running &&
                         task.status.state <= model::TaskState::Running;
      if (!lives) continue;
      for (const auto& attachment : task.networks) uses.emplace(attachment.network, task.id);
    }
    if (at == all.end()) co_return uses;
    co_await context_.loop.turn();
  }
}

os::Co<Result<void>> NetworksApi::remove(Request& request, Responder& responder) {
  CO_ASSIGN_OR_RETURN(const Found found, find(request.param("id"), ""));
  if (found.shown.scope == "local") {
    co_return permission_denied("{} is a pre-defined network and cannot be removed",
                                found.shown.name);
  }
  CO_ASSIGN_OR_RETURN(const LiveUses uses, co_await live_uses());
  const auto id = model::NetworkId::of(found.shown.id);
  const store::Store::Write write = [&](store::WriteTx& tx) {
    return remove_network(tx, id, uses);
  };
  const auto done = co_await commit(context_.swarm, context_.loop.now(), write);
  if (!done) co_return std::unexpected(rpc_error(done.error()));
  responder.empty(204);
  co_return Result<void>{};
}

// Unused ones, in transactions of a bounded size; never the ingress network.
os::Co<Result<void>> NetworksApi::prune(Request& request, Responder& responder) {
  CO_ASSIGN_OR_RETURN(const PruneFilters filters, prune_filters(request, context_.loop.now()));
  std::vector<model::NetworkId> candidates;
  LiveUses uses;
  if (const store::Store* store = context_.swarm.store()) {
    for (const auto& [id, network] : store->read().networks().all()) {
      if (fits(filters, *network)) candidates.push_back(id);
    }
    CO_ASSIGN_OR_RETURN(uses, co_await live_uses());
  }
  std::vector<std::string> pruned;
  for (std::span<const model::NetworkId> rest = candidates; !rest.empty();) {
    const auto some = rest.first(std::min(rest.size(), store::kPlanChangesMax));
    rest = rest.subspan(some.size());
    std::vector<std::string> removed;
    const store::Store::Write write = [&](store::WriteTx& tx) -> Result<void> {
      ASSIGN_OR_RETURN(removed, remove_unused(tx, some, uses));
      return {};
    };
    const auto done = co_await commit(context_.swarm, context_.loop.now(), write);
    if (!done) co_return std::unexpected(rpc_error(done.error()));
    pruned.insert(pruned.end(), removed.begin(), removed.end());
  }
  responder.json(200, encode_pruned(pruned));
  co_return Result<void>{};
}

Result<std::string> NetworksApi::container_of(std::string_view body) {
  ASSIGN_OR_RETURN(const codec::JsonDocument document, codec::JsonDocument::parse(body));
  codec::JsonReader reader = document.root("NetworkConnect");
  std::string ref;
  reader.read("Container", ref);
  RETURN_IF_ERROR(document.status());
  if (ref.empty()) return invalid_argument("invalid name or ID supplied: \"\"");
  return node_.find_container(ref);
}

os::Co<Result<void>> NetworksApi::connect(Request& request, Responder&) {
  CO_ASSIGN_OR_RETURN(const std::string body, co_await json_body(request));
  CO_RETURN_IF_ERROR(container_of(body));
  CO_ASSIGN_OR_RETURN(const Found found, find(request.param("id"), ""));
  const codec::NetworkResource& network = found.shown;
  if (network.name == "host" && network.scope == "local") {
    co_return invalid_argument(
        "container cannot be disconnected from host network or connected to host network");
  }
  if (network.scope == "swarm" && found.stored && !network.attachable) {
    co_return permission_denied(
        "Could not attach to network {}: rpc error: code = PermissionDenied desc = network {} not "
        "manually attachable",
        network.name, network.name);
  }
  co_return unimplemented(
      "connecting a container to another network is not supported by this version of Shoal yet");
}

os::Co<Result<void>> NetworksApi::disconnect(Request& request, Responder&) {
  CO_ASSIGN_OR_RETURN(const std::string body, co_await json_body(request));
  CO_RETURN_IF_ERROR(container_of(body));
  CO_RETURN_IF_ERROR(find(request.param("id"), ""));
  co_return unimplemented(
      "disconnecting a container from its network is not supported by this version of Shoal yet");
}

}  // namespace shoal::api
