#include "orchestrator/restart_rules.h"

#include <algorithm>

namespace shoal::orchestrator {
namespace {

using model::Ref;
using model::Task;
using model::TaskState;
using Tasks = store::TaskTable::Tasks;

model::RestartPolicy policy_of(const model::TaskSpec& spec) {
  return spec.restart.value_or(model::RestartPolicy{});
}

// Replacements that count against max_attempts: every task of the same spec version but the first,
// with a window those made within it.
uint64_t count_restarts(const Task& ended, const Tasks& slot, Duration window, Time now) {
  const Time end = model::is_terminal(ended.status.state) ? ended.status.timestamp : now;
  uint64_t restarts = 0;
  bool first = true;
  for (const Ref<Task>& task : slot) {
    if (task->desired_state == TaskState::Remove || task->spec_version != ended.spec_version) {
      continue;
    }
    const bool in_window = window == Duration{0} || task->meta.created_at >= end - window;
    if (!first && in_window) ++restarts;
    first = false;
  }
  return restarts;
}

// The task that `task` follows: the youngest of those before it. Null when it was reaped.
const Task* predecessor(const Task& task, const Tasks& slot) {
  const Task* before = nullptr;
  for (const Ref<Task>& other : slot) {
    if (other->id == task.id) break;
    before = other.get();
  }
  return before;
}

bool left_drained_node(const Task& task, const store::Tables& tables) {
  if (task.node_id.empty()) return false;
  const auto node = tables.nodes().get(task.node_id);
  return node && node->spec.availability == model::Availability::Drain;
}

}  // namespace

Duration restart_delay(const model::TaskSpec& spec) {
  return policy_of(spec).delay.value_or(model::kDefaultRestartDelay);
}

bool should_restart(const Task& ended, const Tasks& slot, Time now) {
  const model::RestartPolicy policy = policy_of(*ended.spec);
  if (policy.condition == model::RestartCondition::None) return false;
  if (policy.condition == model::RestartCondition::OnFailure &&
      ended.status.state == TaskState::Complete) {
    return false;
  }
  if (policy.max_attempts == 0) return true;
  return count_restarts(ended, slot, policy.window, now) < policy.max_attempts;
}

Release release_time(const Task& task, const Tasks& slot, const store::Tables& tables) {
  const Time created = task.meta.created_at;
  const Task* before = predecessor(task, slot);
  const bool no_delay =
      before && (before->desired_state == TaskState::Remove || left_drained_node(*before, tables));
  const Time not_before = no_delay ? created : created + restart_delay(*task.spec);
  Release release{.not_before = not_before, .at = not_before};
  for (const Ref<Task>& other : slot) {
    if (other->id == task.id) break;
    if (is_stopped(*other, tables)) continue;
    const Duration grace = other->spec->container.stop_grace_period.value_or(kDefaultStopGrace);
    release.at = std::max(release.at, created + kOldTaskTimeout + grace);
  }
  return release;
}

}  // namespace shoal::orchestrator
