#include "manager/attachments.h"

#include <algorithm>

#include "model/ids.h"
#include "model/task.h"
#include "model/validate.h"
#include "network/address.h"

namespace shoal::manager {
namespace {

using model::AttachRequest;
using model::Ref;
using model::Task;
using model::TaskState;

bool is_hex(std::string_view text) {
  return std::ranges::all_of(
      text, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

Result<void> check_addresses(const std::vector<std::string>& addresses) {
  size_t v4_count = 0;
  for (const std::string& text : addresses) {
    const auto address = network::IpAddress::parse(text);
    if (!address) return invalid_argument("invalid address \"{}\"", text);
    v4_count += size_t(address->is_v4());
  }
  if (v4_count > 1 || addresses.size() > v4_count + 1) {
    return invalid_argument("more than one address of a family");
  }
  return {};
}

Result<void> check(const AttachRequest& request) {
  const std::string& id = request.container_id;
  if (id.size() != model::kContainerIdLength || !is_hex(id)) {
    return invalid_argument("invalid container id \"{}\"", id.substr(0, model::kContainerIdLength));
  }
  RETURN_IF_ERROR(model::validate(std::vector{request.network}));
  return check_addresses(request.network.addresses);
}

Result<Ref<model::Network>> find_attachable(const store::Tables& tables,
                                            const std::string& target) {
  Ref<model::Network> network;
  if (const auto id = model::NetworkId::parse(target)) network = tables.networks().get(*id);
  if (!network) network = tables.networks().by_name(target);
  if (!network) return not_found("network {} not found", target);
  if (!network->spec.attachable) {
    return permission_denied("network {} not manually attachable", target);
  }
  if (network->allocation) return network;
  if (!network->error.empty()) return failed_precondition("network {}: {}", target, network->error);
  return unavailable("network {} has no addresses yet", target);
}

bool is_live(const Task& task) {
  return task.desired_state <= TaskState::Running && task.status.state <= TaskState::Running;
}

Task attachment_of(const model::NodeId& node, const AttachRequest& request,
                   const model::NetworkId& network, Time now) {
  auto spec = std::make_shared<model::TaskSpec>();
  spec->runtime = model::kAttachmentRuntime;
  spec->attachment = model::NetworkAttachmentSpec{request.container_id};
  spec->networks = {request.network};
  spec->networks.front().target = network.str();
  Task task;
  task.node_id = node;
  task.spec = std::move(spec);
  task.status.timestamp = now;
  task.status.message = "created";
  return task;
}

}  // namespace

Result<model::TaskId> attach_container(store::WriteTx& tx, const model::NodeId& node,
                                       const AttachRequest& request, Rng& rng) {
  RETURN_IF_ERROR(check(request));
  const store::Tables& tables = tx.read();
  const auto stored = tables.nodes().get(node);
  if (!stored) return not_found("node {} not found", node);
  ASSIGN_OR_RETURN(const auto network, find_attachable(tables, request.network.target));
  if (stored->description.shoal_version == 0) {
    return failed_precondition("network {} is on Shoal nodes only, and node {} is none",
                               network->name(), node);
  }
  size_t count = 0;
  for (const Ref<Task>& task : tables.tasks().by_node(node)) {
    if (!model::is_attachment(*task) || !is_live(*task)) continue;
    const bool same = task->spec->attachment->container_id == request.container_id &&
                      task->spec->networks.front().target == network->id.view();
    if (same) return task->id;
    ++count;
  }
  if (count >= kAttachmentsMax) {
    return failed_precondition("node {} has attached {} containers; more are not taken", node,
                               count);
  }
  Task task = attachment_of(node, request, network->id, tx.now());
  task.id = model::TaskId::random(rng);
  const model::TaskId id = task.id;
  RETURN_IF_ERROR(tx.create(std::move(task)));
  return id;
}

Result<void> detach_container(store::WriteTx& tx, const model::NodeId& node,
                              const model::TaskId& attachment) {
  const auto task = tx.read().tasks().get(attachment);
  if (!task || !model::is_attachment(*task))
    return not_found("attachment {} not found", attachment);
  if (task->node_id != node) {
    return permission_denied("attachment {} doesn't belong to this node", attachment);
  }
  return tx.remove(attachment);
}

}  // namespace shoal::manager
