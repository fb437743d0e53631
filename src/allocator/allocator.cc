#include "allocator/allocator.h"

#include <utility>

namespace shoal::allocator {
namespace {

using model::Endpoint;
using model::Ref;
using model::Service;
using model::ServiceId;
using model::Task;
using model::TaskState;

bool publishes(const Service& service) {
  return service.spec.endpoint && !service.spec.endpoint->ports.empty();
}

// The stored endpoint is what the spec asks for.
bool is_allocated(const Service& service) {
  if (!publishes(service)) return !service.endpoint;
  return service.endpoint && service.endpoint->spec == *service.spec.endpoint;
}

}  // namespace

void Allocator::reset(const store::Tables& tables) {
  *this = Allocator();
  for (const auto& [id, service] : tables.services().all()) on_service(nullptr, service);
  for (const auto& task : tables.tasks().by_state(TaskState::New)) on_task(task);
}

void Allocator::on_batch(const store::Batch& batch) {
  for (const store::Change& change : batch.changes) {
    if (const auto* service = std::get_if<Ref<Service>>(&change.before)) {
      on_service(*service, std::get<Ref<Service>>(change.after));
    } else if (const auto* task = std::get_if<Ref<Task>>(&change.after)) {
      on_task(*task);
    }
  }
}

void Allocator::on_service(const Ref<Service>& before, const Ref<Service>& after) {
  if (!after) {
    waiting_.erase(before->id);
    if (ports_.release(before->id)) retry_waiting();
    return;
  }
  if (!is_allocated(*after)) {
    dirty_services_.insert(after->id);
  } else if (!before || before->endpoint != after->endpoint) {
    ports_.hold(*after);
    if (before && before->endpoint) retry_waiting();
  }
}

void Allocator::on_task(const Ref<Task>& after) {
  if (after && after->status.state == TaskState::New) dirty_tasks_.insert(after->id);
}

// A port came back: everybody who waits for one looks again.
void Allocator::retry_waiting() {
  for (auto& [service, tasks] : std::exchange(waiting_, {})) {
    dirty_services_.insert(service);
    dirty_tasks_.merge(tasks);
  }
}

// The endpoint of a service, made now if need be; null when it publishes nothing.
Result<Ref<Endpoint>> Allocator::endpoint_of(const Service& service, store::Plan& plan) {
  if (const auto made = planned_.find(service.id); made != planned_.end()) return made->second;
  if (is_allocated(service)) return service.endpoint;
  Service changed = service;
  changed.endpoint = nullptr;
  if (publishes(service)) {
    ASSIGN_OR_RETURN(auto ports, ports_.allocate(service, *tables_));
    changed.endpoint = std::make_shared<const Endpoint>(
        Endpoint{.spec = *service.spec.endpoint, .ports = std::move(ports), .virtual_ips = {}});
  } else if (ports_.release(service.id)) {
    retry_waiting();
  }
  planned_[service.id] = changed.endpoint;
  if (auto waited = waiting_.extract(service.id)) dirty_tasks_.merge(waited.mapped());
  auto endpoint = changed.endpoint;
  plan.update_services.push_back(std::move(changed));
  return endpoint;
}

store::Plan Allocator::plan(const store::Tables& tables, Time now) {
  store::Plan plan;
  tables_ = &tables;
  planned_.clear();
  while (!dirty_services_.empty() && plan.size() < store::kPlanChangesMax) {
    const auto service = tables.services().get(*dirty_services_.begin());
    const ServiceId id = *dirty_services_.begin();
    dirty_services_.erase(dirty_services_.begin());
    if (service && !endpoint_of(*service, plan)) waiting_.try_emplace(id);
  }
  // One task may bring one change of its service along.
  while (!dirty_tasks_.empty() && plan.size() + 2 <= store::kPlanChangesMax) {
    const model::TaskId id = *dirty_tasks_.begin();
    dirty_tasks_.erase(dirty_tasks_.begin());
    plan_task(id, now, plan);
  }
  tables_ = nullptr;
  return plan;
}

void Allocator::plan_task(const model::TaskId& id, Time now, store::Plan& plan) {
  const auto stored = tables_->tasks().get(id);
  if (!stored || stored->status.state != TaskState::New) return;
  if (stored->desired_state >= TaskState::Shutdown) {
    set_status(*stored, TaskState::Shutdown, "shutdown", "", now, plan);
    return;
  }
  const auto service = tables_->services().get(stored->service_id);
  if (!service) return;  // The reaper takes the tasks of a service that is gone.
  auto endpoint = endpoint_of(*service, plan);
  if (!endpoint) {
    waiting_[service->id].insert(id);
    set_status(*stored, TaskState::New, "waiting for a published port", endpoint.error().message,
               now, plan);
    return;
  }
  Task task = *stored;
  task.endpoint = *std::move(endpoint);
  set_status(std::move(task), TaskState::Pending, "pending task scheduling", "", now, plan);
}

// Adds the task to the plan, unless that would change nothing.
void Allocator::set_status(Task task, TaskState state, std::string_view message,
                           std::string_view error, Time now, store::Plan& plan) {
  model::TaskStatus& status = task.status;
  if (status.state == state && status.message == message && status.error == error) return;
  status.state = state;
  status.timestamp = now;
  status.message = message;
  status.error = error;
  plan.update_tasks.push_back(std::move(task));
}

std::optional<Time> Allocator::next_deadline() const {
  if (dirty_services_.empty() && dirty_tasks_.empty()) return std::nullopt;
  return Time{};
}

}  // namespace shoal::allocator
