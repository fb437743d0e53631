// The allocator's part for networks and nodes.
#include "allocator/allocator.h"

namespace shoal::allocator {

using model::NetworkId;
using Kind = Cause::Kind;

Result<model::NetworkAllocation> Allocator::allocate(const model::Network& network) {
  for (const auto& [id, cluster] : tables_->clusters().all()) subnets_.use_pools_of(*cluster);
  model::NetworkAllocation allocation;
  ASSIGN_OR_RETURN(allocation.ipam, subnets_.allocate(network));
  const auto vni = vnis_.allocate(network.id, network.spec.ingress);
  if (!vni) {
    subnets_.release(network.id);
    return unavailable("no VXLAN network identifier is left");
  }
  allocation.vni = *vni;
  return allocation;
}

void Allocator::plan_network(const NetworkId& id, store::Plan& plan) {
  const auto stored = tables_->networks().get(id);
  if (!stored || stored->allocation) return;
  model::Network network = *stored;
  auto allocation = allocate(network);
  if (allocation) {
    network.allocation = *std::move(allocation);
    network.error.clear();
    addresses_.add(network);
  } else {
    network.error = allocation.error().message;
    waiters_.put(id, {Kind::Subnet, ""});
    if (network.error == stored->error) return;
  }
  // Who waits for the network hears of it when that is stored.
  plan.update_networks.push_back(std::move(network));
}

void Allocator::plan_node(const model::NodeId& id, store::Plan& plan) {
  const auto stored = tables_->nodes().get(id);
  if (!stored) return;
  waiters_.remove(id);
  const auto ingress = tables_->networks().get(ingress_);
  const bool wanted = stored->description.shoal_version > 0 && ingress && ingress->allocation;
  std::vector<model::NetworkAttachment> attachments;
  for (const model::NetworkAttachment& one : stored->attachments) {
    if (wanted && one.network == ingress_) {
      attachments.push_back(one);
    } else {
      give_back(one.network, one.addresses);
    }
  }
  if (wanted && attachments.empty()) {
    auto addresses = take_addresses(*ingress);
    if (addresses) {
      attachments.push_back(
          {.network = ingress_, .addresses = *std::move(addresses), .aliases = {}});
    } else {
      waiters_.put(id, addresses.error().cause);
    }
  }
  if (attachments.empty()) {
    holders_.erase(id);
  } else {
    holders_.insert(id);
  }
  if (attachments == stored->attachments) return;
  model::Node node = *stored;
  node.attachments = std::move(attachments);
  plan.update_nodes.push_back(std::move(node));
}

}  // namespace shoal::allocator
