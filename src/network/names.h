// NameTable: what this node knows of names, network by network, and how a container's question is
// answered from it.
//
// In each network a service has its name and aliases, and an endpoint (a task, or a container that
// `docker run` attached) its own names. Asked by a container for NAME, or NAME.NETWORK:
//   a service with virtual addresses    those, whether somebody serves behind them or not
//   a service without them (dnsrr)      the addresses of its serving endpoints
//   "tasks." and a service's name       the same, whatever the service's mode
//   an endpoint's own name              its addresses while it is serving, as Docker answers only
//                                       for healthy tasks
// A service hides endpoints of the same name; two services of one name (an alias) answer together.
// The container's networks are asked in their order, the first that has addresses answers. Names
// compare without regard to case; what is no host name is never found.
//
// Pure. A change costs in proportion to itself; a question O(log n) and the size of its answer.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/rng.h"
#include "model/ids.h"
#include "model/service.h"
#include "network/address.h"

namespace shoal::network {

struct ServiceNames {
  std::string name;
  std::vector<std::string> aliases;
  model::ResolutionMode mode = model::ResolutionMode::Vip;
  std::vector<IpAddress> virtual_ips;

  bool operator==(const ServiceNames&) const = default;
};

struct EndpointNames {
  model::ServiceId service;        // empty: of none
  std::vector<std::string> names;  // its own, the first is the one that an address is turned into
  std::vector<IpAddress> addresses;
  bool serving = false;

  bool operator==(const EndpointNames&) const = default;
};

// Who asks.
struct NameClient {
  struct OwnName {
    std::string name;
    std::vector<IpAddress> addresses;
    bool operator==(const OwnName&) const = default;
  };
  std::vector<model::NetworkId> networks;  // in the order in which they are asked
  // Names that only this container uses (its own aliases); they come before all others.
  std::vector<OwnName> own;

  bool operator==(const NameClient&) const = default;
};

class NameTable {
 public:
  NameTable() = default;
  // Services know their endpoints by pointers, which a copy would share.
  NameTable(const NameTable&) = delete;
  NameTable(NameTable&&) = default;
  NameTable& operator=(NameTable&&) = default;

  // Put replaces what has the same ids; Drop of what is not there is fine. With a network goes
  // everything in it. Names that are no host names are left out.
  void put_network(const model::NetworkId& id, std::string_view name);
  void drop_network(const model::NetworkId& id);
  void put_service(const model::NetworkId& network, const model::ServiceId& id, ServiceNames names);
  void drop_service(const model::NetworkId& network, const model::ServiceId& id);
  void put_endpoint(const model::NetworkId& network, const model::TaskId& id, EndpointNames names);
  void drop_endpoint(const model::NetworkId& network, const model::TaskId& id);
  // The ports that a service publishes through this network (the ingress network, mostly), for
  // find_port() in each of its networks; those without a name do not count. Empty: none. They go
  // with the service's place in this network.
  void put_ports(const model::NetworkId& network, const model::ServiceId& id,
                 std::vector<model::PortConfig> ports);

  struct Found {
    bool known = false;                // the name exists, maybe with no address of this family
    std::vector<IpAddress> addresses;  // shuffled, at most as many as were asked for
  };
  // `name` may end in a dot.
  Found find(const NameClient& client, std::string_view name, Family family, size_t count_max,
             Rng& rng) const;

  struct Target {
    std::string name;  // with its network's: "web.1.abc.front"
    uint16_t port = 0;
    std::vector<IpAddress> addresses;
  };
  struct FoundPort {
    bool known = false;  // NAME exists, maybe without such a port
    std::vector<Target> targets;
  };
  // "_PORT._PROTOCOL.NAME", where PORT is the name of a published port of NAME's service, or any
  // number: who has that port. A virtual address is one target, else each serving endpoint is.
  FoundPort find_port(const NameClient& client, std::string_view name, size_t count_max,
                      Rng& rng) const;

  // Whose address it is, in one of the client's networks: "web.1.abc.front"; empty: nobody's.
  std::string name_of(const NameClient& client, const IpAddress& address) const;

 private:
  struct Endpoint {
    EndpointNames names;
    size_t place = 0;  // in its service's `serving`, when it is
  };
  struct Service {
    std::optional<ServiceNames> names;  // unset: only its endpoints are known
    std::vector<Endpoint*> serving;
  };
  struct Holders {
    std::set<model::ServiceId> services;
    std::set<model::TaskId> endpoints;
  };
  struct Network {
    std::string name;
    std::map<model::ServiceId, Service> services;
    std::map<model::TaskId, Endpoint> endpoints;
    std::map<std::string, Holders, std::less<>> by_name;
    std::map<IpAddress, Holders> by_address;
  };
  // Whoever answers for a name.
  struct Answerer {
    const std::string* name;  // null: it has none
    const model::ServiceId* service;
    const std::vector<IpAddress>* addresses;
  };
  // At most `count_max` of them; unset when the network does not know the name.
  using Answerers = std::optional<std::vector<Answerer>>;

  static void enter(Network& network, Endpoint& endpoint);
  static void leave(Network& network, const Endpoint& endpoint);
  static void forget_if_unused(Network& network, const model::ServiceId& id);
  static void add_serving(const model::ServiceId& id, const Service& service, size_t count_max,
                          Rng& rng, std::vector<Answerer>& to);
  static Answerers look_up(const Network& network, std::string_view name, size_t count_max,
                           Rng& rng);
  static Answerers look_up_here(const Network& network, std::string_view name, size_t count_max,
                                Rng& rng);
  const Network* network(const model::NetworkId& id) const;
  std::optional<uint16_t> port_of(const model::ServiceId& service, std::string_view port,
                                  std::string_view protocol) const;

  std::map<model::NetworkId, Network> networks_;
  using PortsKey = std::pair<model::ServiceId, model::NetworkId>;
  std::map<PortsKey, std::vector<model::PortConfig>> ports_;  // none is empty
};

// In lower case and without a dot at its end; empty when it is no host name: 1 to 253 characters,
// labels of 1 to 63 letters, digits, '-' and '_'.
std::string to_host_name(std::string_view text);

}  // namespace shoal::network
