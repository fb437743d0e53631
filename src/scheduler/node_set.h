// The scheduler's picture of the nodes: what each one is, runs, and has left.
//
// Every node has a place (a small number, used again after the node is gone) by which flat arrays
// are indexed. Claims are idempotent per task, so that the scheduler's own decision and the durable
// batch that confirms it count once.
#pragma once

#include <array>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <vector>

#include "model/node.h"
#include "model/resources.h"
#include "model/task.h"

namespace shoal::scheduler {

// Tasks that are alike: of one service and one version of its spec.
struct GroupKey {
  model::ServiceId service;
  model::Version spec_version = 0;

  auto operator<=>(const GroupKey&) const = default;
};

// Failures within kFailureWindow from which on a node is chosen last.
inline constexpr uint32_t kFailuresMax = 5;
inline constexpr Duration kFailureWindow = 5min;
// Kept per node and group: more say nothing more.
inline constexpr size_t kFailuresKept = 64;

using HostPort = std::pair<model::PortProtocol, uint32_t>;
using Place = uint32_t;

// What a task takes of its node.
struct Claim {
  model::ServiceId service;
  model::Ref<model::TaskSpec> spec;
  model::Ref<model::Endpoint> endpoint;
  std::vector<model::GenericResource> generic;
  bool active = false;  // meant to run on: counts for the spread
};

struct NodeInfo {
  model::Ref<model::Node> node;
  Place place = 0;
  bool ready = false;  // READY and active
  // What is left. Below zero when the node shrank under its tasks.
  int64_t nano_cpus = 0;
  int64_t memory_bytes = 0;
  uint32_t active_tasks = 0;
  model::GenericResources generic;
  std::map<HostPort, uint32_t> host_ports;  // fixed ones, with the number of tasks
  std::map<model::TaskId, Claim> claims;
  std::map<GroupKey, std::vector<Time>> failures;

  // Failures of the group in the kFailureWindow before `now`; 0 when they are fewer than
  // kFailuresMax, because then they do not count.
  uint32_t penalty(const GroupKey& group, Time now) const;
};

// Fixed host-mode ports that a task binds on its node.
std::vector<HostPort> host_ports_of(const model::Endpoint& endpoint);

class NodeSet {
 public:
  void clear();
  // Adds the node or takes over what changed; its tasks stay. Returns its place.
  Place put(const model::Ref<model::Node>& node);
  // Gives back the place it had, or nothing.
  std::optional<Place> remove(const model::NodeId& id);

  // Counts the task on its node in the state it is in: a live one claims resources, an ended one
  // gives them back. Returns the place when the node now has more room than before.
  std::optional<Place> account(const model::Task& task);
  // Counts a task that the scheduler gives to the node now.
  void claim(NodeInfo& info, const model::Task& task);
  // The task is gone.
  std::optional<Place> forget(const model::NodeId& node, const model::TaskId& task);
  // Remembers a failure; the time is that of the report.
  void note_failure(const model::NodeId& node, const GroupKey& group, Time at);

  NodeInfo* find(const model::NodeId& id);
  bool exists(Place place) const { return place < by_place_.size() && by_place_[place]; }
  NodeInfo& at(Place place) { return *by_place_[place]; }
  // In id order.
  const std::vector<NodeInfo*>& ordered() const { return ordered_; }
  size_t size() const { return ordered_.size(); }
  // Places are below this.
  size_t place_count() const { return by_place_.size(); }

  // Active tasks of a service, by place.
  const std::map<Place, uint32_t>& active_of(const model::ServiceId& service) const;

 private:
  void refresh(NodeInfo& info, const model::Ref<model::Node>& node);
  void take(NodeInfo& info, const Claim& claim, int sign);
  void count_active(NodeInfo& info, const Claim& claim, bool more);
  bool drop_claim(NodeInfo& info, const model::TaskId& task);

  std::map<model::NodeId, std::unique_ptr<NodeInfo>> nodes_;
  std::vector<NodeInfo*> ordered_;
  std::vector<NodeInfo*> by_place_;  // null where a place is free
  std::set<Place> free_places_;
  std::map<model::ServiceId, std::map<Place, uint32_t>> active_;
};

}  // namespace shoal::scheduler
