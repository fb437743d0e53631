// Finds what a client names: by full id, then by name, then by a prefix of the id that only one
// object has, as Docker resolves references. Errors in Docker's words: "service x not found",
// "service x is ambiguous (2 matches found)".
#pragma once

#include <string_view>

#include "store/tables.h"

namespace shoal::api {

Result<model::Ref<model::Service>> find_service(const store::Tables& tables, std::string_view ref);
// "self" is this node.
Result<model::Ref<model::Node>> find_node(const store::Tables& tables, std::string_view ref,
                                          const model::NodeId& self);
// Tasks are named "web.1.<id>"; the id part counts.
Result<model::Ref<model::Task>> find_task(const store::Tables& tables, std::string_view ref);
// Names of networks must be right in every letter.
Result<model::Ref<model::Network>> find_network(const store::Tables& tables, std::string_view ref);
// The one cluster. Internal when there is none: a manager without its swarm.
Result<model::Ref<model::Cluster>> find_cluster(const store::Tables& tables);

}  // namespace shoal::api
