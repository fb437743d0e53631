#include "daemon/swarm_node.h"

#include <filesystem>
#include <utility>

#include "agent/task_config.h"
#include "daemon/founding.h"
#include "daemon/own_certificate.h"
#include "daemon/root_key_file.h"
#include "daemon/state_commands.h"
#include "state/sqlite/engine.h"

namespace shoal::daemon {
namespace {

constexpr std::string_view kAlreadyMember =
    "This node is already part of a swarm. Use \"docker swarm leave\" to leave this swarm and join "
    "another one.";
constexpr std::string_view kNoMember = "This node is not part of a swarm";
constexpr std::string_view kLastManager =
    "You are attempting to leave the swarm on a node that is participating as a manager. Removing "
    "the last manager erases all current state of the swarm. Use `--force` to ignore this message.";

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

SwarmNode::SwarmNode(Machine machine) : machine_(std::move(machine)), folder_(machine_.data_root) {}

SwarmNode::~SwarmNode() = default;

std::unique_ptr<manager::Manager> SwarmNode::make_manager() {
  auto manager = std::make_unique<manager::Manager>(
      machine_.loop, machine_.rng, machine_.log,
      [path = folder_.database_path(),
       &loop = machine_.loop]() -> Result<std::unique_ptr<store::Engine>> {
        auto post = [&loop](os::Loop::Work work) { loop.post(std::move(work)); };
        ASSIGN_OR_RETURN(auto engine, state::SqliteEngine::open({.path = path}, std::move(post)));
        return engine;
      });
  manager->on_change(watcher_);
  return manager;
}

void SwarmNode::resume() {
  const auto record = folder_.read_record();
  Result<void> resumed;
  if (!record) {
    resumed = std::unexpected(record.error());
  } else if (*record) {
    resumed = resume_member(**record);
  } else if (std::filesystem::exists(folder_.path())) {
    os::spawn(remove_half_swarm());
  }
  if (resumed) return;
  error_ = explain_state_error(resumed.error(), folder_.path());
  machine_.log.error("the swarm's state cannot be used", {{"reason", resumed.error().message}});
}

Result<void> SwarmNode::resume_member(const NodeRecord& record) {
  const std::string database = folder_.database_path();
  std::error_code error;
  // Opening would make a new one.
  if (!std::filesystem::exists(database, error)) return not_found("{} is missing", database);
  auto manager = make_manager();
  RETURN_IF_ERROR(manager->open());
  const store::Tables& tables = manager->store()->read();
  if (tables.clusters().all().empty()) return internal_error("{} holds no swarm", database);
  if (!tables.nodes().get(record.id)) {
    return internal_error("node {} of {}/node.json is not in {}", record.id, folder_.path(),
                          database);
  }
  move_root_key_into_store(folder_.path() + "/certificates/swarm-root-ca.key", *manager->store(),
                           machine_.loop.now(), machine_.log);
  ASSIGN_OR_RETURN(rpc::CredentialsPem credentials, own_credentials(record, *manager));
  return begin(record, std::move(manager), std::move(credentials));
}

Result<rpc::CredentialsPem> SwarmNode::own_credentials(const NodeRecord& record,
                                                       manager::Manager& manager) {
  const Time now = machine_.loop.wall_now();
  auto present = folder_.read_credentials();
  const Result<void> usable =
      present ? check_own_certificate(*present, record.id, now) : std::unexpected(present.error());
  if (usable) return present;
  machine_.log.warn("the node's certificate is made anew", {{"reason", usable.error().message}});
  const auto cluster = manager.store()->read().clusters().by_name(manager::kClusterName);
  if (!cluster) return internal_error("{} holds no swarm", folder_.database_path());
  ASSIGN_OR_RETURN(auto fresh, make_own_certificate(*cluster, record.id, now));
  RETURN_IF_ERROR(folder_.write_credentials(fresh));
  return fresh;
}

Result<void> SwarmNode::begin(NodeRecord record, std::unique_ptr<manager::Manager> manager,
                              rpc::CredentialsPem credentials) {
  ASSIGN_OR_RETURN(const auto shown, rpc::Credentials::make(credentials));
  auto membership =
      std::make_unique<Membership>(Membership::Machine{machine_.loop, machine_.rng, machine_.log,
                                                       machine_.executor, machine_.logs},
                                   folder_, std::move(record), std::move(manager), shown);
  RETURN_IF_ERROR(membership->begin(std::move(credentials)));
  membership_ = std::move(membership);
  return {};
}

os::Co<> SwarmNode::stop() {
  if (!membership_) co_return;
  const auto leaving = std::move(membership_);
  co_await leaving->stop();
}

api::LocalNodeState SwarmNode::state() const {
  if (!error_.empty()) return api::LocalNodeState::Error;
  return membership_ ? api::LocalNodeState::Active : api::LocalNodeState::Inactive;
}

model::NodeId SwarmNode::node_id() const {
  return membership_ ? membership_->record().id : model::NodeId();
}

std::string SwarmNode::node_address() const {
  return membership_ ? membership_->record().address : "";
}

std::vector<api::RemoteManager> SwarmNode::remote_managers() const {
  if (!membership_) return {};
  return {{membership_->record().id, membership_->record().manager_address}};
}

store::Store* SwarmNode::store() {
  return membership_ ? membership_->manager().store() : nullptr;
}

std::string SwarmNode::store_error() const {
  return membership_ ? membership_->manager().failure() : std::string();
}

manager::LogBroker* SwarmNode::log_broker() {
  return store() ? &membership_->manager().log_broker() : nullptr;
}

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
  auto manager = make_manager();
  CO_RETURN_IF_ERROR(manager->open());
  const NodeRecord record{model::NodeId::random(machine_.rng), addresses.advertised,
                          addresses.manager, addresses.listening};
  CO_ASSIGN_OR_RETURN(rpc::CredentialsPem credentials,
                      co_await found_swarm(std::move(request), addresses, record.id, *manager));
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
                                                           const model::NodeId& node,
                                                           manager::Manager& manager) {
  manager::NewSwarm swarm = new_swarm(std::move(request), addresses);
  swarm.cluster_id = model::ClusterId::random(machine_.rng);
  swarm.node_id = node;
  swarm.description = co_await machine_.executor.describe();
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

os::Co<Result<void>> SwarmNode::join(api::JoinRequest) {
  if (membership_) co_return unavailable("{}", kAlreadyMember);
  co_return unimplemented("joining a swarm is not supported by this version of Shoal yet");
}

os::Co<Result<void>> SwarmNode::leave(bool force) {
  if (changing_ || (!membership_ && error_.empty())) co_return unavailable("{}", kNoMember);
  if (!force) co_return unavailable("{}", kLastManager);
  changing_ = true;
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
  machine_.executor.forget_all();
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

os::Co<Result<void>> SwarmNode::unlock(std::string) {
  if (!membership_) co_return unavailable("{}", kNoMember);
  co_return failed_precondition("swarm is not locked");
}

Result<std::string> SwarmNode::unlock_key() {
  return std::string();
}

Result<std::string> SwarmNode::make_join_token(const model::Cluster& cluster) {
  return new_join_token(cluster.root_ca.trust_root);
}

}  // namespace shoal::daemon
