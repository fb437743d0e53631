#include "store/plan.h"

#include <fmt/core.h>

namespace shoal::store {
namespace {

template <class Objects, class Write>
Result<void> write_each(Objects& objects, Write write) {
  for (auto& object : objects) RETURN_IF_ERROR(write(std::move(object)));
  return {};
}

std::string text_of(const model::Task& task) {
  std::string text = fmt::format("{} service={} slot={}", task.id, task.service_id, task.slot);
  if (task.node_id) text += fmt::format(" node={}", task.node_id);
  text += fmt::format(" state={} desired={}", model::to_string(task.status.state),
                      model::to_string(task.desired_state));
  if (!task.status.message.empty()) text += fmt::format(" message=\"{}\"", task.status.message);
  if (!task.status.error.empty()) text += fmt::format(" error=\"{}\"", task.status.error);
  return text;
}

std::string_view text_of(const std::optional<model::UpdateStatus>& status) {
  static constexpr std::string_view kWords[] = {
      "unknown",         "updating",          "paused", "completed", "rollback_started",
      "rollback_paused", "rollback_completed"};
  return status ? kWords[size_t(status->state)] : "none";
}

std::string text_of(const model::Service& service) {
  return fmt::format("{} name={} update={}{}", service.id, service.name(),
                     text_of(service.update_status),
                     service.pending_delete ? " pending-delete" : "");
}

std::string text_of(const model::Node& node) {
  static constexpr std::string_view kStates[] = {"unknown", "down", "ready", "disconnected"};
  static constexpr std::string_view kAvailabilities[] = {"active", "pause", "drain"};
  std::string text =
      fmt::format("{} state={} availability={}", node.id, kStates[size_t(node.status.state)],
                  kAvailabilities[size_t(node.spec.availability)]);
  if (!node.status.message.empty()) text += fmt::format(" message=\"{}\"", node.status.message);
  return text;
}

}  // namespace

bool Plan::empty() const {
  return size() == 0;
}

size_t Plan::size() const {
  return create_tasks.size() + update_tasks.size() + remove_tasks.size() + update_services.size() +
         remove_services.size() + update_nodes.size() + update_clusters.size() +
         update_networks.size();
}

std::string to_string(const Plan& plan) {
  std::string text;
  for (const auto& task : plan.create_tasks) text += "create task " + text_of(task) + "\n";
  for (const auto& task : plan.update_tasks) text += "update task " + text_of(task) + "\n";
  for (const auto& id : plan.remove_tasks) text += fmt::format("remove task {}\n", id);
  for (const auto& service : plan.update_services) {
    text += "update service " + text_of(service) + "\n";
  }
  for (const auto& id : plan.remove_services) text += fmt::format("remove service {}\n", id);
  for (const auto& node : plan.update_nodes) text += "update node " + text_of(node) + "\n";
  for (const auto& cluster : plan.update_clusters) {
    text += fmt::format("update cluster {} root-rotation={}\n", cluster.id,
                        cluster.rotation ? "yes" : "no");
  }
  for (const auto& network : plan.update_networks) {
    text += fmt::format("update network {} name={} vni={}\n", network.id, network.name(),
                        network.allocation ? network.allocation->vni : 0);
  }
  return text;
}

Result<void> apply(Plan plan, WriteTx& tx) {
  const auto create = [&](auto object) { return tx.create(std::move(object)); };
  const auto update = [&](auto object) { return tx.update(std::move(object)); };
  const auto remove = [&](const auto& id) { return tx.remove(id); };
  RETURN_IF_ERROR(write_each(plan.create_tasks, create));
  RETURN_IF_ERROR(write_each(plan.update_tasks, update));
  RETURN_IF_ERROR(write_each(plan.remove_tasks, remove));
  RETURN_IF_ERROR(write_each(plan.update_services, update));
  RETURN_IF_ERROR(write_each(plan.remove_services, remove));
  RETURN_IF_ERROR(write_each(plan.update_nodes, update));
  RETURN_IF_ERROR(write_each(plan.update_clusters, update));
  return write_each(plan.update_networks, update);
}

}  // namespace shoal::store
