// nftables as values: the part of its language that the data plane speaks, in words of the data
// plane. to_text() prints it as nft(8) would; netdriver/ encodes it for the kernel.
//
// One table of family inet, and its shards (shards.h). Its maps are keyed by a port, an address or
// both, so that publishing one more port, or one more service, is one more element, not one more
// rule that each packet meets.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "network/address.h"
#include "network/ports.h"

namespace shoal::network {

// ---- Conditions: all of a rule's must hold.
struct FromLink {
  std::string name;
  bool negated = false;
  auto operator<=>(const FromLink&) const = default;
};
struct ToLink {
  std::string name;
  bool negated = false;
  auto operator<=>(const ToLink&) const = default;
};
struct FromSubnet {
  Subnet subnet;
  auto operator<=>(const FromSubnet&) const = default;
};
struct ToSubnet {
  Subnet subnet;
  auto operator<=>(const ToSubnet&) const = default;
};
// The packet is addressed to this host itself.
struct ToThisHost {
  auto operator<=>(const ToThisHost&) const = default;
};
struct IsProtocol {
  PortProtocol protocol;
  auto operator<=>(const IsProtocol&) const = default;
};
enum class FlowState { New, EstablishedOrRelated };
struct InState {
  FlowState state;
  auto operator<=>(const InState&) const = default;
};
// Its flow was given another destination by one of our maps.
struct IsTranslated {
  auto operator<=>(const IsTranslated&) const = default;
};
// Its protocol and destination port are in the set.
struct PortIsIn {
  std::string set;
  auto operator<=>(const PortIsIn&) const = default;
};
// Its source and destination address are, as a pair, in the set.
struct AddressesAreIn {
  std::string set;
  auto operator<=>(const AddressesAreIn&) const = default;
};
// It goes to this port of its protocol: IsProtocol comes before it.
struct ToPort {
  uint16_t port;
  auto operator<=>(const ToPort&) const = default;
};
// A TCP segment that is no beginning: of a flow that this host does not know (any more).
struct IsMidStream {
  auto operator<=>(const IsMidStream&) const = default;
};
// It is anything but ICMP of either family: ping and the like are answered by who has the address.
struct IsNotIcmp {
  auto operator<=>(const IsNotIcmp&) const = default;
};
using Condition =
    std::variant<FromLink, ToLink, FromSubnet, ToSubnet, ToThisHost, IsProtocol, InState,
                 IsTranslated, ToPort, PortIsIn, AddressesAreIn, IsNotIcmp, IsMidStream>;

// ---- What a rule does with the packet.
struct Accept {
  auto operator<=>(const Accept&) const = default;
};
struct Drop {
  auto operator<=>(const Drop&) const = default;
};
// Answers that nobody is there: `tcp_reset` needs IsProtocol{Tcp} before it, else ICMP port
// unreachable.
struct Refuse {
  bool tcp_reset = false;
  auto operator<=>(const Refuse&) const = default;
};
// The connection tracking leaves the packet out; at a hook with Priority::Raw.
struct Untrack {
  auto operator<=>(const Untrack&) const = default;
};
struct Masquerade {
  auto operator<=>(const Masquerade&) const = default;
};
struct Jump {
  std::string chain;
  auto operator<=>(const Jump&) const = default;
};
// Looks the packet up in the map and goes where its element says; without one, to the next rule.
struct FollowMap {
  std::string map;
  auto operator<=>(const FollowMap&) const = default;
};
// The next backend in turn becomes the destination. At least one; all of one family. Their port is
// 0 in all or in none: with 0 the packet keeps its own.
struct Balance {
  std::vector<Backend> backends;
  auto operator<=>(const Balance&) const = default;
};
// This backend becomes the destination; port 0: the packet keeps its own.
struct SendTo {
  Backend backend;
  auto operator<=>(const SendTo&) const = default;
};
// The address that the flow's client asked for becomes the packet's source.
struct SourceFromAsked {
  Family family = Family::V4;
  auto operator<=>(const SourceFromAsked&) const = default;
};
// The address that the flow's client asked for is put into the set; the next rule goes on.
struct NoteAsked {
  std::string set;
  auto operator<=>(const NoteAsked&) const = default;
};
using Action = std::variant<Accept, Drop, Refuse, Untrack, Masquerade, Jump, FollowMap, Balance,
                            SendTo, SourceFromAsked, NoteAsked>;

struct Rule {
  std::vector<Condition> conditions;
  Action action;
  auto operator<=>(const Rule&) const = default;
};

// Balances what meets the conditions over at least one backend. The second rule is for the packet
// that is looked at while the first one is being replaced: the kernel has taken back the turns of
// the rule that it still sees, and untranslated it would be refused.
std::vector<Rule> balance_rules(const std::vector<Condition>& conditions,
                                std::vector<Backend> backends);

enum class Hook { Prerouting, Forward, Output, Postrouting };
// Where a chain stands among others at the same hook, in nft's names.
enum class Priority {
  Raw = -300,
  Mangle = -150,
  DestinationNat = -100,
  Filter = 0,
  SourceNat = 100
};

struct BaseChain {
  bool nat = false;  // else type filter
  Hook hook;
  Priority priority;
  auto operator<=>(const BaseChain&) const = default;
};

struct Chain {
  std::optional<BaseChain> base;
  std::vector<Rule> rules;
  auto operator<=>(const Chain&) const = default;
};

struct PortKey {
  std::optional<IpAddress> address;  // set in maps of AddressAndPort
  PortProtocol protocol = PortProtocol::Tcp;
  uint16_t port = 0;
  auto operator<=>(const PortKey&) const = default;
};
struct AddressPair {
  IpAddress source;
  IpAddress destination;
  auto operator<=>(const AddressPair&) const = default;
};
using MapKey = std::variant<PortKey, IpAddress, AddressPair>;

struct GoToChain {
  std::string chain;
  auto operator<=>(const GoToChain&) const = default;
};
using MapTarget = std::variant<std::monostate, Backend, GoToChain>;

// The shape of a map; what is in it stands apart, because parts of a plan add to one map.
struct MapShape {
  enum class Leads { Nowhere, ToBackend, ToChain };                // Nowhere: a set
  enum class Keys { Port, AddressAndPort, Address, AddressPair };  // addresses asked for, or a pair
  Leads leads = Leads::Nowhere;
  Keys keys = Keys::Port;
  Family family = Family::V4;  // of the keys' and the backends' addresses
  bool noted = false;          // packets put into it (NoteAsked): what is in it is in no plan
  auto operator<=>(const MapShape&) const = default;
};
using MapShapes = std::map<std::string, MapShape>;  // by the map's name

// What a set of noted addresses takes: every address of a /12. One is never taken out again.
inline constexpr uint32_t kNotedMax = 1 << 20;

struct Ruleset {
  MapShapes maps;
  std::map<std::string, std::map<MapKey, MapTarget>> elements;  // by the map's name
  std::map<std::string, Chain> chains;
  auto operator<=>(const Ruleset&) const = default;
};

// As a file that `nft -f` reads, the table named `table` and its shards behind it.
std::string to_text(const Ruleset& ruleset, const std::string& table);

// `maps` has every map that the rule names.
std::string to_text(const Rule& rule, const MapShapes& maps);
std::string to_text(const MapKey& key);
std::string to_text(const MapTarget& target);

// What the kernel keeps beside the rule as its comment: two rules with the same are the same.
std::string fingerprint(const Rule& rule, const MapShapes& maps);

}  // namespace shoal::network
