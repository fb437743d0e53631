// SwarmBackend: what the HTTP handlers need of the node's place in a swarm. The daemon implements
// it over manager and agent; the handlers of services, nodes, tasks and networks use only store().
//
// Thread: the control thread only. Must outlive the server.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/rng.h"
#include "model/cluster.h"
#include "os/co.h"
#include "store/store.h"

namespace shoal::manager {
class LogBroker;
class NodeReach;
}  // namespace shoal::manager

namespace shoal::api {

// Docker's LocalNodeState.
enum class LocalNodeState { Inactive, Pending, Active, Error, Locked };

// POST /swarm/init. Addresses are as the client gave them: the backend resolves interface names and
// adds default ports (2377).
struct InitRequest {
  std::string listen_address;
  std::string advertise_address;
  std::string data_path_address;
  uint32_t data_path_port = 0;                     // 0: 4789
  std::vector<std::string> default_address_pools;  // empty: 10.0.0.0/8
  uint32_t subnet_mask_length = 0;                 // 0: 24
  bool force_new_cluster = false;
  model::Availability availability = model::Availability::Active;
  model::ClusterSpec spec;  // complete: what the client left out is the default
};

// POST /swarm/join.
struct JoinRequest {
  std::string listen_address;
  std::string advertise_address;
  std::string data_path_address;
  std::vector<std::string> remote_addresses;
  std::string join_token;
  model::Availability availability = model::Availability::Active;
};

struct RemoteManager {
  model::NodeId node;
  std::string address;  // "10.0.0.1:2377"
};

class SwarmBackend {
 public:
  virtual ~SwarmBackend() = default;

  virtual LocalNodeState state() const = 0;
  // Why the state is Error, else empty.
  virtual std::string error() const = 0;
  // Empty while Inactive.
  virtual model::NodeId node_id() const = 0;
  // The address that other nodes reach this one at, without a port.
  virtual std::string node_address() const = 0;
  virtual std::vector<RemoteManager> remote_managers() const = 0;

  // The swarm's store when this node is a manager that may read and write it; null otherwise, and
  // then swarm calls answer 503. It may become null (and the Store die) between two co_awaits.
  virtual store::Store* store() = 0;
  // Why a manager has no store, or one that can only be read; else empty.
  virtual std::string store_error() const { return ""; }
  // Where the logs of tasks come from; null when store() is.
  virtual manager::LogBroker* log_broker() = 0;
  // Carries requests to the containers of other nodes; null when store() is.
  virtual manager::NodeReach* node_reach() = 0;
  // The manager that leads now; empty when this node does not know one.
  virtual model::NodeId leader() const = 0;
  // For the ids of what the handlers create.
  virtual Rng& rng() = 0;

  // Returns this node's id when the new swarm is durable. Unavailable, in Docker's words, when this
  // node is part of one already.
  virtual os::Co<Result<model::NodeId>> init(InitRequest request) = 0;
  virtual os::Co<Result<void>> join(JoinRequest request) = 0;
  // Returns when the node has left and its tasks' containers are gone. FailedPrecondition for a
  // manager without `force`.
  virtual os::Co<Result<void>> leave(bool force) = 0;
  virtual os::Co<Result<void>> unlock(std::string key) = 0;
  // Empty when autolock is off.
  virtual Result<std::string> unlock_key() = 0;
  // A new "SWMTKN-1-…" for a rotation.
  virtual Result<std::string> make_join_token(const model::Cluster& cluster) = 0;
  // Begins a root rotation in `cluster`, to the given root and key (PEM) or, when both are empty,
  // to a new one. InvalidArgument when they are no root with its key.
  virtual os::Co<Result<model::RootRotation>> make_root_rotation(const model::Cluster& cluster,
                                                                 std::string certificate,
                                                                 std::string key) = 0;
};

// The Swarm header of /_ping: "inactive", "active/manager" …
std::string swarm_header(SwarmBackend& backend);

// The store, or Docker's fixed text for a node that is no manager (Unavailable).
Result<store::Store*> managed_store(SwarmBackend& backend);

// Commits, and waits until the change is durable: only then may a client be told.
os::Co<Result<store::Ticket>> commit(SwarmBackend& backend, Time now, store::Store::Write write);

}  // namespace shoal::api
