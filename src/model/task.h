// A task: one container to be, immutable in what it runs, one life only. See semantics 2.1.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "model/network.h"
#include "model/service.h"
#include "model/task_state.h"

namespace shoal::model {

struct ContainerStatus {
  std::string container_id;  // 64 hex digits, empty until the container exists
  int64_t pid = 0;
  int64_t exit_code = 0;

  bool operator==(const ContainerStatus&) const = default;
};

struct TaskStatus {
  Time timestamp;
  TaskState state = TaskState::New;
  std::string message;  // what happens, or the reason why nothing does
  std::string error;
  std::optional<ContainerStatus> container;
  std::vector<PortConfig> host_ports;  // what the node published for mode=host

  bool operator==(const TaskStatus&) const = default;
};

struct Task {
  TaskId id;
  Meta meta;
  ServiceId service_id;  // empty: an attachment
  uint64_t slot = 0;     // 1.. for replicated, 0 for global
  NodeId node_id;        // empty until assigned
  // Shared by all tasks of one service and spec version.
  Ref<TaskSpec> spec;
  Ref<Annotations> service_annotations;
  Version spec_version = 0;
  TaskStatus status;
  TaskState desired_state = TaskState::Running;
  Ref<Endpoint> endpoint;                   // null when nothing is published
  std::vector<NetworkAttachment> networks;  // the allocator's; the mesh's too, if it publishes
  std::vector<GenericResource> assigned_generic;
  std::optional<Version> job_iteration;

  bool operator==(const Task& other) const;  // compares the shared parts by value
};

// The task stands for a container that a user runs on its node (TaskSpec::attachment).
inline bool is_attachment(const Task& task) {
  return task.spec && task.spec->attachment;
}

// "web.2.<task id>", and with the node's id in place of the slot for global services.
std::string task_name(const Task& task);

}  // namespace shoal::model
