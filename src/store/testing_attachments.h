// For tests: a task that stands for a container of a user, as a manager makes it.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "model/task.h"

namespace shoal::store {

inline model::Task attachment(std::string_view id, std::string_view node, std::string_view network,
                              model::TaskState state = model::TaskState::New,
                              std::vector<std::string> wanted = {}) {
  auto spec = std::make_shared<model::TaskSpec>();
  spec->runtime = model::kAttachmentRuntime;
  spec->attachment = model::NetworkAttachmentSpec{.container_id = std::string(64, 'c')};
  spec->networks = {{.target = std::string(network),
                     .aliases = {"db"},
                     .driver_options = {},
                     .addresses = std::move(wanted)}};
  model::Task task;
  task.id = model::TaskId::of(id);
  task.node_id = model::NodeId::of(node);
  task.spec = std::move(spec);
  task.status.state = state;
  return task;
}

}  // namespace shoal::store
