#include "agent/task_config.h"

#include "model/publish_address.h"
#include "model/template.h"

namespace shoal::agent {
namespace {

void add_labels(const model::Task& task, const model::Node& node, model::Labels& labels) {
  // Swarm's own win over what the spec says.
  labels[std::string(kTaskLabel)] = "";
  labels[std::string(kTaskIdLabel)] = task.id.str();
  labels[std::string(kTaskNameLabel)] = model::task_name(task);
  labels[std::string(kNodeIdLabel)] = node.id.str();
  labels[std::string(kServiceIdLabel)] = task.service_id.str();
  labels[std::string(kServiceNameLabel)] =
      task.service_annotations ? task.service_annotations->name : "";
}

void add_resources(const model::TaskSpec& spec, model::ContainerConfig& config) {
  if (!spec.resources) return;
  config.nano_cpus = spec.resources->limits.nano_cpus;
  config.memory_bytes = spec.resources->limits.memory_bytes;
  config.pids_max = spec.resources->limits.pids;
  config.memory_reservation_bytes = spec.resources->reservations.memory_bytes;
}

void add_host_ports(const model::Task& task, model::ContainerConfig& config) {
  if (!task.endpoint) return;
  for (const auto& port : task.endpoint->ports) {
    if (port.mode != model::PublishMode::Host) continue;
    config.ports.push_back(
        {.protocol = port.protocol,
         .container_port = uint16_t(port.target_port),
         .host_ip = task.service_annotations
                        ? model::publish_address(task.service_annotations->labels, port)
                        : "",
         .host_port = uint16_t(port.published_port)});
  }
}

// DOCKER_RESOURCE_GPU=UUID1,UUID2, or the count that was given.
void add_generic_resources(const model::Task& task, std::vector<std::string>& env) {
  std::map<std::string, std::string> values;
  for (const auto& resource : task.assigned_generic) {
    std::string& value = values[resource.kind];
    const auto* count = std::get_if<int64_t>(&resource.value);
    if (!value.empty()) value += ",";
    value += count ? std::to_string(*count) : std::get<std::string>(resource.value);
  }
  for (auto& [kind, value] : values) {
    std::string name = "DOCKER_RESOURCE_" + kind;
    for (char& c : name) c = c >= 'a' && c <= 'z' ? char(c - 'a' + 'A') : c;
    env.push_back(name + "=" + value);
  }
}

}  // namespace

Result<model::ContainerConfig> container_config(const model::Task& task, const model::Node& node) {
  model::ContainerConfig config;
  config.name = model::task_name(task);
  ASSIGN_OR_RETURN(config.spec, model::expand_templates(task.spec->container,
                                                        model::template_context(task, node)));
  add_labels(task, node, config.spec.labels);
  add_resources(*task.spec, config);
  add_host_ports(task, config);
  add_generic_resources(task, config.spec.env);
  config.log_driver = task.spec->log_driver;
  for (const auto& network : task.spec->networks) {
    if (network.target == "host" || network.target == "none") config.network_mode = network.target;
  }
  return config;
}

}  // namespace shoal::agent
