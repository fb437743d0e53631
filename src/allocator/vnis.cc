#include "allocator/vnis.h"

#include <algorithm>

namespace shoal::allocator {

void VniTable::hold(const model::NetworkId& id, uint32_t vni) {
  if (!owners_.try_emplace(vni, id).second) return;
  held_[id] = vni;
  freed_.erase(vni);
  next_ = std::max(next_, vni + 1);
}

void VniTable::release(const model::NetworkId& id) {
  const auto held = held_.find(id);
  if (held == held_.end()) return;
  owners_.erase(held->second);
  if (held->second > kIngressVni) freed_.push(held->second);
  held_.erase(held);
}

std::optional<uint32_t> VniTable::find_free() {
  if (next_ <= last_) return next_;
  if (const auto freed = freed_.pop()) return freed;
  // What a restart passed over.
  uint32_t vni = kIngressVni + 1;
  for (auto at = owners_.lower_bound(vni); at != owners_.end() && at->first == vni; ++at) ++vni;
  return vni <= last_ ? std::optional(vni) : std::nullopt;
}

std::optional<uint32_t> VniTable::allocate(const model::NetworkId& id, bool ingress) {
  std::optional<uint32_t> vni;
  if (ingress && !owners_.contains(kIngressVni)) {
    vni = kIngressVni;
  } else {
    vni = find_free();
  }
  if (vni) hold(id, *vni);
  return vni;
}

}  // namespace shoal::allocator
