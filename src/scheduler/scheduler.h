// The scheduler: gives every pending task a node, or says why it cannot.
//
// Pure, a control loop (store/plan.h). Writes node_id, PENDING -> ASSIGNED, and the error text of a
// pending task ("no suitable node (insufficient resources on 2 nodes)"). Tasks of one service and
// spec version form a group: they are alike, so the nodes are filtered once and the reason is made
// once for all of them. A group that found no node is looked at again only when a node changed or
// got room, and then only at that node.
//
// Order of choice (semantics 2.5): placement preferences spread the tasks over the branches of a
// tree of labels; within a branch nodes with 5 or more recent failures of the group come last, then
// the fewest active tasks of the service wins, then the fewest active tasks, then the lowest id.
//
// A task that already names its node (global services) is only checked against the filters, and an
// attachment against nothing: it only has to wait for its node to be known. A pending task that was
// told to stop ends here as SHUTDOWN: no agent will ever hear of it.
//
// Its picture of the nodes comes from durable batches and, at once, from its own decisions.
//
// Thread: the control thread.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "scheduler/group.h"
#include "scheduler/node_set.h"
#include "scheduler/pipeline.h"
#include "scheduler/spread.h"
#include "store/plan.h"

namespace shoal::scheduler {

// Bounds one plan: so many placements take about 2 ms, and the control thread has others to serve.
inline constexpr size_t kChangesMax = 1'000;
// Lists of preferences whose branches are remembered.
inline constexpr size_t kSpreadsMax = 64;
// The reason of a group that stays blocked is rewritten at most this often.
inline constexpr Duration kReasonPause = 1s;

class Scheduler {
 public:
  void reset(const store::Tables& tables);
  void on_batch(const store::Batch& batch);
  store::Plan plan(const store::Tables& tables, Time now);
  std::optional<Time> next_deadline() const;

 private:
  // A call of plan(): where the tasks come from and the changes go to.
  struct Round {
    const store::Tables& tables;
    Time now;
    store::Plan& plan;

    bool full() const { return plan.update_tasks.size() >= kChangesMax; }
  };

  void on_node(const model::Ref<model::Node>& before, const model::Ref<model::Node>& after);
  void on_task(const model::Ref<model::Task>& before, const model::Ref<model::Task>& after);
  void note_room(std::optional<Place> place);
  void enqueue(const model::Task& task);
  void dequeue(const model::Task& task);

  void end_stopped(Round& round);
  void look_again(const Round& round);
  bool recheck(const GroupKey& key, Group& group, const Round& round);
  void place_queued(Round& round);
  void place_group(const GroupKey& key, Group& group, const model::Task& sample, Round& round);
  SpreadTree survey(const GroupKey& key, const model::Task& sample, Refusals& refusals, Time now);
  void place_on(const GroupKey& key, const model::Task& task, NodeInfo& info, SpreadTree& tree,
                Refusals& refusals, Round& round);
  Refusal check_preassigned(const model::Task& task, const NodeInfo& info);
  void place_preassigned(Round& round);
  void assign(model::Task task, NodeInfo& info, std::string_view message, Round& round);

  void block(const GroupKey& key, Group& group, const model::Task& sample, Refusals refusals,
             const Round& round);
  void set_reason(const GroupKey& key, Group& group, std::string reason, Time now);
  void tell_later(const GroupKey& key, Group& group, Time at);
  void tell_reasons(Round& round);
  void tell(const model::Task& task, const std::string& reason, Round& round);
  void requeue(const GroupKey& key, Group& group);
  SpreadLeaves& leaves_for(const model::TaskSpec& spec);

  NodeSet nodes_;
  Pipeline pipeline_;
  std::map<GroupKey, Group> groups_;
  std::deque<GroupKey> queue_;  // groups to place, each once
  std::set<GroupKey> blocked_;
  std::set<Place> roomier_;                      // changed since blocked groups looked at them
  std::set<std::pair<Time, GroupKey>> telling_;  // groups with untold tasks
  std::set<model::TaskId> preassigned_due_;
  std::map<model::NodeId, std::set<model::TaskId>> preassigned_waiting_;
  std::set<model::TaskId> stopped_;
  std::map<std::vector<std::string>, SpreadLeaves> spreads_;
  std::vector<uint32_t> service_tasks_;  // by place; of the group under way
};

}  // namespace shoal::scheduler
