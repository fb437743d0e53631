#include "api/lookup.h"

namespace shoal::api {
namespace {

// More matches than this are counted as this many in the error.
constexpr size_t kMatchesMax = 100;

template <class T>
Result<model::Ref<T>> only_one(std::vector<model::Ref<T>> found, std::string_view kind,
                               std::string_view ref) {
  if (found.empty()) return not_found("{} {} not found", kind, ref);
  if (found.size() > 1) {
    return invalid_argument("{} {} is ambiguous ({} matches found)", kind, ref, found.size());
  }
  return found[0];
}

template <class Table>
auto by_id_name_or_prefix(const Table& table, std::string_view kind, std::string_view ref)
    -> Result<decltype(table.by_name(ref))> {
  using IdType = typename Table::IdType;
  if (ref.size() <= kIdLength) {
    if (auto object = table.get(IdType::of(ref))) return object;
  }
  if (auto object = table.by_name(ref)) return object;
  if (ref.empty()) return not_found("{} {} not found", kind, ref);
  return only_one(table.by_prefix(ref, kMatchesMax), kind, ref);
}

}  // namespace

Result<model::Ref<model::Service>> find_service(const store::Tables& tables, std::string_view ref) {
  return by_id_name_or_prefix(tables.services(), "service", ref);
}

Result<model::Ref<model::Network>> find_network(const store::Tables& tables, std::string_view ref) {
  const auto& networks = tables.networks();
  if (ref.size() <= kIdLength) {
    if (auto network = networks.get(model::NetworkId::of(ref))) return network;
  }
  if (auto network = networks.by_name(ref); network && network->name() == ref) return network;
  if (ref.empty()) return not_found("network {} not found", ref);
  return only_one(networks.by_prefix(ref, kMatchesMax), "network", ref);
}

Result<model::Ref<model::Node>> find_node(const store::Tables& tables, std::string_view ref,
                                          const model::NodeId& self) {
  const auto& nodes = tables.nodes();
  if (ref == "self") {
    if (auto node = nodes.get(self)) return node;
  }
  if (ref.size() <= kIdLength) {
    if (auto node = nodes.get(model::NodeId::of(ref))) return node;
  }
  if (ref.empty()) return not_found("node {} not found", ref);
  if (auto named = nodes.by_hostname(ref); !named.empty()) return only_one(named, "node", ref);
  return only_one(nodes.by_prefix(ref, kMatchesMax), "node", ref);
}

Result<model::Ref<model::Task>> find_task(const store::Tables& tables, std::string_view ref) {
  const auto& tasks = tables.tasks();
  std::string_view id = ref;
  if (const size_t dot = ref.rfind('.'); dot != std::string_view::npos) id = ref.substr(dot + 1);
  if (id.empty()) return not_found("task {} not found", ref);
  if (id.size() <= kIdLength) {
    if (auto task = tasks.get(model::TaskId::of(id))) return task;
  }
  return only_one(tasks.by_prefix(id, kMatchesMax), "task", ref);
}

Result<model::Ref<model::Cluster>> find_cluster(const store::Tables& tables) {
  const auto& clusters = tables.clusters().all();
  if (clusters.empty()) return internal_error("the swarm has no settings");
  return clusters.begin()->second;
}

}  // namespace shoal::api
