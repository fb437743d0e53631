#include "daemon/swarm_node.h"

#include <filesystem>
#include <nlohmann/json.hpp>

#include "agent/task_config.h"
#include "ca/join_token.h"
#include "crypto/random.h"
#include "crypto/root_ca.h"
#include "daemon/addresses.h"
#include "daemon/root_key_file.h"
#include "manager/core/bootstrap.h"
#include "os/file.h"
#include "state/sqlite/engine.h"

namespace shoal::daemon {
namespace {
using nlohmann::json;

constexpr std::string_view kAlreadyMember =
    "This node is already part of a swarm. Use \"docker swarm leave\" to leave this swarm and join "
    "another one.";
constexpr std::string_view kNoMember = "This node is not part of a swarm";
constexpr std::string_view kLastManager =
    "You are attempting to leave the swarm on a node that is participating as a manager. Removing "
    "the last manager erases all current state of the swarm. Use `--force` to ignore this message.";

Result<void> write_root(const std::string& folder, const crypto::RootCa& root) {
  RETURN_IF_ERROR(os::make_folders(folder));
  return os::write_file(folder + "/swarm-root-ca.crt", root.certificate_pem, 0644);
}

std::string new_token(const std::string& root_pem) {
  return ca::make_join_token(crypto::sha256(root_pem), crypto::random_bytes(ca::kSecretBytes));
}

// The store's own promise as something to wait for.
os::Co<Result<void>> durable(store::Store& store, store::Ticket ticket) {
  os::OneShot<Result<void>> done;
  store.when_durable(ticket, [done](Result<void> result) { done.set(std::move(result)); });
  co_return co_await done;
}

}  // namespace

SwarmNode::SwarmNode(Machine machine) : machine_(std::move(machine)) {}

SwarmNode::~SwarmNode() = default;

std::unique_ptr<manager::Manager> SwarmNode::make_manager() {
  auto manager = std::make_unique<manager::Manager>(
      machine_.loop, machine_.rng, machine_.log,
      [path = folder() + "/state.db",
       &loop = machine_.loop]() -> Result<std::unique_ptr<store::Engine>> {
        auto post = [&loop](os::Loop::Work work) { loop.post(std::move(work)); };
        ASSIGN_OR_RETURN(auto engine, state::SqliteEngine::open({.path = path}, std::move(post)));
        return engine;
      });
  manager->on_change(watcher_);
  return manager;
}

void SwarmNode::resume() {
  auto identity = read_identity();
  if (identity && !*identity) {
    if (std::filesystem::exists(folder())) os::spawn(remove_half_swarm());
    return;
  }
  Result<void> begun;
  if (identity) {
    auto manager = make_manager();
    begun = manager->open();
    if (begun) {
      move_root_key_into_store(folder() + "/certificates/swarm-root-ca.key", *manager->store(),
                               machine_.loop.now(), machine_.log);
    }
    if (begun) begun = begin(**identity, std::move(manager));
  } else {
    begun = std::unexpected(identity.error());
  }
  if (begun) return;
  error_ = begun.error().message;
  machine_.log.error("the swarm's state cannot be used", {{"reason", error_}});
}

Result<void> SwarmNode::begin(Identity identity, std::unique_ptr<manager::Manager> manager) {
  Membership& mine = membership_.emplace();
  mine.identity = std::move(identity);
  mine.manager = std::move(manager);
  mine.link = std::make_unique<LocalLink>(machine_.loop, *mine.manager, mine.identity.id,
                                          mine.identity.address);
  mine.runner = std::make_unique<agent::Runner>(machine_.loop, *mine.link, machine_.executor,
                                                machine_.rng, machine_.log);
  mine.runner->start();
  return {};
}

os::Co<> SwarmNode::stop() {
  if (!membership_) co_return;
  co_await membership_->runner->stop();
  membership_.reset();
}

api::LocalNodeState SwarmNode::state() const {
  if (!error_.empty()) return api::LocalNodeState::Error;
  return membership_ ? api::LocalNodeState::Active : api::LocalNodeState::Inactive;
}

model::NodeId SwarmNode::node_id() const {
  return membership_ ? membership_->identity.id : model::NodeId();
}

std::string SwarmNode::node_address() const {
  return membership_ ? membership_->identity.address : "";
}

std::vector<api::RemoteManager> SwarmNode::remote_managers() const {
  if (!membership_) return {};
  return {{membership_->identity.id, membership_->identity.manager_address}};
}

store::Store* SwarmNode::store() {
  return membership_ ? membership_->manager->store() : nullptr;
}

std::string SwarmNode::store_error() const {
  return membership_ ? membership_->manager->failure() : std::string();
}

os::Co<Result<model::NodeId>> SwarmNode::init(api::InitRequest request) {
  if (membership_ || changing_ || !error_.empty()) co_return unavailable("{}", kAlreadyMember);
  changing_ = true;
  const auto made = os::make_folders(folder());
  auto manager = make_manager();
  Result<void> opened = made ? manager->open() : made;
  Result<Identity> identity = internal_error("not opened");
  if (opened) {
    identity = co_await found_swarm(std::move(request), *manager);
  } else {
    identity = std::unexpected(opened.error());
  }
  if (identity) {
    const auto written = write_identity(*identity);
    if (!written) identity = std::unexpected(written.error());
  }
  changing_ = false;
  if (!identity) {
    manager.reset();
    const auto removed = os::remove_tree(folder());
    if (!removed) machine_.log.warn("removing half a swarm", {{"reason", removed.error().message}});
    co_return std::unexpected(identity.error());
  }
  const model::NodeId id = identity->id;
  CO_RETURN_IF_ERROR(begin(std::move(*identity), std::move(manager)));
  machine_.log.info("a swarm begins", {{"node", id}});
  co_return id;
}

os::Co<Result<SwarmNode::Identity>> SwarmNode::found_swarm(api::InitRequest request,
                                                           manager::Manager& manager) {
  CO_ASSIGN_OR_RETURN(const Advertised advertised,
                      resolve_advertised(request.advertise_address, machine_.bridge));
  const Time now = machine_.loop.now();
  auto root = co_await machine_.loop.offload([now] { return crypto::make_root_ca(now); });
  if (!root) co_return std::unexpected(root.error());
  CO_RETURN_IF_ERROR(write_root(folder() + "/certificates", *root));

  Identity identity{model::NodeId::random(machine_.rng), advertised.address,
                    with_port(advertised.address, advertised.port)};
  manager::NewSwarm swarm;
  swarm.node_id = identity.id;
  swarm.description = co_await machine_.executor.describe();
  swarm.description.tls = root->tls;
  swarm.availability = request.availability;
  swarm.address = identity.address;
  swarm.manager_address = identity.manager_address;
  swarm.spec = std::move(request.spec);
  swarm.join_token_worker = new_token(root->certificate_pem);
  swarm.join_token_manager = new_token(root->certificate_pem);
  swarm.root_ca = root->tls;
  swarm.root_ca_key = std::move(root->key_pem);
  if (!request.default_address_pools.empty()) {
    swarm.default_address_pools = std::move(request.default_address_pools);
  }
  if (request.subnet_mask_length != 0) swarm.subnet_mask_length = request.subnet_mask_length;
  if (request.data_path_port != 0) swarm.data_path_port = request.data_path_port;

  store::Store* store = manager.store();
  if (!store) co_return unavailable("the store has failed");
  CO_ASSIGN_OR_RETURN(const store::Ticket ticket, store->update(now, [&](store::WriteTx& tx) {
    return manager::create_swarm(tx, swarm, machine_.rng);
  }));
  CO_RETURN_IF_ERROR(co_await durable(*store, ticket));
  co_return identity;
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
  const std::string identity = identity_path();
  auto removed = co_await machine_.loop.offload([&identity] { return os::remove_tree(identity); });
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
  const std::string path = folder();
  co_return co_await machine_.loop.offload([&path] { return os::remove_tree(path); });
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
  return new_token(cluster.root_ca.trust_root);
}

Result<std::optional<SwarmNode::Identity>> SwarmNode::read_identity() const {
  const auto text = os::read_file(identity_path());
  if (!text && text.error().code == ErrorCode::NotFound) return std::optional<Identity>();
  if (!text) return std::unexpected(text.error());
  const json document = json::parse(*text, nullptr, false);
  const auto field = [&](const char* name) {
    const bool there =
        document.is_object() && document.contains(name) && document[name].is_string();
    return there ? document[name].get<std::string>() : std::string();
  };
  const auto id = model::NodeId::parse(field("node_id"));
  if (!id) return internal_error("{}/node.json is damaged: it has no node_id", folder());
  return Identity{*id, field("address"), field("manager_address")};
}

Result<void> SwarmNode::write_identity(const Identity& identity) const {
  const json document{{"node_id", identity.id.str()},
                      {"address", identity.address},
                      {"manager_address", identity.manager_address}};
  return os::write_file(identity_path(), document.dump(2) + "\n");
}

}  // namespace shoal::daemon
