#include "model/task_state.h"

#include <array>
#include <utility>

namespace shoal::model {
namespace {

constexpr std::array<std::pair<TaskState, std::string_view>, 14> kNames{{
    {TaskState::New, "new"},
    {TaskState::Pending, "pending"},
    {TaskState::Assigned, "assigned"},
    {TaskState::Accepted, "accepted"},
    {TaskState::Preparing, "preparing"},
    {TaskState::Ready, "ready"},
    {TaskState::Starting, "starting"},
    {TaskState::Running, "running"},
    {TaskState::Complete, "complete"},
    {TaskState::Shutdown, "shutdown"},
    {TaskState::Failed, "failed"},
    {TaskState::Rejected, "rejected"},
    {TaskState::Remove, "remove"},
    {TaskState::Orphaned, "orphaned"},
}};

}  // namespace

std::string_view to_string(TaskState state) {
  for (const auto& [value, name] : kNames) {
    if (value == state) return name;
  }
  return "unknown";
}

std::optional<TaskState> parse_task_state(std::string_view word) {
  for (const auto& [value, name] : kNames) {
    if (name == word) return value;
  }
  return std::nullopt;
}

std::optional<TaskState> task_state_of(uint32_t number) {
  for (const auto& [value, name] : kNames) {
    if (uint32_t(value) == number) return value;
  }
  return std::nullopt;
}

}  // namespace shoal::model
