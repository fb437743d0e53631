// Networks: the networks that this node has by itself: bridge, host and none, and the bridges that
// users make.
//
//   DATA_ROOT/networks/ID.json   one of them
//
// Control thread only; the disk is touched on the pool. A network is on disk and in the kernel when
// create() answers. A daemon that is killed half-way leaves a network that exists or one that does
// not.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/log.h"
#include "base/rng.h"
#include "base/time.h"
#include "containers/lock.h"
#include "model/container.h"
#include "model/network.h"
#include "netdriver/node_network.h"
#include "network/names.h"
#include "os/co.h"
#include "os/loop.h"

namespace shoal::containers {

struct Network {
  std::string id;  // 64 hex digits
  Time created_at;
  model::NetworkSpec spec;    // with the subnet and the gateway that it has
  bool predefined = false;    // bridge, host or none
  bool asked_subnet = false;  // by the user: only then containers may ask for addresses
  std::string link;           // of its bridge

  const std::string& name() const { return spec.annotations.name; }
  const std::string& driver() const { return spec.driver.name; }  // "bridge", "host", "null"
};
using NetworkRef = std::shared_ptr<const Network>;

// How netdriver knows the bridge of a network of this node.
std::string bridge_key(const model::NetworkConnection& connection);

// Docker's events of type "network".
struct NetworkEvent {
  std::string action;  // create, connect, disconnect, destroy
  std::string id;
  std::string name;
  std::string driver;
  std::string container;  // its id; of connect and disconnect
};

class Networks {
 public:
  struct Machine {
    os::Loop& loop;
    Log& log;
    Rng& rng;
    netdriver::NodeNetwork& network;
    network::NameTable* names;  // null: nobody looks up names
    std::string data_root;
  };
  explicit Networks(Machine machine) : machine_(std::move(machine)) {}

  // Once, before anything else: reads what is there, and makes the predefined ones the first time.
  // A damaged record is logged and left alone. Returns the bridges for NodeNetwork::start().
  os::Co<Result<std::vector<network::Bridge>>> open();
  // After NodeNetwork::start(): what the node's own bridge turned out to be.
  void on_started();
  void on_event(std::function<void(const NetworkEvent&)> handler);

  // By id, name, or an unambiguous beginning of the id. NotFound "network x not found".
  Result<NetworkRef> find(std::string_view ref) const;
  std::vector<NetworkRef> list() const;  // in the order of names

  // A bridge. AlreadyExists when the name is taken, otherwise what read_bridge() and
  // netdriver::NodeNetwork::add_bridge() say.
  os::Co<Result<NetworkRef>> create(model::NetworkSpec spec);
  // PermissionDenied, in Docker's words, for a predefined one and while a container is in it.
  os::Co<Result<void>> remove(std::string ref);
  bool in_use(const Network& network) const;

  // Turns names into networks: of what the container asks for and, when it is not among them, of
  // its network mode. Leaves what is the swarm's as it is. InvalidArgument, in Docker's words, for
  // a network that is not here and for addresses, aliases and combinations that cannot be.
  Result<void> resolve(model::ContainerConfig& config) const;
  // The same for one; NotFound for a network that is not here.
  Result<void> resolve(model::NetworkConnection& connection) const;

  // A network that is none of this node's but may be the swarm's: its name, when a user's container
  // can be attached to it as far as this node knows (Attacher has the last word). NotFound: there
  // is none of that name. Set when the daemon is wired.
  using Elsewhere = std::function<Result<std::string>(std::string_view ref)>;
  void look_elsewhere(Elsewhere elsewhere) { elsewhere_ = std::move(elsewhere); }

  void emit(const NetworkEvent& event) const;

 private:
  std::string folder() const { return machine_.data_root + "/networks"; }
  std::string path_of(const std::string& id) const;
  os::Co<Result<void>> add_predefined();
  os::Co<Result<void>> write(NetworkRef network);
  os::Co<Result<void>> erase(std::string id);
  bool is_taken(std::string_view name) const;
  Result<void> resolve_elsewhere(model::NetworkConnection& connection) const;
  void insert(NetworkRef network);
  void emit(std::string_view action, const Network& network) const;

  Machine machine_;
  AsyncLock changing_;  // held by create and remove: one after the other
  std::map<std::string, NetworkRef, std::less<>> networks_;  // by id
  std::vector<std::function<void(const NetworkEvent&)>> handlers_;
  Elsewhere elsewhere_;
};

}  // namespace shoal::containers
