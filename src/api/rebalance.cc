#include "api/rebalance.h"

#include <algorithm>

#include "api/body.h"
#include "api/listing.h"
#include "api/lookup.h"
#include "api/rpc_error.h"
#include "codec/json_reader.h"
#include "codec/json_writer.h"
#include "rebalancer/outlook.h"

namespace shoal::api {
namespace {

using model::RebalanceState;
using model::Ref;
using model::Service;
using Services = std::vector<Ref<Service>>;

constexpr std::string_view kStopped = "stopped by a user";

Result<void> check_mode(const Service& service) {
  if (std::holds_alternative<model::ReplicatedMode>(service.spec.mode)) return {};
  if (std::holds_alternative<model::GlobalMode>(service.spec.mode)) {
    return invalid_argument(
        "service {} is global: it has one task on every node that fits, which cannot be rebalanced",
        service.name());
  }
  return invalid_argument("service {} is a job: its tasks end by themselves", service.name());
}

// Those services, each once; every replicated one when there is no name. In the order of their ids.
Result<Services> select(const store::Tables& tables, const std::vector<std::string>& names) {
  std::map<model::ServiceId, Ref<Service>> chosen;
  for (const std::string& name : names) {
    ASSIGN_OR_RETURN(const auto service, find_service(tables, name));
    RETURN_IF_ERROR(check_mode(*service));
    chosen[service->id] = service;
  }
  if (names.empty()) {
    for (const auto& [id, service] : tables.services().all()) {
      if (check_mode(*service)) chosen[id] = service;
    }
  }
  Services services;
  for (auto& [id, service] : chosen) services.push_back(std::move(service));
  return services;
}

std::string_view word(const std::optional<model::Rebalance>& rebalance) {
  if (!rebalance) return "none";
  switch (rebalance->state) {
    case RebalanceState::Moving:
      return "moving";
    case RebalanceState::Completed:
      return "completed";
    case RebalanceState::Ended:
      break;
  }
  return "ended";
}

void encode_node(codec::JsonWriter& json, std::string_view key, const model::NodeId& id,
                 const store::Tables& tables) {
  const auto node = tables.nodes().get(id);
  json.key(key).begin_object().field("ID", id.view());
  json.field("Hostname", node ? node->description.hostname : std::string()).end_object();
}

Result<std::vector<std::string>> decode_names(std::string_view body) {
  std::vector<std::string> names;
  if (body.empty()) return names;
  ASSIGN_OR_RETURN(const codec::JsonDocument document, codec::JsonDocument::parse(body));
  document.root("RebalanceRequest").read("Services", names);
  RETURN_IF_ERROR(document.status());
  return names;
}

// One that goes on is not begun again, and one that is over does not end again.
Result<void> write(store::WriteTx& tx, const model::ServiceId& id, RebalanceState to) {
  const auto stored = tx.read().services().get(id);
  const bool begins = to == RebalanceState::Moving;
  if (!stored || stored->is_rebalancing() == begins) return {};
  Service changed = *stored;
  if (begins) {
    changed.rebalance = model::Rebalance{.started_at = tx.now()};
  } else {
    changed.rebalance->state = to;
    changed.rebalance->ended_at = tx.now();
    changed.rebalance->message = kStopped;
  }
  return tx.update(std::move(changed));
}

}  // namespace

void RebalanceApi::add_routes(Router& router) {
  router.get("/shoal/v1/rebalance", [this](Request& q, Responder& p) { return show(q, p); });
  router.post("/shoal/v1/rebalance", [this](Request& q, Responder& p) { return begin(q, p); });
  router.post("/shoal/v1/rebalance/stop", [this](Request& q, Responder& p) { return stop(q, p); });
}

os::Co<Result<void>> RebalanceApi::show(Request& request, Responder& responder) {
  const bool with_moves = request.query_flag("plan");
  std::vector<std::string> names;
  for (const auto& [key, value] : request.query) {
    if (key == "service") names.push_back(value);
  }
  CO_ASSIGN_OR_RETURN(std::vector<Shown> services, co_await look_at(std::move(names)));
  bool truncated = false;
  if (with_moves) {
    const Result<bool> planned = co_await plan(services);
    if (!planned) co_return std::unexpected(planned.error());
    truncated = *planned;
  }
  answer(services, truncated, with_moves, responder);
  co_return Result<void>{};
}

os::Co<Result<void>> RebalanceApi::begin(Request& request, Responder& responder) {
  const Result<std::string> body = co_await json_body(request);
  if (!body) co_return std::unexpected(body.error());
  CO_ASSIGN_OR_RETURN(std::vector<std::string> names, decode_names(*body));
  co_return co_await change(std::move(names), RebalanceState::Moving, responder);
}

os::Co<Result<void>> RebalanceApi::stop(Request& request, Responder& responder) {
  const Result<std::string> body = co_await json_body(request);
  if (!body) co_return std::unexpected(body.error());
  CO_ASSIGN_OR_RETURN(std::vector<std::string> names, decode_names(*body));
  co_return co_await change(std::move(names), RebalanceState::Ended, responder);
}

os::Co<Result<void>> RebalanceApi::change(std::vector<std::string> names, RebalanceState to,
                                          Responder& responder) {
  const Result<store::Store*> store = managed_store(context_.swarm);
  if (!store) co_return std::unexpected(store.error());
  CO_ASSIGN_OR_RETURN(const Services services, select((*store)->read(), names));
  const store::Store::Write write_all = [&](store::WriteTx& tx) -> Result<void> {
    for (const auto& service : services) RETURN_IF_ERROR(write(tx, service->id, to));
    return {};
  };
  const auto done = co_await commit(context_.swarm, context_.loop.now(), write_all);
  if (!done) co_return std::unexpected(rpc_error(done.error()));
  std::vector<std::string> ids;
  for (const auto& service : services) ids.push_back(service->id.str());
  CO_ASSIGN_OR_RETURN(const std::vector<Shown> shown, co_await look_at(std::move(ids)));
  answer(shown, false, false, responder);
  co_return Result<void>{};
}

os::Co<Result<std::vector<RebalanceApi::Shown>>> RebalanceApi::look_at(
    std::vector<std::string> names) {
  const Result<store::Store*> store = managed_store(context_.swarm);
  if (!store) co_return std::unexpected(store.error());
  CO_ASSIGN_OR_RETURN(const Services services, select((*store)->read(), names));
  std::vector<Shown> shown;
  size_t visited = 0;
  for (const auto& service : services) {
    if (visited > kGatherTurn) {
      co_await context_.loop.turn();
      visited = 0;
    }
    Shown& one = shown.emplace_back();
    one.service = service;
    const Result<store::Store*> now = managed_store(context_.swarm);
    if (!now) co_return std::unexpected(now.error());
    if (!service->rebalance) continue;
    visited += (*now)->read().tasks().count_service(service->id);
    rebalancer::Outlook outlook = rebalancer::outlook_of((*now)->read(), *service);
    one.moved = outlook.moved;
    if (service->is_rebalancing()) one.waiting = std::move(outlook.reason);
  }
  co_return shown;
}

// One service after the other, as they would be carried out; what one moves counts for the next.
os::Co<Result<bool>> RebalanceApi::plan(std::vector<Shown>& services) {
  rebalancer::Picture picture;
  for (bool complete = false; !complete;) {
    const Result<store::Store*> store = managed_store(context_.swarm);
    if (!store) co_return std::unexpected(store.error());
    complete = picture.build((*store)->read());
    if (!complete) co_await context_.loop.turn();
  }
  size_t count = 0;
  for (Shown& one : services) {
    const Result<store::Store*> store = managed_store(context_.swarm);
    if (!store) co_return std::unexpected(store.error());
    rebalancer::Planner planner((*store)->read(), one.service);
    while (const auto move = planner.next(picture.nodes(), context_.loop.now())) {
      if (++count > kPlannedMovesMax) co_return true;
      planner.assume(*move, picture.nodes());
      one.moves.push_back(*move);
      co_await context_.loop.turn();
    }
  }
  co_return false;
}

void RebalanceApi::answer(const std::vector<Shown>& services, bool truncated, bool with_moves,
                          Responder& responder) {
  static const store::Tables kNone;
  const store::Store* store = context_.swarm.store();
  const store::Tables& tables = store ? store->read() : kNone;
  codec::JsonWriter json;
  json.begin_object().key("Services").begin_array();
  for (const Shown& one : services) {
    const auto& rebalance = one.service->rebalance;
    json.begin_object().field("ID", one.service->id.view()).field("Name", one.service->name());
    json.field("State", word(rebalance));
    if (rebalance) {
      json.field("StartedAt", rebalance->started_at).field("Moved", one.moved);
      json.optional_field("EndedAt", rebalance->ended_at);
      json.optional_field("Message", rebalance->message).optional_field("Waiting", one.waiting);
    }
    if (with_moves) json.key("Moves").begin_array();
    for (const rebalancer::Move& move : one.moves) {
      json.begin_object().field("Slot", move.slot).field("Task", move.task.view());
      encode_node(json, "From", move.from, tables);
      encode_node(json, "To", move.to, tables);
      json.end_object();
    }
    if (with_moves) json.end_array();
    json.end_object();
  }
  json.end_array();
  if (with_moves) json.field("Truncated", truncated);
  json.end_object();
  responder.json(200, json.take());
}

}  // namespace shoal::api
