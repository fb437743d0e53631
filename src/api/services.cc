#include "api/services.h"

#include "api/body.h"
#include "api/filters.h"
#include "api/listing.h"
#include "api/lookup.h"
#include "api/rpc_error.h"
#include "api/service_change.h"
#include "api/service_networks.h"
#include "api/versions.h"
#include "containers/names.h"

namespace shoal::api {
namespace {

using codec::ServiceCounts;
using model::Ref;
using model::Service;
using model::ServiceSpec;
using model::TaskState;
using Counts = std::map<model::ServiceId, ServiceCounts>;

// Specs larger than this are decoded on the pool.
constexpr size_t kDecodeInlineMax = 32'768;
// Tries for a made-up name that is free.
constexpr int kNameTries = 10;

std::string_view mode_word(const model::ServiceMode& mode) {
  static constexpr std::string_view kWords[] = {"replicated", "global", "replicated-job",
                                                "global-job"};
  return kWords[mode.index()];
}

Result<FilterValues> service_filters(const Request& request) {
  ASSIGN_OR_RETURN(FilterValues filters, parse_filters(request.query_value("filters")));
  RETURN_IF_ERROR(check_filter_names(filters, {"id", "label", "mode", "name", "runtime"}));
  return filters;
}

bool fits(const FilterValues& filters, const Service& service) {
  const auto starts = [](std::string_view text) {
    return [text](const std::string& prefix) { return text.starts_with(prefix); };
  };
  return filter_allows_any(filters, "id", starts(service.id.view())) &&
         filter_allows_any(filters, "name", starts(service.name())) &&
         filter_allows(filters, "mode", mode_word(service.spec.mode)) &&
         filter_allows(filters, "runtime", "container") &&
         filter_allows_labels(filters, "label", service.spec.annotations.labels);
}

std::string encode_list(const std::vector<Ref<Service>>& services,
                        const std::optional<Counts>& counts) {
  codec::JsonWriter json;
  json.begin_array();
  for (const auto& service : services) {
    std::optional<ServiceCounts> mine;
    if (counts) mine = counts->at(service->id);
    codec::encode_service(json, *service, mine);
  }
  json.end_array();
  return json.take();
}

// As last heard of, on a node that may still be running it.
bool is_running(const model::Task& task, const store::NodeTable& nodes) {
  if (task.status.state != TaskState::Running) return false;
  const auto node = nodes.get(task.node_id);
  return node && node->status.state != model::NodeState::Down;
}

// Docker's ServiceStatus for one service. What a global service wants is not written anywhere: it
// is the tasks that are desired to run.
ServiceCounts count(const Service& service, const store::Tables& tables,
                    const store::TaskTable::Tasks& tasks) {
  ServiceCounts counts;
  const bool is_global = std::holds_alternative<model::GlobalMode>(service.spec.mode);
  if (const auto* mode = std::get_if<model::ReplicatedMode>(&service.spec.mode)) {
    counts.desired = mode->replicas;
  } else if (const auto* job = std::get_if<model::ReplicatedJobMode>(&service.spec.mode)) {
    counts.desired = job->max_concurrent;
  }
  for (const auto& task : tasks) {
    if (is_global && task->desired_state == TaskState::Running) ++counts.desired;
    if (is_running(*task, tables.nodes())) ++counts.running;
    if (task->job_iteration && task->status.state == TaskState::Complete) ++counts.completed;
  }
  return counts;
}

AuthFrom auth_from(const Request& request) {
  return request.query_value("registryAuthFrom") == "previous-spec" ? AuthFrom::PreviousSpec
                                                                    : AuthFrom::Spec;
}

std::string encode_warnings(const std::string& id, const std::vector<std::string>& warnings) {
  codec::JsonWriter json;
  json.begin_object();
  if (!id.empty()) json.field("ID", id);
  if (!warnings.empty() || id.empty()) {
    json.key("Warnings");
    if (warnings.empty()) {
      json.null();
    } else {
      json.value(warnings);
    }
  }
  json.end_object();
  return json.take();
}

}  // namespace

void ServicesApi::add_routes(Router& router) {
  router.get("/services", [this](Request& q, Responder& p) { return list(q, p); });
  router.get("/services/{id}", [this](Request& q, Responder& p) { return inspect(q, p); });
  router.post("/services/create", [this](Request& q, Responder& p) { return create(q, p); });
  router.post("/services/{id}/update", [this](Request& q, Responder& p) { return update(q, p); });
  router.del("/services/{id}", [this](Request& q, Responder& p) { return remove(q, p); });
}

os::Co<Counts> ServicesApi::count_tasks(const std::vector<Ref<Service>>& services) {
  Counts counts;
  size_t visited = 0;
  for (const auto& service : services) {
    if (visited > kGatherTurn) {
      co_await context_.loop.turn();
      visited = 0;
    }
    static const store::Tables kNone;
    const store::Store* store = context_.swarm.store();
    const store::Tables& tables = store ? store->read() : kNone;
    const auto tasks = tables.tasks().by_service(service->id);
    visited += tasks.size() + 1;
    counts[service->id] = count(*service, tables, tasks);
  }
  co_return counts;
}

os::Co<Result<void>> ServicesApi::list(Request& request, Responder& responder) {
  const Result<store::Store*> store = managed_store(context_.swarm);
  if (!store) co_return std::unexpected(store.error());
  const Result<FilterValues> filters = service_filters(request);
  if (!filters) co_return std::unexpected(filters.error());
  const size_t expected = filters->empty() ? (*store)->read().services().all().size() : 0;
  CO_RETURN_IF_ERROR(co_await reserve_list(responder, expected));
  const Result<store::Store*> now = managed_store(context_.swarm);
  if (!now) co_return std::unexpected(now.error());
  std::vector<Ref<Service>> services;
  for (const auto& [id, service] : (*now)->read().services().all()) {
    if (fits(*filters, *service)) services.push_back(service);
  }
  if (!filters->empty()) CO_RETURN_IF_ERROR(co_await reserve_list(responder, services.size()));
  std::optional<Counts> counts;
  const bool known_to_client = request.version >= ApiVersion{1, 41};
  if (request.query_flag("status") && known_to_client) counts = co_await count_tasks(services);
  const size_t size = services.size();
  auto encode = [services = std::move(services), counts = std::move(counts)] {
    return encode_list(services, counts);
  };
  co_return co_await answer_list(context_.loop, responder, size, std::move(encode));
}

os::Co<Result<void>> ServicesApi::inspect(Request& request, Responder& responder) {
  const Result<store::Store*> store = managed_store(context_.swarm);
  if (!store) co_return std::unexpected(store.error());
  const auto service = find_service((*store)->read(), request.param("id"));
  if (!service) co_return std::unexpected(service.error());
  codec::JsonWriter json;
  if (request.query_flag("insertDefaults")) {
    Service full = **service;
    full.spec = codec::with_defaults(std::move(full.spec));
    codec::encode_service(json, full);
  } else {
    codec::encode_service(json, **service);
  }
  responder.json(200, json.take());
  co_return Result<void>{};
}

os::Co<Result<ServiceSpec>> ServicesApi::read_spec(Request& request) {
  const Result<std::string> body = co_await json_body(request);
  if (!body) co_return std::unexpected(body.error());
  const bool large = body->size() > kDecodeInlineMax;
  const auto decode = [&] { return codec::decode_service_spec(*body, request.version.minor); };
  Result<ServiceSpec> spec = internal_error("not decoded");
  if (large) {
    spec = co_await context_.loop.offload(decode);
  } else {
    spec = decode();
  }
  co_return spec;
}

os::Co<Result<void>> ServicesApi::create(Request& request, Responder& responder) {
  const Result<store::Store*> store = managed_store(context_.swarm);
  if (!store) co_return std::unexpected(store.error());
  Result<ServiceSpec> spec = co_await read_spec(request);
  if (!spec) co_return std::unexpected(spec.error());
  const Result<store::Store*> current = managed_store(context_.swarm);
  if (!current) co_return std::unexpected(current.error());
  if (const std::string_view auth = request.header("x-registry-auth"); !auth.empty()) {
    model::TaskSpec task = *spec->task;
    task.container.registry_auth = std::string(auth);
    spec->task = std::make_shared<const model::TaskSpec>(std::move(task));
  }
  Rng& rng = context_.swarm.rng();
  for (int n = 0; spec->annotations.name.empty() && n < kNameTries; ++n) {
    std::string name = containers::make_up_name(rng, n);
    if (!(*current)->read().services().by_name(name)) spec->annotations.name = std::move(name);
  }
  CO_RETURN_IF_ERROR(check_networks_known((*current)->read(), *spec));
  if (const Result<void> sound = check_spec(*spec); !sound) {
    co_return std::unexpected(rpc_error(sound.error()));
  }
  const auto id = model::ServiceId::random(rng);
  const std::vector<std::string> warnings = spec_warnings(*spec);
  const store::Store::Write write = [&](store::WriteTx& tx) {
    return create_service(tx, id, *spec);
  };
  const auto done = co_await commit(context_.swarm, context_.loop.now(), write);
  if (!done) co_return std::unexpected(rpc_error(done.error()));
  responder.json(201, encode_warnings(id.str(), warnings));
  co_return Result<void>{};
}

os::Co<Result<void>> ServicesApi::update(Request& request, Responder& responder) {
  const Result<store::Store*> store = managed_store(context_.swarm);
  if (!store) co_return std::unexpected(store.error());
  ServiceUpdate update;
  update.rollback = request.query_value("rollback") == "previous";
  update.registry_auth = std::string(request.header("x-registry-auth"));
  update.auth_from = auth_from(request);
  Result<ServiceSpec> spec = co_await read_spec(request);
  if (!spec) co_return std::unexpected(spec.error());
  const Result<model::Version> version = update_version(request, "service");
  if (!version) co_return std::unexpected(version.error());
  const Result<store::Store*> current = managed_store(context_.swarm);
  if (!current) co_return std::unexpected(current.error());
  const auto service = find_service((*current)->read(), request.param("id"));
  if (!service) co_return std::unexpected(service.error());
  update.id = (*service)->id;
  update.version = *version;
  update.spec = std::move(*spec);
  CO_RETURN_IF_ERROR(check_networks_known((*current)->read(), update.spec));
  const bool same_kind = update.spec.mode.index() == (*service)->spec.mode.index();
  if (const Result<void> sound = check_spec(update.spec); same_kind && !sound) {
    co_return std::unexpected(rpc_error(sound.error()));
  }
  const std::vector<std::string> warnings = spec_warnings(update.spec);
  const store::Store::Write write = [&](store::WriteTx& tx) { return update_service(tx, update); };
  const auto done = co_await commit(context_.swarm, context_.loop.now(), write);
  if (!done) co_return std::unexpected(rpc_error(done.error()));
  responder.json(200, encode_warnings("", warnings));
  co_return Result<void>{};
}

os::Co<Result<void>> ServicesApi::remove(Request& request, Responder& responder) {
  const Result<store::Store*> store = managed_store(context_.swarm);
  if (!store) co_return std::unexpected(store.error());
  const auto service = find_service((*store)->read(), request.param("id"));
  if (!service) co_return std::unexpected(service.error());
  const auto id = (*service)->id;
  const store::Store::Write write = [&](store::WriteTx& tx) { return remove_service(tx, id); };
  const auto done = co_await commit(context_.swarm, context_.loop.now(), write);
  if (!done) co_return std::unexpected(rpc_error(done.error()));
  responder.empty(200);
  co_return Result<void>{};
}

}  // namespace shoal::api
