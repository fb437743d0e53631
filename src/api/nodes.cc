#include "api/nodes.h"

#include <algorithm>

#include "api/body.h"
#include "api/filters.h"
#include "api/listing.h"
#include "api/lookup.h"
#include "api/rpc_error.h"
#include "api/versions.h"
#include "codec/json_objects.h"

namespace shoal::api {
namespace {

using model::Node;
using model::NodeRole;
using model::Ref;

Result<void> check_words(const FilterValues& filters, std::string_view name,
                         std::initializer_list<std::string_view> words) {
  const auto found = filters.find(name);
  if (found == filters.end()) return {};
  for (const auto& value : found->second) {
    if (std::find(words.begin(), words.end(), value) == words.end()) {
      return invalid_argument("Invalid {} filter: '{}'", name, value);
    }
  }
  return {};
}

Result<FilterValues> node_filters(const Request& request) {
  ASSIGN_OR_RETURN(FilterValues filters, parse_filters(request.query_value("filters")));
  RETURN_IF_ERROR(
      check_filter_names(filters, {"id", "label", "node.label", "membership", "name", "role"}));
  RETURN_IF_ERROR(check_words(filters, "role", {"worker", "manager"}));
  RETURN_IF_ERROR(check_words(filters, "membership", {"accepted", "pending"}));
  return filters;
}

bool fits(const FilterValues& filters, const Node& node) {
  const auto starts = [](std::string_view text) {
    return [text](const std::string& prefix) { return text.starts_with(prefix); };
  };
  const std::string_view role = node.spec.role == NodeRole::Manager ? "manager" : "worker";
  return filter_allows_any(filters, "id", starts(node.id.view())) &&
         filter_allows_any(filters, "name", starts(node.description.hostname)) &&
         filter_allows(filters, "role", role) && filter_allows(filters, "membership", "accepted") &&
         filter_allows_labels(filters, "label", node.description.engine_labels) &&
         filter_allows_labels(filters, "node.label", node.spec.annotations.labels);
}

std::string encode_list(const std::vector<Ref<Node>>& nodes, const FilterValues& filters,
                        const model::NodeId& leader) {
  codec::JsonWriter json;
  json.begin_array();
  for (const auto& node : nodes) {
    if (fits(filters, *node)) codec::encode_node(json, *node, leader);
  }
  json.end_array();
  return json.take();
}

size_t manager_count(const store::Tables& tables) {
  return size_t(std::count_if(
      tables.nodes().all().begin(), tables.nodes().all().end(),
      [](const auto& entry) { return entry.second->spec.role == NodeRole::Manager; }));
}

// Writes a new spec over the stored one.
Result<void> write_spec(store::WriteTx& tx, const model::NodeId& id, model::Version version,
                        model::NodeSpec spec) {
  const Ref<Node> stored = tx.read().nodes().get(id);
  if (!stored) return not_found("node {} not found", id);
  if (stored->meta.version != version) return out_of_sequence("update out of sequence");
  if (stored->spec.role == NodeRole::Manager && spec.role == NodeRole::Worker) {
    if (manager_count(tx.read()) <= 1) {
      return failed_precondition("attempting to demote the last manager of the swarm");
    }
  } else if (stored->spec.role != spec.role) {
    return unimplemented("several managers are not supported by this version of Shoal yet");
  }
  Node changed = *stored;
  changed.spec = std::move(spec);
  return tx.update(std::move(changed));
}

Result<void> remove_node(store::WriteTx& tx, const model::NodeId& id, bool force) {
  const Ref<Node> node = tx.read().nodes().get(id);
  if (!node) return not_found("node {} not found", id);
  if (node->role == NodeRole::Manager) {
    return failed_precondition(
        "node {} is a cluster manager and is a member of the raft cluster. It must be demoted to "
        "worker before removal",
        id);
  }
  if (!force && node->status.state == model::NodeState::Ready) {
    return failed_precondition("node {} is not down and can't be removed", id);
  }
  return tx.remove(id);
}

}  // namespace

void NodesApi::add_routes(Router& router) {
  router.get("/nodes", [this](Request& q, Responder& p) { return list(q, p); });
  router.get("/nodes/{id}", [this](Request& q, Responder& p) { return inspect(q, p); });
  router.post("/nodes/{id}/update", [this](Request& q, Responder& p) { return update(q, p); });
  router.del("/nodes/{id}", [this](Request& q, Responder& p) { return remove(q, p); });
}

os::Co<Result<void>> NodesApi::list(Request& request, Responder& responder) {
  const Result<store::Store*> store = managed_store(context_.swarm);
  if (!store) co_return std::unexpected(store.error());
  const Result<FilterValues> filters = node_filters(request);
  if (!filters) co_return std::unexpected(filters.error());
  const size_t expected = (*store)->read().nodes().all().size();
  CO_RETURN_IF_ERROR(co_await reserve_list(responder, expected));
  const Result<store::Store*> now = managed_store(context_.swarm);
  if (!now) co_return std::unexpected(now.error());
  std::vector<Ref<Node>> nodes;
  for (const auto& [id, node] : (*now)->read().nodes().all()) nodes.push_back(node);
  const size_t count = nodes.size();
  auto encode = [nodes = std::move(nodes), filters = *filters, leader = context_.swarm.leader()] {
    return encode_list(nodes, filters, leader);
  };
  co_return co_await answer_list(context_.loop, responder, count, std::move(encode));
}

os::Co<Result<void>> NodesApi::inspect(Request& request, Responder& responder) {
  const Result<store::Store*> store = managed_store(context_.swarm);
  if (!store) co_return std::unexpected(store.error());
  const auto node = find_node((*store)->read(), request.param("id"), context_.swarm.node_id());
  if (!node) co_return std::unexpected(node.error());
  codec::JsonWriter json;
  codec::encode_node(json, **node, context_.swarm.leader());
  responder.json(200, json.take());
  co_return Result<void>{};
}

os::Co<Result<void>> NodesApi::update(Request& request, Responder& responder) {
  const Result<store::Store*> store = managed_store(context_.swarm);
  if (!store) co_return std::unexpected(store.error());
  const Result<std::string> body = co_await json_body(request);
  if (!body) co_return std::unexpected(body.error());
  Result<model::NodeSpec> spec = codec::decode_node_spec(*body);
  if (!spec) co_return std::unexpected(spec.error());
  const Result<model::Version> version = update_version(request, "node");
  if (!version) co_return std::unexpected(version.error());
  const Result<store::Store*> current = managed_store(context_.swarm);
  if (!current) co_return std::unexpected(current.error());
  const auto node = find_node((*current)->read(), request.param("id"), context_.swarm.node_id());
  if (!node) co_return std::unexpected(node.error());
  const store::Store::Write write = [&](store::WriteTx& tx) {
    return write_spec(tx, (*node)->id, *version, *spec);
  };
  const auto done = co_await commit(context_.swarm, context_.loop.now(), write);
  if (!done) co_return std::unexpected(rpc_error(done.error()));
  responder.empty(200);
  co_return Result<void>{};
}

os::Co<Result<void>> NodesApi::remove(Request& request, Responder& responder) {
  const Result<store::Store*> store = managed_store(context_.swarm);
  if (!store) co_return std::unexpected(store.error());
  const auto node = find_node((*store)->read(), request.param("id"), context_.swarm.node_id());
  if (!node) co_return std::unexpected(node.error());
  const bool force = request.query_flag("force");
  const store::Store::Write write = [&](store::WriteTx& tx) {
    return remove_node(tx, (*node)->id, force);
  };
  const auto done = co_await commit(context_.swarm, context_.loop.now(), write);
  if (!done) co_return std::unexpected(rpc_error(done.error()));
  responder.empty(200);
  co_return Result<void>{};
}

}  // namespace shoal::api
