// The calls that change networks.
#include <algorithm>

#include "api/body.h"
#include "api/listing.h"
#include "api/networks/network_filter.h"
#include "api/networks/networks.h"
#include "api/rpc_error.h"
#include "codec/json_writer.h"
#include "model/validate.h"
#include "store/plan.h"

namespace shoal::api {
namespace {

std::string encode_created(const std::string& id) {
  codec::JsonWriter json;
  json.begin_object().field("Id", id).field("Warning", "").end_object();
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

// Of this node or of the swarm.
Result<void> NetworksApi::check_name_is_free(const std::string& name) const {
  const auto taken = [&] { return already_exists("network with name {} already exists", name); };
  for (const auto& network : node_.networks.list()) {
    if (network->name() == name) return taken();
  }
  const store::Store* store = context_.swarm.store();
  if (!store) return {};
  const auto same = store->read().networks().by_name(name);
  return same && same->name() == name ? taken() : Result<void>{};
}

os::Co<Result<void>> NetworksApi::create(Request& request, Responder& responder) {
  CO_ASSIGN_OR_RETURN(const std::string body, co_await json_body(request));
  CO_ASSIGN_OR_RETURN(codec::NetworkCreate create, codec::decode_network_create(body));
  CO_RETURN_IF_ERROR(check_kind(create));
  std::string id;
  if (is_of_node(create)) {
    CO_ASSIGN_OR_RETURN(id, co_await create_here(std::move(create)));
  } else {
    CO_ASSIGN_OR_RETURN(id, co_await create_in_swarm(std::move(create)));
  }
  responder.json(201, encode_created(id));
  co_return Result<void>{};
}

os::Co<Result<std::string>> NetworksApi::create_here(codec::NetworkCreate create) {
  CO_RETURN_IF_ERROR(check_name_is_free(create.spec.annotations.name));
  CO_ASSIGN_OR_RETURN(const auto network, co_await node_.networks.create(std::move(create.spec)));
  co_return network->id;
}

os::Co<Result<std::string>> NetworksApi::create_in_swarm(codec::NetworkCreate create) {
  CO_RETURN_IF_ERROR(store_for_create());
  CO_RETURN_IF_ERROR(check_name_is_free(create.spec.annotations.name));
  const auto id = model::NetworkId::random(context_.swarm.rng());
  const store::Store::Write write = [&](store::WriteTx& tx) -> Result<void> {
    RETURN_IF_ERROR(model::validate(create.spec));
    return create_network(tx, id, create.spec);
  };
  const auto done = co_await commit(context_.swarm, context_.loop.now(), write);
  if (!done) co_return std::unexpected(rpc_error(done.error()));
  co_return id.str();
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
      if (!model::is_attachment(task)) continue;
      // It may have no address yet.
      for (const auto& network : task.spec->networks) {
        uses.emplace(model::NetworkId::of(network.target), task.id);
      }
    }
    if (at == all.end()) co_return uses;
    co_await context_.loop.turn();
  }
}

os::Co<Result<void>> NetworksApi::remove(Request& request, Responder& responder) {
  CO_ASSIGN_OR_RETURN(const Found found, find(request.param("id"), ""));
  if (found.shown.scope == "local") {
    CO_RETURN_IF_ERROR(co_await node_.networks.remove(found.shown.id));
  } else {
    CO_RETURN_IF_ERROR(co_await remove_from_swarm(model::NetworkId::of(found.shown.id)));
  }
  responder.empty(204);
  co_return Result<void>{};
}

os::Co<Result<void>> NetworksApi::remove_from_swarm(model::NetworkId id) {
  CO_ASSIGN_OR_RETURN(const LiveUses uses, co_await live_uses());
  const store::Store::Write write = [&](store::WriteTx& tx) {
    return remove_network(tx, id, uses);
  };
  const auto done = co_await commit(context_.swarm, context_.loop.now(), write);
  if (!done) co_return std::unexpected(rpc_error(done.error()));
  co_return Result<void>{};
}

os::Co<Result<void>> NetworksApi::prune(Request& request, Responder& responder) {
  CO_ASSIGN_OR_RETURN(const PruneFilters filters, prune_filters(request, context_.loop.now()));
  std::vector<std::string> pruned;
  co_await prune_here(filters, pruned);
  CO_RETURN_IF_ERROR(co_await prune_swarm(filters, pruned));
  responder.json(200, encode_pruned(pruned));
  co_return Result<void>{};
}

os::Co<> NetworksApi::prune_here(const PruneFilters& filters, std::vector<std::string>& pruned) {
  for (const auto& network : node_.networks.list()) {
    if (network->predefined || node_.networks.in_use(*network)) continue;
    if (!fits(filters, network->spec.annotations, network->created_at)) continue;
    const auto removed = co_await node_.networks.remove(network->id);
    if (removed) pruned.push_back(network->name());  // Somebody may have come in between.
  }
}

// Unused ones, in transactions of a bounded size; never the ingress network.
os::Co<Result<void>> NetworksApi::prune_swarm(const PruneFilters& filters,
                                              std::vector<std::string>& pruned) {
  std::vector<model::NetworkId> candidates;
  LiveUses uses;
  if (const store::Store* store = context_.swarm.store()) {
    for (const auto& [id, network] : store->read().networks().all()) {
      if (fits(filters, network->spec.annotations, network->meta.created_at)) {
        candidates.push_back(id);
      }
    }
    CO_ASSIGN_OR_RETURN(uses, co_await live_uses());
  }
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
  co_return Result<void>{};
}

}  // namespace shoal::api
