// The plan: what the kernel shall look like for the bridge networks of this node, as a value.
//
// A plan is the sum of independent parts: the node's frame, one part an endpoint, one part a
// service port. A change of one of them is the difference of its old and new part, so the work of a
// change does not depend on how many others there are.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "network/address.h"
#include "network/ports.h"
#include "network/ruleset.h"

namespace shoal::network {

// ---- What this node must know.
struct BridgeConfig {
  std::string name;
  Subnet subnet;  // with the gateway's address
  int mtu = 1500;
  // The host's link into the ingress network, through which the routing mesh sends; it need not be
  // there. Empty: this node is in no mesh.
  std::string mesh_link;
  // Its containers reach each other and this host, and nobody else reaches them.
  bool internal = false;
  bool masquerade = true;  // outside, its containers have this host's address
  std::string alias;       // what the link says of itself, for who finds it
};

struct EndpointConfig {
  std::string link;       // the host's end of its veth pair
  std::string peer_link;  // the container's
  IpAddress address;
  MacAddress mac;
  std::vector<PublishedPort> ports;  // host ports chosen
  bool default_route = true;         // the container's way out leads through this bridge
};

// ---- The plan.
// The far end of a veth pair, in the container's namespace.
struct PeerPlan {
  std::string name;
  MacAddress mac;
  Subnet address;
  std::optional<IpAddress> gateway;  // of the default route; empty: it has none through this link
  auto operator<=>(const PeerPlan&) const = default;
};

struct LinkPlan {
  enum class Kind { Bridge, Veth };
  Kind kind = Kind::Bridge;
  int mtu = 1500;
  std::optional<Subnet> address;
  std::string alias;
  std::string master;            // the bridge it is a port of; hairpin is on
  std::optional<PeerPlan> peer;  // Veth only
  auto operator<=>(const LinkPlan&) const = default;
};

struct Plan {
  std::map<std::string, LinkPlan> links;
  std::map<std::string, std::string> sysctls;  // path below /proc/sys -> value
  Ruleset rules;
  auto operator<=>(const Plan&) const = default;
};

// The part that is always there: bridges, sysctls, base chains and empty maps. `bridge` is the
// node's own, `others` are those that users made.
Plan plan_frame(const BridgeConfig& bridge, const std::vector<BridgeConfig>& others = {});
// Its veth pair and the elements of its ports. Ports at an IPv6 address have none: they are
// relayed.
Plan plan_endpoint(const BridgeConfig& bridge, const EndpointConfig& endpoint);
// The chain of its backends and the element that leads there; without backends, its refusal.
Plan plan_ingress(const IngressPort& port);
// In which shard these are, and what leads into a shard: the frame has that of shard 0.
size_t ingress_shard(const IngressPort& port);
Plan plan_ingress_shard(size_t shard);

// The parts of service ports in a ruleset that was read from the kernel. Their backends are not
// known.
std::vector<std::pair<IngressPort, Plan>> ingress_parts(const Ruleset& found);

// Adds a part. Two parts never plan the same link, chain or element.
void add_part(Plan& plan, const Plan& part);
void add_part(Ruleset& rules, const Ruleset& part);

// ---- Differences.
struct AddMap {
  std::string name;
  MapShape map;
  auto operator<=>(const AddMap&) const = default;
};
struct AddChain {
  std::string name;
  std::optional<BaseChain> base;
  auto operator<=>(const AddChain&) const = default;
};
// Puts these rules in the place of all that the chain has.
struct SetRules {
  std::string chain;
  std::vector<Rule> rules;
  bool replaces = false;  // the chain had rules
  auto operator<=>(const SetRules&) const = default;
};
struct RemoveElement {
  std::string map;
  MapKey key;
  auto operator<=>(const RemoveElement&) const = default;
};
struct AddElement {
  std::string map;
  MapKey key;
  MapTarget target;
  auto operator<=>(const AddElement&) const = default;
};
struct RemoveChain {
  std::string name;
  auto operator<=>(const RemoveChain&) const = default;
};
using RuleChange = std::variant<AddMap, AddChain, SetRules, RemoveElement, AddElement, RemoveChain>;

struct Changes {
  std::vector<std::string> remove_links;
  std::map<std::string, LinkPlan> add_links;
  std::map<std::string, std::string> set_sysctls;
  std::vector<RuleChange> rules;

  bool empty() const;
  auto operator<=>(const Changes&) const = default;
};

// The least that leads from one plan to the other. Both are whole plans, or parts of the same
// thing. A map or base chain is never removed: they are the frame's.
Changes diff(const Plan& from, const Plan& to);
// In an order that one transaction accepts: what is named exists before, what goes is named no
// more.
std::vector<RuleChange> diff(const Ruleset& from, const Ruleset& to);

std::string to_text(const Plan& plan);
std::string to_text(const Changes& changes);
std::string to_text(const RuleChange& change);

}  // namespace shoal::network
