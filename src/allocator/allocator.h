// The allocator: gives networks their subnets, services their published ports and virtual
// addresses, tasks and nodes their addresses, and lets new tasks go on: NEW -> PENDING.
//
// Pure, a control loop (store/plan.h). Writes Network.allocation and error, Service.endpoint,
// Task.endpoint and networks, Node.attachments and the step to PENDING. A task that cannot get
// something stays NEW, with the reason in its status, and is looked at again when that changes. All
// tasks of a service share the service's Endpoint. A service that publishes nothing and has no
// virtual address has no endpoint; one without networks costs nothing here.
//
// In a network, a service in vip mode has one virtual address and a task one address, of each
// family; their addresses are free again when the task's observed state is terminal, the service
// leaves the network or either is gone. In the ingress network, the tasks of services that publish
// there have addresses and so has every Shoal node, because the mesh sends from it; services have
// none there. What was freed is handed out last.
//
// Everything handed out is held from plan() on and let go when that is durable; nothing is taken
// over from a batch, so an older batch that arrives after reset() changes nothing: who holds
// something is in holders_.
//
// A container that a user attaches to a network (TaskSpec::attachment) has the addresses that he
// asks for, or waits for them like the others.
//
// Tasks that were told to stop before they got anywhere are ended here (state SHUTDOWN): no agent
// will ever report them.
//
// Thread: the control thread. Work is proportional to what changed.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string_view>

#include "allocator/addresses.h"
#include "allocator/ports.h"
#include "allocator/subnets.h"
#include "allocator/targets.h"
#include "allocator/vnis.h"
#include "store/plan.h"

namespace shoal::allocator {

class Allocator {
 public:
  void reset(const store::Tables& tables);
  void on_batch(const store::Batch& batch);
  store::Plan plan(const store::Tables& tables, Time now);
  std::optional<Time> next_deadline() const;

 private:
  // A service as it is during one plan.
  struct Seen {
    Outcome<model::Ref<model::Endpoint>> endpoint;
    model::Ref<model::TaskSpec> spec;  // whose targets these are; null: none yet
    Outcome<std::vector<Target>> targets;
  };

  void on_network(const model::Ref<model::Network>& before,
                  const model::Ref<model::Network>& after);
  void on_service(const model::Ref<model::Service>& before,
                  const model::Ref<model::Service>& after);
  void on_node(const model::Ref<model::Node>& before, const model::Ref<model::Node>& after);
  void on_task(const model::Ref<model::Task>& before, const model::Ref<model::Task>& after);
  void hold_stored(const store::Tables& tables);

  void share_room();
  void plan_network(const model::NetworkId& id, store::Plan& plan);
  Result<model::NetworkAllocation> allocate(const model::Network& network);
  void plan_node(const model::NodeId& id, store::Plan& plan);
  void plan_service(const model::ServiceId& id, store::Plan& plan);
  void plan_task(const model::TaskId& id, Time now, store::Plan& plan);
  void go_on(const model::Task& stored, model::Ref<model::Endpoint> endpoint,
             const Outcome<std::vector<Target>>& targets, Time now, store::Plan& plan);

  Seen& look_at(const model::Service& service, store::Plan& plan);
  Outcome<model::Ref<model::Endpoint>> endpoint_of(const model::Service& service,
                                                   store::Plan& plan);
  Outcome<std::vector<model::VirtualIp>> virtual_ips_of(const model::Service& service,
                                                        const std::vector<Target>& targets);
  Outcome<std::vector<model::PortConfig>> ports_of(const model::Service& service);
  const Outcome<std::vector<Target>>& targets_of(Seen& seen, const model::Service& service,
                                                 const model::Task& task);
  Outcome<std::vector<model::NetworkAttachment>> attach(const std::vector<Target>& targets);
  Outcome<std::vector<std::string>> take_addresses(const model::Network& network,
                                                   std::span<const std::string> wanted = {});
  void give_back(const model::NetworkId& network, std::span<const std::string> addresses);
  // Of `old`, those that are not in `kept`.
  void give_back_vips(const model::Endpoint* old, const std::vector<model::VirtualIp>& kept);

  void block(const model::Task& task, const Cause& cause, const Blocked& why, Time now,
             store::Plan& plan);
  static void set_status(model::Task task, model::TaskState state, std::string_view message,
                         std::string_view error, Time now, store::Plan& plan);
  void wake(const Cause& cause, size_t max = size_t(-1));

  PortTable ports_;
  SubnetTable subnets_;
  VniTable vnis_;
  AddressTable addresses_;
  model::NetworkId ingress_;  // empty when there is none
  std::set<Waiter> holders_;  // services, nodes and tasks that hold addresses
  std::set<model::NetworkId> dirty_networks_;
  std::set<model::ServiceId> dirty_services_;
  std::set<model::NodeId> dirty_nodes_;
  std::set<model::TaskId> dirty_tasks_;
  bool all_nodes_dirty_ = false;      // the ingress network came or went
  std::set<model::NetworkId> roomy_;  // somebody waits for addresses there, and some were freed
  Waiters waiters_;
  // During plan() only.
  const store::Tables* tables_ = nullptr;
  std::map<model::ServiceId, Seen> seen_;
};

}  // namespace shoal::allocator
