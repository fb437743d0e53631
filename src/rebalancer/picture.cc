#include "rebalancer/picture.h"

namespace shoal::rebalancer {
namespace {

using model::Node;
using model::Ref;
using model::Task;
using model::TaskState;

bool has_failed(const Ref<Task>& task) {
  return task &&
         (task->status.state == TaskState::Failed || task->status.state == TaskState::Rejected);
}

}  // namespace

bool Picture::build(const store::Tables& tables) {
  size_t taken = 0;
  const auto& all = tables.nodes().all();
  for (auto at = all.upper_bound(reached_); !complete_ && at != all.end(); ++at) {
    if (taken >= kTasksPerPiece) return false;
    nodes_.put(at->second);
    for (const Ref<Task>& task : tables.tasks().by_node(at->first)) on_task(nullptr, task);
    taken += 1 + tables.tasks().count_node(at->first);
    reached_ = at->first;
  }
  complete_ = true;
  return true;
}

void Picture::on_batch(const store::Batch& batch) {
  for (const store::Change& change : batch.changes) {
    if (const auto* node = std::get_if<Ref<Node>>(&change.before)) {
      const auto& after = std::get<Ref<Node>>(change.after);
      if (after) {
        nodes_.put(after);
      } else {
        nodes_.remove((*node)->id);
      }
    } else if (const auto* task = std::get_if<Ref<Task>>(&change.before)) {
      on_task(*task, std::get<Ref<Task>>(change.after));
    }
  }
}

void Picture::on_task(const Ref<Task>& before, const Ref<Task>& after) {
  if (!after) {
    if (before->node_id) nodes_.forget(before->node_id, before->id);
    return;
  }
  if (!after->node_id) return;
  nodes_.account(*after);
  if (has_failed(after) && !has_failed(before) && after->slot != 0) {
    nodes_.note_failure(after->node_id, {after->service_id, after->spec_version},
                        after->meta.updated_at);
  }
}

}  // namespace shoal::rebalancer
