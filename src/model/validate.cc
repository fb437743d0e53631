#include "model/validate.h"

#include <algorithm>
#include <set>
#include <string_view>

#include "model/constraint.h"
#include "model/image_ref.h"
#include "model/publish_address.h"
#include "model/template.h"

namespace shoal::model {
namespace {

bool is_alphanumeric(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

Result<void> validate_amounts(const Resources& resources) {
  if (resources.nano_cpus != 0 && resources.nano_cpus < kNanoCpusMin) {
    return invalid_argument("invalid cpu value {:g}: Must be at least 0.001",
                            double(resources.nano_cpus) / 1e9);
  }
  if (resources.memory_bytes != 0 && resources.memory_bytes < kMemoryBytesMin) {
    return invalid_argument("invalid memory value {}: Must be at least 4MiB",
                            resources.memory_bytes);
  }
  if (resources.pids < 0) {
    return invalid_argument("invalid pids value {}: Must not be negative", resources.pids);
  }
  return {};
}

// A task asks for counts; names are the node's to give.
Result<void> validate_generic(const std::vector<GenericResource>& wanted) {
  for (const GenericResource& resource : wanted) {
    const auto* count = std::get_if<int64_t>(&resource.value);
    if (!count || *count <= 0 || resource.kind.empty()) {
      return invalid_argument("invalid argument for resource {}", resource.kind);
    }
  }
  return {};
}

Result<void> validate_resources(const std::optional<ResourceRequirements>& resources) {
  if (!resources) return {};
  RETURN_IF_ERROR(validate_amounts(resources->limits));
  RETURN_IF_ERROR(validate_amounts(resources->reservations));
  return validate_generic(resources->reservations.generic);
}

Result<void> validate_restart(const std::optional<RestartPolicy>& restart) {
  if (!restart) return {};
  if (restart->delay.value_or(0s) < 0s) {
    return invalid_argument("TaskSpec: restart-delay cannot be negative");
  }
  if (restart->window < 0s) {
    return invalid_argument("TaskSpec: restart-window cannot be negative");
  }
  return {};
}

Result<void> validate_health(const std::optional<HealthConfig>& health) {
  if (!health) return {};
  const std::pair<std::string_view, Duration> durations[] = {
      {"Interval", health->interval},
      {"Timeout", health->timeout},
      {"StartPeriod", health->start_period},
      {"StartInterval", health->start_interval},
  };
  for (const auto& [name, duration] : durations) {
    if (duration != 0s && duration < kHealthDurationMin) {
      return invalid_argument("ContainerSpec: {} in HealthConfig cannot be less than 1ms", name);
    }
  }
  if (health->retries < 0) {
    return invalid_argument("ContainerSpec: Retries in HealthConfig cannot be negative");
  }
  return {};
}

Result<void> validate_container(const ContainerSpec& container) {
  if (container.image.empty()) {
    return invalid_argument("ContainerSpec: image reference must be provided");
  }
  if (!parse_image_ref(container.image)) {
    return invalid_argument("ContainerSpec: \"{}\" is not a valid repository/tag", container.image);
  }
  std::set<std::string_view> targets;
  for (const Mount& mount : container.mounts) {
    if (!targets.insert(mount.target).second) {
      return invalid_argument("ContainerSpec: duplicate mount point: {}", mount.target);
    }
  }
  return validate_health(container.healthcheck);
}

// Placeholders are filled in on the node; here only whether they can be.
Result<void> validate_templates(const ServiceSpec& spec) {
  const TemplateContext example{.service_id = "serviceid",
                                .service_name = spec.annotations.name,
                                .service_labels = spec.annotations.labels,
                                .node_id = "nodeid",
                                .node_hostname = "hostname",
                                .node_platform = {.architecture = "x86_64", .os = "linux"},
                                .task_id = "taskid",
                                .task_name = "taskname",
                                .task_slot = "1"};
  RETURN_IF_ERROR(expand_templates(spec.task->container, example));
  return {};
}

Result<void> validate_task(const TaskSpec& task) {
  RETURN_IF_ERROR(validate_resources(task.resources));
  RETURN_IF_ERROR(validate_restart(task.restart));
  if (task.placement) RETURN_IF_ERROR(parse_constraints(task.placement->constraints));
  return validate_container(task.container);
}

// `what` is "update" or "rollback". Swarm itself does not look at the latter.
Result<void> validate_update(const std::optional<UpdateConfig>& update, std::string_view what) {
  if (!update) return {};
  if (update->delay < 0s) return invalid_argument("TaskSpec: {}-delay cannot be negative", what);
  if (update->monitor.value_or(0s) < 0s) {
    return invalid_argument("TaskSpec: {}-monitor cannot be negative", what);
  }
  // Written so that a ratio that is no number is refused too.
  if (!(update->max_failure_ratio >= 0 && update->max_failure_ratio <= 1)) {
    return invalid_argument("TaskSpec: {}-maxfailureratio cannot be less than 0 or bigger than 1",
                            what);
  }
  return {};
}

Result<void> validate_endpoint(const std::optional<EndpointSpec>& endpoint) {
  if (!endpoint) return {};
  std::set<std::pair<PortProtocol, uint32_t>> published;
  for (const PortConfig& port : endpoint->ports) {
    if (endpoint->mode == ResolutionMode::Dnsrr && port.mode == PublishMode::Ingress) {
      return invalid_argument(
          "EndpointSpec: port published with ingress mode can't be used with dnsrr mode");
    }
    if (port.target_port == 0 || port.target_port > kPortMax) {
      return invalid_argument("EndpointSpec: invalid target port {}: must be 1 to {}",
                              port.target_port, kPortMax);
    }
    if (port.published_port > kPortMax) {
      return invalid_argument("EndpointSpec: invalid published port {}: must be at most {}",
                              port.published_port, kPortMax);
    }
    if (port.published_port == 0) continue;
    if (!published.insert({port.protocol, port.published_port}).second) {
      return invalid_argument("EndpointSpec: duplicate published ports provided");
    }
  }
  return {};
}

Result<void> validate_count(uint64_t count, std::string_view what) {
  if (count <= kReplicasMax) return {};
  return invalid_argument("Number of {} must be at most {}", what, kReplicasMax);
}

Result<void> validate_mode(const ServiceSpec& spec) {
  if (const auto* mode = std::get_if<ReplicatedMode>(&spec.mode)) {
    return validate_count(mode->replicas, "replicas");
  }
  const auto* job = std::get_if<ReplicatedJobMode>(&spec.mode);
  if (job) {
    RETURN_IF_ERROR(validate_count(job->max_concurrent, "concurrent jobs"));
    RETURN_IF_ERROR(validate_count(job->total_completions, "completed jobs"));
  }
  if ((job || std::holds_alternative<GlobalJobMode>(spec.mode)) && spec.update) {
    return invalid_argument("Jobs may not have an update config");
  }
  return {};
}

}  // namespace

Result<void> validate_name(const std::string& name) {
  if (name.empty()) return invalid_argument("meta: name must be provided");
  const bool is_name =
      is_alphanumeric(name.front()) && is_alphanumeric(name.back()) &&
      std::ranges::all_of(name, [](char c) { return is_alphanumeric(c) || c == '-' || c == '_'; });
  if (!is_name) return invalid_argument("name must be valid as a DNS name component");
  if (name.size() > kNameLengthMax) {
    return invalid_argument("name must be {} characters or fewer", kNameLengthMax);
  }
  return {};
}

Result<void> validate(const ServiceSpec& spec) {
  RETURN_IF_ERROR(validate_name(spec.annotations.name));
  RETURN_IF_ERROR(validate_task(*spec.task));
  RETURN_IF_ERROR(validate_templates(spec));
  RETURN_IF_ERROR(validate_mode(spec));
  RETURN_IF_ERROR(validate_update(spec.update, "update"));
  RETURN_IF_ERROR(validate_update(spec.rollback, "rollback"));
  RETURN_IF_ERROR(validate(spec.task->networks));
  RETURN_IF_ERROR(validate(spec.networks));
  RETURN_IF_ERROR(validate_endpoint(spec.endpoint));
  RETURN_IF_ERROR(publish_addresses(spec));
  return {};
}

Result<void> validate(const ClusterSpec& spec) {
  if (spec.node_cert_expiry < kCertificateExpiryMin) {
    return invalid_argument("minimum certificate expiry time is: 1h0m0s");
  }
  if (spec.heartbeat_period < 0s) {
    return invalid_argument("heartbeat time period cannot be a negative duration");
  }
  return {};
}

}  // namespace shoal::model
