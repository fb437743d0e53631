// The life of a task as numbers that only grow (the values are those of the node protocol).
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace shoal::model {

enum class TaskState : uint16_t {
  New = 0,
  Pending = 64,
  Assigned = 192,
  Accepted = 256,
  Preparing = 320,
  Ready = 384,
  Starting = 448,
  Running = 512,
  Complete = 576,
  Shutdown = 640,
  Failed = 704,
  Rejected = 768,
  Remove = 800,  // only ever a desired state
  Orphaned = 832,
};

// The lower-case word of Docker's API: "new", "pending", … "orphaned".
std::string_view to_string(TaskState state);
std::optional<TaskState> parse_task_state(std::string_view word);
// Empty for a number that is no state: records and messages come from other programs.
std::optional<TaskState> task_state_of(uint32_t number);

// Complete and beyond: the container is gone for good.
inline bool is_terminal(TaskState state) {
  return state > TaskState::Running;
}

}  // namespace shoal::model
