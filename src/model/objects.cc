#include <algorithm>

#include "model/network_feed.h"
#include "model/service.h"
#include "model/task.h"

namespace shoal::model {
namespace {

template <class T>
bool same_value(const Ref<T>& a, const Ref<T>& b) {
  return a == b || (a && b && *a == *b);
}

}  // namespace

bool ServiceSpec::operator==(const ServiceSpec& other) const {
  return annotations == other.annotations && same_value(task, other.task) && mode == other.mode &&
         update == other.update && rollback == other.rollback && networks == other.networks &&
         endpoint == other.endpoint;
}

bool Service::operator==(const Service& other) const {
  return id == other.id && meta == other.meta && spec == other.spec &&
         previous_spec == other.previous_spec && spec_version == other.spec_version &&
         previous_spec_version == other.previous_spec_version &&
         same_value(endpoint, other.endpoint) && update_status == other.update_status &&
         job_status == other.job_status && rebalance == other.rebalance &&
         pending_delete == other.pending_delete;
}

bool Task::operator==(const Task& other) const {
  return id == other.id && meta == other.meta && service_id == other.service_id &&
         slot == other.slot && node_id == other.node_id && same_value(spec, other.spec) &&
         same_value(service_annotations, other.service_annotations) &&
         spec_version == other.spec_version && status == other.status &&
         desired_state == other.desired_state && same_value(endpoint, other.endpoint) &&
         networks == other.networks && assigned_generic == other.assigned_generic &&
         job_iteration == other.job_iteration;
}

bool NetworksMessage::operator==(const NetworksMessage& other) const {
  return version == other.version && complete == other.complete &&
         data_path_port == other.data_path_port &&
         std::ranges::equal(changes, other.changes, same_value<NetworkChange>);
}

std::string task_name(const Task& task) {
  std::string_view service;  // A conditional expression would make a temporary string here.
  if (task.service_annotations) service = task.service_annotations->name;
  if (task.slot != 0) return fmt::format("{}.{}.{}", service, task.slot, task.id);
  return fmt::format("{}.{}.{}", service, task.node_id, task.id);
}

}  // namespace shoal::model
