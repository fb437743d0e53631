// Placeholders in a service's container spec: {{.Task.Slot}}, {{.Node.Hostname}} … (semantics 2.9).
//
// Of Go's template language what Swarm's users write: field paths, string literals, parentheses,
// `join SEPARATOR TEXT…`, `index .Service.Labels "key"`, and the trim marks {{- and -}}. Anything
// else is refused with the place.
#pragma once

#include <string>
#include <string_view>

#include "model/container_spec.h"
#include "model/node.h"
#include "model/task.h"

namespace shoal::model {

// What placeholders stand for. Empty texts are values like any other.
struct TemplateContext {
  std::string service_id;
  std::string service_name;
  Labels service_labels;
  std::string node_id;
  std::string node_hostname;
  Platform node_platform;
  std::string task_id;
  std::string task_name;
  std::string task_slot;  // a global task's is its node's id
};
TemplateContext template_context(const Task& task, const Node& node);

// InvalidArgument, worded as Go's templates do, for a text that cannot be expanded.
Result<std::string> expand_template(std::string_view text, const TemplateContext& context);

// Expands where Swarm does: values of env, hostname, and of mounts source, target, volume labels
// and driver options. The error names the part: "expanding env failed: …".
Result<ContainerSpec> expand_templates(ContainerSpec spec, const TemplateContext& context);

}  // namespace shoal::model
