// Addresses: in no network do two have the same one, among tasks that have not ended, virtual
// addresses and nodes; each is within its network's subnet and range, and no gateway's or auxiliary
// one. Networks never share a subnet or a VXLAN number.
//
// Follows the durable batches in their own order.
#pragma once

#include <map>
#include <set>

#include "sim/manager_host.h"

namespace shoal::sim {

class AddressChecker final : public ManagerObserver {
 public:
  explicit AddressChecker(Trace& trace) : trace_(trace) {}

  void on_load(const store::Tables& tables) override;
  void on_batch(const store::Batch& batch) override;
  void on_plan(std::string_view, const store::Tables&, const store::Plan&) override {}

  // Addresses that are held in the network.
  size_t held_count(const model::NetworkId& network) const;
  // How often an address was given to somebody. A run without any proves nothing.
  uint64_t given() const { return given_; }

 private:
  using Key = std::pair<model::NetworkId, std::string>;  // network and address

  void on_network(const model::Ref<model::Network>& before,
                  const model::Ref<model::Network>& after);
  void check_network(const model::Network& network);
  void give(const Key& key, const std::string& holder);
  void check_place(const Key& key, const std::string& holder);

  Trace& trace_;
  std::map<model::NetworkId, model::Ref<model::Network>> networks_;
  std::map<Key, std::string> holders_;
  uint64_t given_ = 0;
};

}  // namespace shoal::sim
