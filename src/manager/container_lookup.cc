#include "manager/container_lookup.h"

namespace shoal::manager {
namespace {

using TaskRef = model::Ref<model::Task>;
using Found = Result<TaskRef>;  // null when there is none

Found only_one(const std::vector<TaskRef>& found, std::string_view ref) {
  if (found.size() > 1) {
    return invalid_argument("Multiple IDs found with provided prefix: {}", ref);
  }
  return found.empty() ? nullptr : found.front();
}

Found by_name(const store::Tables& tables, std::string_view ref) {
  const std::string_view id = ref.substr(ref.rfind('.') + 1);
  if (id.size() == ref.size() || id.size() > kIdLength) return nullptr;
  TaskRef task = tables.tasks().get(model::TaskId::of(id));
  return task && model::task_name(*task) == ref ? task : nullptr;
}

// Docker's client asks for a container first whatever it is to inspect: the name of something else
// must not find one by chance.
bool names_something_else(const store::Tables& tables, std::string_view ref) {
  return tables.services().by_name(ref) || tables.networks().by_name(ref) ||
         !tables.nodes().by_hostname(ref).empty();
}

Found by_container_id(const store::Tables& tables, const ContainerIndex& index,
                      std::string_view ref) {
  if (ref.size() < kContainerPrefixMin || names_something_else(tables, ref)) return nullptr;
  return only_one(index.find(tables, ref, 2), ref);
}

Found by_task_id(const store::Tables& tables, std::string_view ref) {
  if (ref.size() <= kIdLength) {
    if (TaskRef task = tables.tasks().get(model::TaskId::of(ref))) return task;
  }
  if (ref.size() < kTaskPrefixMin) return nullptr;
  return only_one(tables.tasks().by_prefix(ref, 2), ref);
}

Result<ContainerPlace> place_of(const model::Task& task, std::string_view ref) {
  if (model::is_attachment(task)) {
    return not_found("No such container: {}: task {} stands for one that a user runs on node {}",
                     ref, task.id, task.node_id);
  }
  if (!task.status.container || task.status.container->container_id.empty()) {
    return not_found("No such container: {}: task {} has none (it is {})", ref, task.id,
                     model::to_string(task.status.state));
  }
  return ContainerPlace{.node = task.node_id,
                        .container_id = task.status.container->container_id,
                        .tty = task.spec && task.spec->container.tty};
}

}  // namespace

Result<ContainerPlace> locate_container(const store::Tables& tables, const ContainerIndex& index,
                                        std::string_view ref, NamedBy by) {
  if (ref.starts_with('/')) ref.remove_prefix(1);
  ASSIGN_OR_RETURN(TaskRef task, by_name(tables, ref));
  if (!task) {
    ASSIGN_OR_RETURN(task, by_container_id(tables, index, ref));
  }
  if (task) return place_of(*task, ref);
  ASSIGN_OR_RETURN(task, by_task_id(tables, ref));
  if (!task) return not_found("No such container: {}", ref);
  if (by == NamedBy::AlsoTask) return place_of(*task, ref);
  return not_found("No such container: {}: it is a task, whose container is {}", ref,
                   model::task_name(*task));
}

}  // namespace shoal::manager
