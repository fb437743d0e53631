// From a task to the container that it shall be: names, labels, templates, resources and ports as
// Swarm's worker sets them (semantics 2.1, 2.9).
#pragma once

#include "base/result.h"
#include "model/container.h"
#include "model/node.h"
#include "model/task.h"

namespace shoal::agent {

inline constexpr std::string_view kTaskLabel = "com.docker.swarm.task";
inline constexpr std::string_view kTaskIdLabel = "com.docker.swarm.task.id";
inline constexpr std::string_view kTaskNameLabel = "com.docker.swarm.task.name";
inline constexpr std::string_view kNodeIdLabel = "com.docker.swarm.node.id";
inline constexpr std::string_view kServiceIdLabel = "com.docker.swarm.service.id";
inline constexpr std::string_view kServiceNameLabel = "com.docker.swarm.service.name";

// InvalidArgument when a template in env, hostname or a mount cannot be expanded.
Result<model::ContainerConfig> container_config(const model::Task& task, const model::Node& node);

}  // namespace shoal::agent
