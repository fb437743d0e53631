#include "api/tasks.h"

#include <algorithm>

#include "api/listing.h"
#include "api/lookup.h"
#include "codec/json_objects.h"

namespace shoal::api {
namespace {

using model::Ref;
using model::Service;
using model::Task;
using Tasks = store::TaskTable::Tasks;
using Services = std::map<model::ServiceId, Ref<Service>>;
using Networks = codec::TaskEncoder::Networks;

Result<FilterValues> task_filters(const Request& request) {
  ASSIGN_OR_RETURN(FilterValues filters, parse_filters(request.query_value("filters")));
  RETURN_IF_ERROR(check_filter_names(filters, {"_up-to-date", "desired-state", "id", "label",
                                               "name", "node", "runtime", "service"}));
  if (const auto states = filters.find("desired-state"); states != filters.end()) {
    for (const auto& value : states->second) {
      if (value != "running" && value != "shutdown" && value != "accepted") {
        return invalid_argument("Invalid desired-state filter: '{}'", value);
      }
    }
  }
  return filters;
}

// Puts the full id in the place of every name or prefix in the filter.
template <class Find>
Result<void> resolve(FilterValues& filters, std::string_view name, Find find) {
  const auto found = filters.find(name);
  if (found == filters.end()) return {};
  std::set<std::string> ids;
  for (const auto& ref : found->second) {
    const auto object = find(ref);
    if (!object) return std::unexpected(object.error());
    ids.insert((*object)->id.str());
  }
  found->second = std::move(ids);
  return {};
}

// What the user means by "running" is everything that is wanted, by "shutdown" what is not.
std::string_view desired_word(const Task& task) {
  if (task.desired_state <= model::TaskState::Accepted) return "accepted";
  return task.desired_state <= model::TaskState::Complete ? "running" : "shutdown";
}

// The newest spec of its service would make the same task.
bool up_to_date(const Task& task, const Services& services) {
  const auto found = services.find(task.service_id);
  if (found == services.end()) return false;
  const Service& service = *found->second;
  if (task.spec_version == service.spec_version) return true;
  if (!task.spec || !service.spec.task) return false;
  const auto ports = [](const Ref<model::Endpoint>& endpoint) {
    return endpoint ? endpoint->ports : std::vector<model::PortConfig>{};
  };
  return (task.spec == service.spec.task || *task.spec == *service.spec.task) &&
         ports(task.endpoint) == ports(service.endpoint);
}

// Docker shows containers that users attached to networks only when asked to.
bool runtime_allowed(const FilterValues& filters, const Task& task) {
  if (!model::is_attachment(task)) return filter_allows(filters, "runtime", "container");
  return filters.contains("runtime") &&
         filter_allows(filters, "runtime", model::kAttachmentRuntime);
}

bool fits(const FilterValues& filters, const Task& task, const Services& services) {
  const auto prefix_of = [](std::string_view text) {
    return [text](const std::string& prefix) { return text.starts_with(prefix); };
  };
  static const model::Labels kNone;
  const auto& labels = task.service_annotations ? task.service_annotations->labels : kNone;
  const bool name_wanted = filters.contains("name");
  return filter_allows_any(filters, "id", prefix_of(task.id.view())) &&
         filter_allows(filters, "service", task.service_id.view()) &&
         filter_allows(filters, "node", task.node_id.view()) &&
         filter_allows(filters, "desired-state", desired_word(task)) &&
         runtime_allowed(filters, task) && filter_allows_labels(filters, "label", labels) &&
         (!name_wanted || filter_allows_any(filters, "name", prefix_of(model::task_name(task)))) &&
         (!filters.contains("_up-to-date") || up_to_date(task, services));
}

// Those that the tasks belong to.
Services services_of(const Tasks& tasks, const store::Store* store) {
  Services services;
  for (const auto& task : tasks) {
    if (!store || services.contains(task->service_id)) continue;
    const auto service = store->read().services().get(task->service_id);
    if (service) services.emplace(task->service_id, service);
  }
  return services;
}

// Nodes that are down, and since when.
using DownNodes = std::map<model::NodeId, Time>;

DownNodes down_nodes(const store::Tables& tables) {
  DownNodes down;
  for (const auto& [id, node] : tables.nodes().all()) {
    if (node->status.state == model::NodeState::Down) down.emplace(id, node->meta.updated_at);
  }
  return down;
}

// Nobody knows how a task of a node that is down does: what was heard last stays stored, so that
// the node can go on from there, but it is not shown as if it were so.
void encode(codec::JsonWriter& json, codec::TaskEncoder& encoder, const Task& task,
            const DownNodes& down) {
  const auto node = down.find(task.node_id);
  const bool unknown = node != down.end() && task.status.state >= model::TaskState::Assigned &&
                       task.status.state <= model::TaskState::Running;
  if (!unknown) return encoder.encode(json, task);
  Task shown = task;
  shown.status.state = model::TaskState::Orphaned;
  shown.status.timestamp = node->second;
  shown.status.message = "the node is down";
  shown.status.error =
      fmt::format("its node is down; it was {} before", model::to_string(task.status.state));
  encoder.encode(json, shown);
}

std::string encode_list(const Tasks& tasks, const FilterValues& filters, const Services& services,
                        const DownNodes& down, const Networks& networks) {
  codec::JsonWriter json;
  codec::TaskEncoder encoder(networks);
  json.begin_array();
  for (const auto& task : tasks) {
    if (fits(filters, *task, services)) encode(json, encoder, *task, down);
  }
  json.end_array();
  return json.take();
}

}  // namespace

void TasksApi::add_routes(Router& router) {
  router.get("/tasks", [this](Request& q, Responder& p) { return list(q, p); });
  router.get("/tasks/{id}", [this](Request& q, Responder& p) { return inspect(q, p); });
}

os::Co<Result<Tasks>> TasksApi::gather(const FilterValues& filters) {
  const Result<store::Store*> store = managed_store(context_.swarm);
  if (!store) co_return std::unexpected(store.error());
  const store::TaskTable& table = (*store)->read().tasks();
  Tasks tasks;
  const auto append = [&tasks](Tasks more) { tasks.insert(tasks.end(), more.begin(), more.end()); };
  if (const auto ids = filters.find("id"); ids != filters.end()) {
    for (const auto& id : ids->second) append(table.by_prefix(id, table.size()));
  } else if (const auto services = filters.find("service"); services != filters.end()) {
    for (const auto& id : services->second) append(table.by_service(model::ServiceId::of(id)));
  } else if (const auto nodes = filters.find("node"); nodes != filters.end()) {
    for (const auto& id : nodes->second) append(table.by_node(model::NodeId::of(id)));
  } else {
    co_return co_await gather_all();
  }
  co_return tasks;
}

os::Co<Result<Tasks>> TasksApi::gather_all() {
  Tasks tasks;
  std::optional<model::TaskId> last;
  while (true) {
    const Result<store::Store*> store = managed_store(context_.swarm);
    if (!store) co_return std::unexpected(store.error());
    const auto& all = (*store)->read().tasks().all();
    auto at = last ? all.upper_bound(*last) : all.begin();
    for (size_t n = 0; n < kGatherTurn && at != all.end(); ++n, ++at) tasks.push_back(at->second);
    if (at == all.end()) co_return tasks;
    last = tasks.back()->id;
    co_await context_.loop.turn();
  }
}

os::Co<Result<void>> TasksApi::list(Request& request, Responder& responder) {
  const Result<store::Store*> store = managed_store(context_.swarm);
  if (!store) co_return std::unexpected(store.error());
  Result<FilterValues> filters = task_filters(request);
  if (!filters) co_return std::unexpected(filters.error());
  const store::Tables& tables = (*store)->read();
  const auto service = [&](std::string_view ref) { return find_service(tables, ref); };
  const auto node = [&](std::string_view ref) {
    return find_node(tables, ref, context_.swarm.node_id());
  };
  if (const auto known = resolve(*filters, "service", service); !known) co_return known;
  if (const auto known = resolve(*filters, "node", node); !known) co_return known;
  const bool narrow =
      filters->contains("id") || filters->contains("service") || filters->contains("node");
  const size_t expected = narrow ? 0 : tables.tasks().all().size();
  CO_RETURN_IF_ERROR(co_await reserve_list(responder, expected));
  Result<Tasks> tasks = co_await gather(*filters);
  if (!tasks) co_return std::unexpected(tasks.error());
  const size_t count = tasks->size();
  if (narrow) CO_RETURN_IF_ERROR(co_await reserve_list(responder, count));
  Services services;
  if (filters->contains("_up-to-date")) {
    services = services_of(*tasks, context_.swarm.store());
  }
  const Result<store::Store*> now = managed_store(context_.swarm);
  if (!now) co_return std::unexpected(now.error());
  auto encode = [tasks = std::move(*tasks), filters = std::move(*filters),
                 services = std::move(services), down = down_nodes((*now)->read()),
                 networks = (*now)->read().networks().all()] {
    return encode_list(tasks, filters, services, down, networks);
  };
  co_return co_await answer_list(context_.loop, responder, count, std::move(encode));
}

os::Co<Result<void>> TasksApi::inspect(Request& request, Responder& responder) {
  const Result<store::Store*> store = managed_store(context_.swarm);
  if (!store) co_return std::unexpected(store.error());
  const auto task = find_task((*store)->read(), request.param("id"));
  if (!task) co_return std::unexpected(task.error());
  codec::JsonWriter json;
  codec::TaskEncoder encoder((*store)->read().networks().all());
  encode(json, encoder, **task, down_nodes((*store)->read()));
  responder.json(200, json.take());
  co_return Result<void>{};
}

}  // namespace shoal::api
