// The allocator: numbers the published ports of services and lets new tasks go on: NEW -> PENDING.
//
// Pure, a control loop (store/plan.h). Writes service.endpoint, task.endpoint and the step to
// PENDING; a task whose service cannot get its ports stays NEW, with the reason in its status. All
// tasks of a service share the service's Endpoint. A service that publishes nothing has no endpoint
// and costs nothing here. Networks, addresses and virtual IPs become further parts of the Endpoint.
//
// Tasks that were told to stop before they got anywhere are ended here (state SHUTDOWN): no agent
// will ever report them.
//
// Thread: the control thread. Work is proportional to the tasks and services that changed.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string_view>

#include "allocator/ports.h"
#include "store/plan.h"

namespace shoal::allocator {

class Allocator {
 public:
  void reset(const store::Tables& tables);
  void on_batch(const store::Batch& batch);
  store::Plan plan(const store::Tables& tables, Time now);
  std::optional<Time> next_deadline() const;

 private:
  void on_service(const model::Ref<model::Service>& before,
                  const model::Ref<model::Service>& after);
  void on_task(const model::Ref<model::Task>& after);
  Result<model::Ref<model::Endpoint>> endpoint_of(const model::Service& service, store::Plan& plan);
  void plan_task(const model::TaskId& id, Time now, store::Plan& plan);
  static void set_status(model::Task task, model::TaskState state, std::string_view message,
                         std::string_view error, Time now, store::Plan& plan);
  void retry_waiting();

  PortTable ports_;
  std::set<model::ServiceId> dirty_services_;
  std::set<model::TaskId> dirty_tasks_;
  // Services that lack a port, and their tasks. Looked at again when a port is given back.
  std::map<model::ServiceId, std::set<model::TaskId>> waiting_;
  // During plan() only: the tables, and the endpoints made in it.
  const store::Tables* tables_ = nullptr;
  std::map<model::ServiceId, model::Ref<model::Endpoint>> planned_;
};

}  // namespace shoal::allocator
