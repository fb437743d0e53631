#include "orchestrator/restart_rules.h"

#include <algorithm>

#include "orchestrator/node_fit.h"

namespace shoal::orchestrator {
namespace {

using model::Ref;
using model::Task;
using model::TaskState;
using Tasks = store::TaskTable::Tasks;

model::RestartPolicy policy_of(const model::TaskSpec& spec) {
  return spec.restart.value_or(model::RestartPolicy{});
}

// Whether `task` was made because the one before it had ended. A task of a global service may also
// come back to its node; what becomes known of the old one after that is none of its business.
bool follows_an_end(const Task& before, const Task& task) {
  if (!is_global(task)) return true;
  return ended_by_itself(before) && before.meta.updated_at <= task.meta.created_at;
}

// Replacements that count against max_attempts: every task of the same spec version but the first,
// with a window those made within it.
uint64_t count_restarts(const Task& ended, const Tasks& slot, Duration window, Time now) {
  const Time end = model::is_terminal(ended.status.state) ? ended.status.timestamp : now;
  uint64_t restarts = 0;
  const Task* before = nullptr;
  for (const Ref<Task>& task : slot) {
    if (task->desired_state == TaskState::Remove || task->spec_version != ended.spec_version) {
      continue;
    }
    const bool in_window = window == Duration{0} || task->meta.created_at >= end - window;
    if (before && in_window && follows_an_end(*before, *task)) ++restarts;
    before = task.get();
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

bool needs_delay(const Task& before, const Task& task, const store::Tables& tables) {
  const auto service = tables.services().get(task.service_id);
  if (service && is_rebalance_of(before, task, *service) && !ended_by_itself(before)) return false;
  return before.desired_state != TaskState::Remove && !is_stranded(before, tables) &&
         follows_an_end(before, task);
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
  const bool at_once = before && !needs_delay(*before, task, tables);
  const Time not_before = at_once ? created : created + restart_delay(*task.spec);
  Release release{.not_before = not_before, .at = not_before};
  for (const Ref<Task>& other : slot) {
    if (other->id == task.id) break;
    if (is_live(*other) || is_stopped(*other, tables)) continue;
    const Duration grace = other->spec->container.stop_grace_period.value_or(kDefaultStopGrace);
    release.at = std::max(release.at, created + kOldTaskTimeout + grace);
  }
  return release;
}

Task make_next(const model::Service& service, Ref<model::Annotations> annotations,
               const SlotKey& key, const Tasks& tasks, const store::Tables& tables, Time now,
               Rng& rng) {
  Task task = make_task(service, std::move(annotations), key, now, rng);
  if (tasks.empty()) return task;
  task.meta.created_at = now;  // As it will be stored; release_time() reads it.
  if (release_time(task, tasks, tables).at > now) task.desired_state = TaskState::Ready;
  task.meta.created_at = {};
  return task;
}

bool ended_by_itself(const Task& task) {
  const TaskState state = task.status.state;
  const bool rejected = state == TaskState::Rejected && task.status.error != kNoLongerMeets;
  return rejected || state == TaskState::Complete || state == TaskState::Failed;
}

}  // namespace shoal::orchestrator
