#include "daemon/swarm_node.h"

#include <filesystem>
#include <utility>

#include "daemon/founding.h"
#include "daemon/own_certificate.h"
#include "daemon/root_key_file.h"
#include "daemon/state_commands.h"
#include "state/sqlite/engine.h"

namespace shoal::daemon {

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
  return record.is_manager() ? resume_manager(record) : resume_worker(record);
}

Result<void> SwarmNode::resume_worker(const NodeRecord& record) {
  ASSIGN_OR_RETURN(rpc::CredentialsPem credentials, folder_.read_credentials());
  // An expired one is refused by the manager: the reason is shown, and leaving still possible.
  return begin(record, nullptr, std::move(credentials));
}

Result<void> SwarmNode::resume_manager(const NodeRecord& record) {
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
  CHECK(reach_host_, "answer_with() comes first");
  ASSIGN_OR_RETURN(const auto shown, rpc::Credentials::make(credentials));
  auto membership = std::make_shared<Membership>(
      Membership::Machine{machine_.loop, machine_.rng, machine_.log, machine_.executor,
                          machine_.attachments, machine_.logs, machine_.containers, *reach_host_},
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
  if (!membership_) return api::LocalNodeState::Inactive;
  if (membership_->removed()) return api::LocalNodeState::Error;
  // A worker that was told to join and has not been let in yet.
  if (joining_ && !membership_->met_manager()) return api::LocalNodeState::Pending;
  return api::LocalNodeState::Active;
}

std::string SwarmNode::error() const {
  if (!error_.empty() || !membership_ || !membership_->removed()) return error_;
  return "this node was removed from its swarm: \"docker swarm leave\" ends its membership";
}

model::NodeId SwarmNode::node_id() const {
  return membership_ ? membership_->record().id : model::NodeId();
}

std::string SwarmNode::node_address() const {
  return membership_ ? membership_->record().address : "";
}

std::vector<api::RemoteManager> SwarmNode::remote_managers() const {
  std::vector<api::RemoteManager> managers;
  if (!membership_) return managers;
  const NodeRecord& record = membership_->record();
  for (const auto& address : record.managers) {
    managers.push_back({record.is_manager() ? record.id : model::NodeId(), address});
  }
  return managers;
}

model::NodeId SwarmNode::leader() const {
  return manager() ? node_id() : model::NodeId();
}

store::Store* SwarmNode::store() {
  return manager() ? manager()->store() : nullptr;
}

std::string SwarmNode::store_error() const {
  return manager() ? manager()->failure() : std::string();
}

manager::LogBroker* SwarmNode::log_broker() {
  return store() ? &manager()->log_broker() : nullptr;
}

manager::NodeReach* SwarmNode::node_reach() {
  return store() ? &manager()->node_reach() : nullptr;
}

os::Co<Result<void>> SwarmNode::unlock(std::string) {
  if (!membership_) co_return unavailable("This node is not part of a swarm");
  co_return failed_precondition("swarm is not locked");
}

Result<std::string> SwarmNode::unlock_key() {
  return std::string();
}

Result<std::string> SwarmNode::make_join_token(const model::Cluster& cluster) {
  return new_join_token(cluster.root_ca.trust_root);
}

os::Co<Result<model::RootRotation>> SwarmNode::make_root_rotation(const model::Cluster& cluster,
                                                                  std::string certificate,
                                                                  std::string key) {
  const Time now = machine_.loop.wall_now();
  co_return co_await machine_.loop.offload(
      [&] { return new_root_rotation(cluster, certificate, key, now); });
}

}  // namespace shoal::daemon
