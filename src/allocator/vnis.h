// Which network has which VXLAN network identifier.
#pragma once

#include <map>
#include <optional>

#include "model/ids.h"
#include "network/turn_queue.h"

namespace shoal::allocator {

// The ingress network's, as in Swarm; the others have those from the next one on.
inline constexpr uint32_t kIngressVni = 4096;
inline constexpr uint32_t kVniLast = (1 << 24) - 1;

// One that was given back comes again only when no unused one is left, the longest free first.
class VniTable {
 public:
  explicit VniTable(uint32_t last = kVniLast) : last_(last) {}

  // Takes over a stored one, unless somebody else has it.
  void hold(const model::NetworkId& id, uint32_t vni);
  void release(const model::NetworkId& id);
  // Held from now on. Empty when none is left.
  std::optional<uint32_t> allocate(const model::NetworkId& id, bool ingress);

 private:
  std::optional<uint32_t> find_free();

  uint32_t last_;
  uint32_t next_ = kIngressVni + 1;
  std::map<uint32_t, model::NetworkId> owners_;
  std::map<model::NetworkId, uint32_t> held_;
  network::TurnQueue<uint32_t> freed_;
};

}  // namespace shoal::allocator
