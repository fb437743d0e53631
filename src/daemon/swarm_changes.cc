// How a SwarmNode becomes part of a swarm and ceases to be: init, join, leave.
#include <utility>

#include "agent/task_config.h"
#include "daemon/founding.h"
#include "daemon/joining.h"
#include "daemon/swarm_node.h"

namespace shoal::daemon {
namespace {

constexpr std::string_view kAlreadyMember =
    "This node is already part of a swarm. Use \"docker swarm leave\" to leave this swarm and join "
    "another one.";
constexpr std::string_view kNoMember = "This node is not part of a swarm";
constexpr std::string_view kLastManager =
    "You are attempting to leave the swarm on a node that is participating as a manager. Removing "
    "the last manager erases all current state of the swarm. Use `--force` to ignore this message.";

constexpr std::string_view kJoinGoesOn =
    "Timeout was reached before node joined. The attempt to join the swarm will continue in the "
    "background. Use the \"docker info\" command to see the current swarm status of your node.";
constexpr Duration kJoinTimeout = 20s;

// The store's own promise as something to wait for.
os::Co<Result<void>> durable(store::Store& store, store::Ticket ticket) {
  os::OneShot<Result<void>> done;
  store.when_durable(ticket, [done](Result<void> result) { done.set(std::move(result)); });
  co_return co_await done;
}

manager::NewSwarm new_swarm(api::InitRequest request, const SwarmAddresses& addresses) {
  manager::NewSwarm swarm;
  swarm.availability = request.availability;
  swarm.address = addresses.advertised;
  swarm.manager_address = addresses.manager;
  swarm.spec = std::move(request.spec);
  if (!request.default_address_pools.empty()) {
    swarm.default_address_pools = std::move(request.default_address_pools);
  }
  if (request.subnet_mask_length != 0) swarm.subnet_mask_length = request.subnet_mask_length;
  if (request.data_path_port != 0) swarm.data_path_port = request.data_path_port;
  return swarm;
}

}  // namespace

os::Co<Result<model::NodeId>> SwarmNode::init(api::InitRequest request) {
  if (membership_ || changing_ || !error_.empty()) co_return unavailable("{}", kAlreadyMember);
  changing_ = true;
  auto made = co_await try_init(std::move(request));
  if (!made) (void)co_await remove_remains();
  changing_ = false;
  if (made) machine_.log.info("a swarm begins", {{"node", *made}});
  co_return made;
}

os::Co<Result<model::NodeId>> SwarmNode::try_init(api::InitRequest request) {
  CO_ASSIGN_OR_RETURN(
      const SwarmAddresses addresses,
      resolve_addresses(request.listen_address, request.advertise_address, machine_.bridge));
  CO_ASSIGN_OR_RETURN(const std::string data_path, resolve_data_path(request.data_path_address));
  auto manager = make_manager();
  CO_RETURN_IF_ERROR(manager->open());
  const NodeRecord record{model::NodeId::random(machine_.rng),
                          addresses.advertised,
                          {addresses.manager},
                          addresses.listening,
                          data_path};
  CO_ASSIGN_OR_RETURN(rpc::CredentialsPem credentials,
                      co_await found_swarm(std::move(request), addresses, record, *manager));
  CO_RETURN_IF_ERROR(begin(record, std::move(manager), std::move(credentials)));
  // From here on it is acknowledged whatever happens to this daemon.
  const auto written = folder_.write_record(record);
  if (!written) {
    co_await stop();
    co_return std::unexpected(written.error());
  }
  co_return record.id;
}

os::Co<Result<rpc::CredentialsPem>> SwarmNode::found_swarm(api::InitRequest request,
                                                           const SwarmAddresses& addresses,
                                                           const NodeRecord& record,
                                                           manager::Manager& manager) {
  manager::NewSwarm swarm = new_swarm(std::move(request), addresses);
  swarm.cluster_id = model::ClusterId::random(machine_.rng);
  swarm.node_id = record.id;
  swarm.ingress_id = model::NetworkId::random(machine_.rng);
  swarm.description = co_await machine_.executor.describe();
  swarm.description.data_path_address = record.data_path_address;
  const Time now = machine_.loop.now();
  const Time wall = machine_.loop.wall_now();  // Others check certificates with their clocks.
  auto founding = co_await machine_.loop.offload([&]() -> Result<Founding> {
    ASSIGN_OR_RETURN(Founding made, found(swarm, wall));
    RETURN_IF_ERROR(folder_.write_credentials(made.credentials));
    return made;
  });
  if (!founding) co_return std::unexpected(founding.error());
  store::Store* store = manager.store();
  if (!store) co_return unavailable("the store has failed");
  CO_ASSIGN_OR_RETURN(const store::Ticket ticket, store->update(now, [&](store::WriteTx& tx) {
    return manager::create_swarm(tx, founding->swarm);
  }));
  CO_RETURN_IF_ERROR(co_await durable(*store, ticket));
  co_return std::move(founding->credentials);
}

os::Co<Result<void>> SwarmNode::join(api::JoinRequest request) {
  if (membership_ || changing_ || !error_.empty()) co_return unavailable("{}", kAlreadyMember);
  changing_ = true;
  const auto joined = co_await try_join(std::move(request));
  if (!joined) (void)co_await remove_remains();
  changing_ = false;
  if (!joined) co_return joined;
  joining_ = true;
  const os::StopSource late;
  const auto timer = machine_.loop.at(machine_.loop.now() + kJoinTimeout, [late] { late.stop(); });
  const os::StopToken ending = ending_.token();
  const auto guard = ending.on_stop([late] { late.stop(); });
  const auto met = co_await meet_manager(late.token());
  if (!met && !membership_) co_return cancelled("the node has left the swarm meanwhile");
  if (!met && ending.stopped()) {
    machine_.log.info("the join goes on once the daemon is started again");
    co_return cancelled("the daemon stops");
  }
  if (!met) co_return deadline_exceeded("{}", kJoinGoesOn);
  joining_ = false;
  machine_.log.info("the node has joined a swarm", {{"node", node_id()}});
  co_return Result<void>{};
}

// The membership may end while it is waited for.
os::Co<bool> SwarmNode::meet_manager(os::StopToken stop) {
  const std::shared_ptr<Membership> mine = membership_;
  co_return co_await mine->meet_manager(stop);
}

os::Co<Result<void>> SwarmNode::try_join(api::JoinRequest request) {
  CO_RETURN_IF_ERROR(co_await machine_.loop.offload([this] { return folder_.reserve(); }));
  std::string bridge = machine_.bridge;
  auto joined = co_await join_swarm(machine_.loop, machine_.log, std::move(request),
                                    std::move(bridge), ending_.token());
  if (!joined) co_return std::unexpected(joined.error());
  auto written = co_await machine_.loop.offload(
      [&] { return folder_.write_reserved(joined->credentials, joined->record); });
  if (!written) co_return written;
  co_return begin(std::move(joined->record), nullptr, std::move(joined->credentials));
}

os::Co<Result<void>> SwarmNode::leave(bool force) {
  if (changing_ || (!membership_ && error_.empty())) co_return unavailable("{}", kNoMember);
  const bool is_worker = membership_ && !membership_->manager();
  if (!force && !is_worker) co_return unavailable("{}", kLastManager);
  changing_ = true;
  joining_ = false;
  co_await stop();
  // From here on the node is no member: a daemon that follows finishes what this one does not.
  auto removed = co_await machine_.loop.offload([this] { return folder_.remove_record(); });
  if (removed) removed = co_await remove_remains();
  changing_ = false;
  error_.clear();
  machine_.log.info("the node has left the swarm");
  co_return removed;
}

// An init that was not acknowledged, or a leave that was cut off.
os::Co<> SwarmNode::remove_half_swarm() {
  changing_ = true;
  const auto removed = co_await remove_remains();
  changing_ = false;
  if (!removed) machine_.log.warn("removing half a swarm", {{"reason", removed.error().message}});
}

os::Co<Result<void>> SwarmNode::remove_remains() {
  co_await remove_task_containers();
  co_await machine_.executor.forget_all();
  co_return co_await machine_.loop.offload([this] { return folder_.remove(); });
}

os::Co<> SwarmNode::remove_task_containers() {
  for (const auto& container : machine_.containers.list({{std::string(agent::kTaskLabel), ""}})) {
    const std::string id = container->id;
    const containers::RemoveOptions options{.force = true, .volumes = true};
    const auto removed = co_await machine_.containers.remove(id, options);
    if (!removed) {
      machine_.log.warn("a task's container is left",
                        {{"container", id}, {"reason", removed.error().message}});
    }
  }
}

}  // namespace shoal::daemon
