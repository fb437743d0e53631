// For tests and benchmarks: machines on one switch, each with its overlay networks, and containers
// on them. Needs root.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "netdriver/overlays.h"
#include "netdriver/testing.h"

namespace shoal::netdriver::testing {

// A machine of its own: a network namespace with eth0 on the switch.
struct Machine {
  int number = 0;
  os::Fd space;
  network::IpAddress address;  // 10.98.0.NUMBER
  std::string run_dir;
  std::unique_ptr<Overlays> overlays;
};

// A container: a namespace held as a file, as NodeNetwork makes them.
struct Container {
  std::string id;
  std::string netns_path;
  Machine* machine = nullptr;
};

class Fabric {
 public:
  // `host`: in whose namespace the switch is, and in whose folder everything is held.
  explicit Fabric(const Host& host, int mtu = 1500);
  ~Fabric();

  // With its Overlays started and told of its address.
  Machine& add_machine();
  // The daemon goes, and the next one comes; nobody has told it anything yet.
  void end_daemon(Machine& machine);
  void begin_daemon(Machine& machine);

  Container add_container(Machine& machine, const std::string& id);
  // Its processes are gone, and so is its namespace.
  static void remove_container(const Container& container);
  // On its machine: the answer as it is.
  Result<OverlayEndpoint> connect(const Container& container, const std::string& network,
                                  const std::vector<std::string>& addresses);

  // The same changes on every machine, or on one; must succeed.
  void apply(const std::vector<network::OverlayChange>& changes);
  void apply(Machine& machine, std::vector<network::OverlayChange> changes);
  Result<void> try_apply(Machine& machine, std::vector<network::OverlayChange> changes);

  // In the network's namespace on that machine.
  void in_network(const Machine& machine, const std::string& network,
                  const std::function<void()>& work);

  std::vector<std::unique_ptr<Machine>> machines;
  ControlThread control;

 private:
  const Host& host_;
  const int mtu_;
  NamespaceStock stock_{0};
};

network::OverlayNetwork overlay(const std::string& id, uint32_t vni,
                                const std::vector<std::string>& subnets);
network::IpAddress ip(const std::string& text);

}  // namespace shoal::netdriver::testing
