// Finds the container of a task, wherever in the swarm it is, by what a client calls it.
//
// Pure.
#pragma once

#include <string>
#include <string_view>

#include "manager/container_index.h"

namespace shoal::manager {

// Fewer digits of a container's id name no container of another node: short words are often hex
// ("db", "add"), and the swarm has many more containers than a node.
inline constexpr size_t kContainerPrefixMin = 4;
// `docker service ps` prints so much of a task's id.
inline constexpr size_t kTaskPrefixMin = 12;

struct ContainerPlace {
  model::NodeId node;
  std::string container_id;  // all of it
  bool tty = false;
};

enum class NamedBy {
  Container,  // its id, the start of that, or its name, "web.2.<task id>"
  AlsoTask,   // or the id of its task
};

// NotFound "No such container: x", with the reason when there is such a task; InvalidArgument
// "Multiple IDs found with provided prefix: x".
Result<ContainerPlace> locate_container(const store::Tables& tables, const ContainerIndex& index,
                                        std::string_view ref, NamedBy by);

}  // namespace shoal::manager
