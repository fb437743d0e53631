// ServicePorts: which services' ports this node serves, and what the kernel must do when they
// change.
//
// It keeps the books on the control thread; NodeNetwork carries its steps to the kernel.
#pragma once

#include <compare>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <vector>

#include "base/result.h"
#include "netdriver/flows.h"
#include "netdriver/host_ports.h"
#include "network/plan.h"

namespace shoal::netdriver {

class ServicePorts {
 public:
  explicit ServicePorts(HostPorts& host_ports) : host_ports_(host_ports) {}

  // What an earlier daemon left in the kernel: it is served on until a change says otherwise.
  void adopt(const network::Ruleset& found);

  // What is to be done, in this order. The books are changed already.
  struct Step {
    std::vector<network::RuleChange> rules;
    std::vector<FlowFilter> end_flows;
    Result<void> outcome;  // names the ports that could not be held; the others are served
  };
  // InvalidArgument when the lists make no sense; then nothing is changed.
  Result<Step> set(std::vector<network::IngressPort> ports);
  Result<Step> change(std::vector<network::IngressPort> put,
                      std::vector<network::IngressPort> gone);

  // Tries ports again that could not be held, a bounded number at a time, each in its turn. Those
  // that still cannot go on waiting, which is no error. `regained`: the others.
  Step retry(std::vector<network::IngressPort>& regained);

  // Adds all parts and the shards that they are in; those adopted whose rules are not known are
  // left out.
  void add_parts(network::Plan& plan) const;
  // Those adopted, with nothing but protocol and port.
  std::vector<network::IngressPort> adopted() const;

 private:
  struct Key {
    network::PortProtocol protocol;
    uint16_t port;
    auto operator<=>(const Key&) const = default;
  };
  struct Served {
    network::IngressPort port;
    network::Plan part;
    bool adopted = false;  // `part` has rules that were not read; the port is not held
    std::unique_ptr<HeldPort> held;
    size_t turn = 0;  // of the relay
  };
  static Key key_of(const network::IngressPort& port) { return {port.protocol, port.port}; }

  void put_one(network::IngressPort port, Step& step);
  void remove_one(const Key& key, Step& step);
  Result<std::unique_ptr<HeldPort>> hold(const Key& key, const network::IpAddress& at);

  HostPorts& host_ports_;
  std::map<Key, Served> served_;
  std::set<size_t> shards_;                      // that are made; one is never taken back
  std::map<Key, network::IngressPort> waiting_;  // wanted, and held by somebody else
  std::optional<Key> tried_;                     // where retry() goes on behind
};

}  // namespace shoal::netdriver
