// The in-memory tables, one per kind of object, with the indexes that the control loops need.
//
// Lookups by any index cost O(log n) plus what they return; iteration is in id order, so that no
// decision depends on hashing. Objects are shared and immutable: holding a Ref is a snapshot.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "store/engine.h"
#include "store/sorted_set.h"

namespace shoal::store {

// Orders names as Swarm compares them: without regard to ASCII case.
struct NameLess {
  using is_transparent = void;
  bool operator()(std::string_view a, std::string_view b) const;
};

// Objects with a unique name: clusters, services, networks (and later secrets, configs).
template <class T>
class NamedTable {
 public:
  using IdType = decltype(T::id);

  model::Ref<T> get(const IdType& id) const;           // null when there is none
  model::Ref<T> by_name(std::string_view name) const;  // null when there is none; case is ignored
  // All whose id starts with `prefix`, in id order, at most `limit`.
  std::vector<model::Ref<T>> by_prefix(std::string_view prefix, size_t limit) const;
  const std::map<IdType, model::Ref<T>>& all() const { return by_id_; }
  size_t size() const { return by_id_.size(); }

 private:
  friend class Tables;
  void apply(const model::Ref<T>& before, const model::Ref<T>& after);

  std::map<IdType, model::Ref<T>> by_id_;
  std::map<std::string, IdType, NameLess> by_name_;
};

class NodeTable {
 public:
  model::Ref<model::Node> get(const model::NodeId& id) const;  // null when there is none
  // In id order. Hostnames are not unique; case is ignored.
  std::vector<model::Ref<model::Node>> by_hostname(std::string_view hostname) const;
  std::vector<model::Ref<model::Node>> by_prefix(std::string_view prefix, size_t limit) const;
  const std::map<model::NodeId, model::Ref<model::Node>>& all() const { return by_id_; }
  size_t size() const { return by_id_.size(); }

 private:
  friend class Tables;
  struct HostnameLess {
    bool operator()(const std::pair<std::string, model::NodeId>& a,
                    const std::pair<std::string, model::NodeId>& b) const;
  };
  void apply(const model::Ref<model::Node>& before, const model::Ref<model::Node>& after);

  std::map<model::NodeId, model::Ref<model::Node>> by_id_;
  SortedSet<std::pair<std::string, model::NodeId>, HostnameLess> by_hostname_;
};

class TaskTable {
 public:
  using Tasks = std::vector<model::Ref<model::Task>>;

  model::Ref<model::Task> get(const model::TaskId& id) const;  // null when there is none
  // Ordered by slot, then id.
  Tasks by_service(const model::ServiceId& service) const;
  // In id order. Tasks that have no node yet are not here: by_state(New or Pending) has them.
  Tasks by_node(const model::NodeId& node) const;
  // In id order; for a global service slot 0 holds all its tasks.
  Tasks by_slot(const model::ServiceId& service, uint64_t slot) const;
  // In observed state `state`, any service, in id order.
  Tasks by_state(model::TaskState state) const;
  Tasks by_prefix(std::string_view prefix, size_t limit) const;
  // Tasks of a service whose state and desired state are both at most Running. O(log n).
  size_t count_live(const model::ServiceId& service) const;
  size_t count_service(const model::ServiceId& service) const;  // all its tasks; O(log n)
  size_t count_node(const model::NodeId& node) const;           // all its tasks; O(log n)
  const std::map<model::TaskId, model::Ref<model::Task>>& all() const { return by_id_; }
  size_t size() const { return by_id_.size(); }

 private:
  friend class Tables;
  // A place in by_id_, which never moves: an index is touched only when its own key changes.
  using Row = const std::pair<const model::TaskId, model::Ref<model::Task>>*;
  struct RowLess {
    bool operator()(Row a, Row b) const { return a->first < b->first; }
  };
  struct SlotRow {
    uint64_t slot;
    Row row;
  };
  struct SlotRowLess {
    bool operator()(const SlotRow& a, const SlotRow& b) const {
      return a.slot != b.slot ? a.slot < b.slot : a.row->first < b.row->first;
    }
  };
  using Rows = SortedSet<Row, RowLess>;
  struct OfService {
    SortedSet<SlotRow, SlotRowLess> by_slot;
    size_t live_count = 0;
  };
  static Tasks tasks_of(const Rows* rows);

  void apply(const model::Ref<model::Task>& before, const model::Ref<model::Task>& after);
  void move_indexes(Row row, const model::Task* before, const model::Task* after);
  void leave_service(Row row, const model::Task& task);
  void count(const model::Task* before, const model::Task* after);

  std::map<model::TaskId, model::Ref<model::Task>> by_id_;
  std::map<model::ServiceId, OfService> by_service_;
  std::map<model::NodeId, Rows> by_node_;
  std::map<model::TaskState, Rows> by_state_;
};

class Tables {
 public:
  Tables() = default;
  // The indexes point into the tables; a map keeps its nodes when it is moved, not when copied.
  Tables(const Tables&) = delete;
  Tables& operator=(const Tables&) = delete;
  Tables(Tables&&) = default;
  Tables& operator=(Tables&&) = default;

  const NamedTable<model::Cluster>& clusters() const { return clusters_; }
  const NodeTable& nodes() const { return nodes_; }
  const NamedTable<model::Service>& services() const { return services_; }
  const TaskTable& tasks() const { return tasks_; }
  const NamedTable<model::Network>& networks() const { return networks_; }

  // Puts `after` in the place of `before` in every index. The store's own; planners never call it.
  // What is there must be `before`, and a new name must be free: WriteTx looks first.
  void apply(const Change& change);

 private:
  NamedTable<model::Cluster> clusters_;
  NodeTable nodes_;
  NamedTable<model::Service> services_;
  TaskTable tasks_;
  NamedTable<model::Network> networks_;
};

}  // namespace shoal::store
