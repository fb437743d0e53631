#include "scheduler/node_set.h"

#include <algorithm>

#include "base/check.h"

namespace shoal::scheduler {
namespace {

using model::NodeId;
using model::TaskId;
using model::TaskState;

bool is_live(const model::Task& task) {
  return task.status.state >= TaskState::Assigned && task.status.state <= TaskState::Running;
}

// Meant to run on: what the spread counts.
bool is_active(const model::Task& task) {
  return task.desired_state <= TaskState::Complete;
}

bool by_id(const NodeInfo* info, const NodeId& id) {
  return info->node->id < id;
}

}  // namespace

uint32_t NodeInfo::penalty(const GroupKey& group, Time now) const {
  if (failures.empty()) return 0;
  const auto at = failures.find(group);
  if (at == failures.end()) return 0;
  const auto recent =
      std::ranges::count_if(at->second, [&](Time t) { return t + kFailureWindow > now; });
  return recent >= kFailuresMax ? uint32_t(recent) : 0;
}

std::vector<HostPort> host_ports_of(const model::Endpoint& endpoint) {
  std::vector<HostPort> ports;
  for (const model::PortConfig& port : endpoint.ports) {
    if (port.mode == model::PublishMode::Host && port.published_port != 0) {
      ports.emplace_back(port.protocol, port.published_port);
    }
  }
  return ports;
}

void NodeSet::clear() {
  nodes_.clear();
  ordered_.clear();
  by_place_.clear();
  free_places_.clear();
  active_.clear();
}

Place NodeSet::put(const model::Ref<model::Node>& node) {
  auto& info = nodes_[node->id];
  if (!info) {
    info = std::make_unique<NodeInfo>();
    if (free_places_.empty()) {
      info->place = Place(by_place_.size());
      by_place_.push_back(nullptr);
    } else {
      info->place = *free_places_.begin();
      free_places_.erase(free_places_.begin());
    }
    by_place_[info->place] = info.get();
    ordered_.insert(std::lower_bound(ordered_.begin(), ordered_.end(), node->id, by_id),
                    info.get());
  }
  refresh(*info, node);
  return info->place;
}

void NodeSet::refresh(NodeInfo& info, const model::Ref<model::Node>& node) {
  const model::Resources none;
  const model::Resources& before = info.node ? info.node->description.resources : none;
  const model::Resources& after = node->description.resources;
  info.nano_cpus += after.nano_cpus - before.nano_cpus;
  info.memory_bytes += after.memory_bytes - before.memory_bytes;
  if (!info.node || before.generic != after.generic) {
    info.generic = after.generic;
    for (const auto& [id, claim] : info.claims) model::take_generic(info.generic, claim.generic);
  }
  info.ready = node->status.state == model::NodeState::Ready &&
               node->spec.availability == model::Availability::Active;
  info.node = node;
}

std::optional<Place> NodeSet::remove(const NodeId& id) {
  const auto at = nodes_.find(id);
  if (at == nodes_.end()) return std::nullopt;
  NodeInfo& info = *at->second;
  const Place place = info.place;
  while (!info.claims.empty()) drop_claim(info, info.claims.begin()->first);
  ordered_.erase(std::lower_bound(ordered_.begin(), ordered_.end(), id, by_id));
  by_place_[place] = nullptr;
  free_places_.insert(place);
  nodes_.erase(at);
  return place;
}

std::optional<Place> NodeSet::account(const model::Task& task) {
  NodeInfo* info = find(task.node_id);
  if (!info) return std::nullopt;
  if (!is_live(task)) return forget(task.node_id, task.id);
  const auto at = info->claims.find(task.id);
  if (at == info->claims.end()) {
    claim(*info, task);
    return std::nullopt;
  }
  if (at->second.active == is_active(task)) return std::nullopt;
  at->second.active = is_active(task);
  count_active(*info, at->second, is_active(task));
  return info->place;
}

void NodeSet::claim(NodeInfo& info, const model::Task& task) {
  const auto [at, fresh] = info.claims.try_emplace(task.id, Claim{.service = task.service_id,
                                                                  .spec = task.spec,
                                                                  .endpoint = task.endpoint,
                                                                  .generic = task.assigned_generic,
                                                                  .active = is_active(task)});
  CHECK(fresh, "task {} is placed twice", task.id);
  take(info, at->second, +1);
  model::take_generic(info.generic, at->second.generic);
  if (at->second.active) count_active(info, at->second, true);
}

std::optional<Place> NodeSet::forget(const NodeId& node, const TaskId& task) {
  NodeInfo* info = find(node);
  if (!info || !drop_claim(*info, task)) return std::nullopt;
  return info->place;
}

bool NodeSet::drop_claim(NodeInfo& info, const TaskId& task) {
  const auto at = info.claims.find(task);
  if (at == info.claims.end()) return false;
  const Claim claim = std::move(at->second);
  info.claims.erase(at);
  take(info, claim, -1);
  if (claim.active) count_active(info, claim, false);
  if (!claim.generic.empty()) {
    info.generic = info.node->description.resources.generic;
    for (const auto& [id, other] : info.claims) model::take_generic(info.generic, other.generic);
  }
  return true;
}

void NodeSet::take(NodeInfo& info, const Claim& claim, int sign) {
  if (claim.spec && claim.spec->resources) {
    info.nano_cpus -= sign * claim.spec->resources->reservations.nano_cpus;
    info.memory_bytes -= sign * claim.spec->resources->reservations.memory_bytes;
  }
  if (!claim.endpoint) return;
  for (const HostPort& port : host_ports_of(*claim.endpoint)) {
    uint32_t& users = info.host_ports[port];
    users += uint32_t(sign);
    if (users == 0) info.host_ports.erase(port);
  }
}

void NodeSet::count_active(NodeInfo& info, const Claim& claim, bool more) {
  auto& places = active_[claim.service];
  uint32_t& count = places[info.place];
  if (more) {
    ++count;
    ++info.active_tasks;
    return;
  }
  CHECK(count > 0 && info.active_tasks > 0);
  --info.active_tasks;
  if (--count == 0) places.erase(info.place);
  if (places.empty()) active_.erase(claim.service);
}

void NodeSet::note_failure(const NodeId& node, const GroupKey& group, Time at) {
  NodeInfo* info = find(node);
  if (!info) return;
  std::vector<Time>& times = info->failures[group];
  std::erase_if(times, [&](Time t) { return t + kFailureWindow <= at; });
  if (times.size() < kFailuresKept) times.push_back(at);
  // Failures of specs that are gone must not pile up on a node that lives for years.
  std::erase_if(info->failures, [&](const auto& entry) {
    return entry.second.empty() || entry.second.back() + kFailureWindow <= at;
  });
}

NodeInfo* NodeSet::find(const NodeId& id) {
  const auto at = nodes_.find(id);
  return at == nodes_.end() ? nullptr : at->second.get();
}

const std::map<Place, uint32_t>& NodeSet::active_of(const model::ServiceId& service) const {
  static const std::map<Place, uint32_t> kNone;
  const auto at = active_.find(service);
  return at == active_.end() ? kNone : at->second;
}

}  // namespace shoal::scheduler
