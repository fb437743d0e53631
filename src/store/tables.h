// The in-memory tables, one per kind of object, with the indexes that the control loops need.
//
// Lookups by any index cost O(log n) plus what they return; iteration is in id order, so that no
// decision depends on hashing. Objects are shared and immutable: holding a Ref is a snapshot.
#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "store/engine.h"

namespace shoal::store {

// Objects with a unique name: clusters, services, networks (and later secrets, configs).
template <class T>
class NamedTable {
 public:
  using IdType = decltype(T::id);

  model::Ref<T> get(const IdType& id) const;           // null when there is none
  model::Ref<T> by_name(std::string_view name) const;  // null when there is none
  // All whose id starts with `prefix`, in id order, at most `limit`.
  std::vector<model::Ref<T>> by_prefix(std::string_view prefix, size_t limit) const;
  const std::map<IdType, model::Ref<T>>& all() const { return by_id_; }
  size_t size() const { return by_id_.size(); }

 private:
  friend class Tables;
  std::map<IdType, model::Ref<T>> by_id_;
  std::map<std::string, IdType, std::less<>> by_name_;
};

class NodeTable {
 public:
  model::Ref<model::Node> get(const model::NodeId& id) const;
  // Hostnames are not unique.
  std::vector<model::Ref<model::Node>> by_hostname(std::string_view hostname) const;
  std::vector<model::Ref<model::Node>> by_prefix(std::string_view prefix, size_t limit) const;
  const std::map<model::NodeId, model::Ref<model::Node>>& all() const { return by_id_; }
  size_t size() const { return by_id_.size(); }

 private:
  friend class Tables;
  std::map<model::NodeId, model::Ref<model::Node>> by_id_;
  std::set<std::pair<std::string, model::NodeId>> by_hostname_;
};

class TaskTable {
 public:
  using Tasks = std::vector<model::Ref<model::Task>>;

  model::Ref<model::Task> get(const model::TaskId& id) const;
  Tasks by_service(const model::ServiceId& service) const;
  Tasks by_node(const model::NodeId& node) const;
  Tasks by_slot(const model::ServiceId& service, uint64_t slot) const;
  // In observed state `state`, any service.
  Tasks by_state(model::TaskState state) const;
  Tasks by_prefix(std::string_view prefix, size_t limit) const;
  // Tasks of a service whose state and desired state are both at most Running.
  size_t count_live(const model::ServiceId& service) const;
  const std::map<model::TaskId, model::Ref<model::Task>>& all() const { return by_id_; }
  size_t size() const { return by_id_.size(); }

 private:
  friend class Tables;
  // Sets of (key, id) rather than maps of vectors: one task's change costs O(log n).
  std::map<model::TaskId, model::Ref<model::Task>> by_id_;
  std::set<std::tuple<model::ServiceId, uint64_t, model::TaskId>> by_slot_;
  std::set<std::pair<model::NodeId, model::TaskId>> by_node_;
  std::set<std::pair<model::TaskState, model::TaskId>> by_state_;
};

class Tables {
 public:
  const NamedTable<model::Cluster>& clusters() const { return clusters_; }
  const NodeTable& nodes() const { return nodes_; }
  const NamedTable<model::Service>& services() const { return services_; }
  const TaskTable& tasks() const { return tasks_; }
  const NamedTable<model::Network>& networks() const { return networks_; }

  // Puts `after` in the place of `before` in every index. The store's own; planners never call it.
  void apply(const Change& change);

 private:
  NamedTable<model::Cluster> clusters_;
  NodeTable nodes_;
  NamedTable<model::Service> services_;
  TaskTable tasks_;
  NamedTable<model::Network> networks_;
};

}  // namespace shoal::store
