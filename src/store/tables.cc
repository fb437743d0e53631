#include "store/tables.h"

#include <algorithm>

namespace shoal::store {
namespace {

char folded(char c) {
  return c >= 'A' && c <= 'Z' ? char(c - 'A' + 'a') : c;
}

bool same_name(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return folded(x) == folded(y); });
}

template <class Map>
auto find_or_null(const Map& map, const typename Map::key_type& key) {
  const auto it = map.find(key);
  return it == map.end() ? typename Map::mapped_type{} : it->second;
}

template <class Map>
auto values_by_prefix(const Map& map, std::string_view prefix, size_t limit) {
  std::vector<typename Map::mapped_type> found;
  auto it = map.lower_bound(Map::key_type::of(prefix));
  for (; it != map.end() && found.size() < limit; ++it) {
    if (!it->first.view().starts_with(prefix)) break;
    found.push_back(it->second);
  }
  return found;
}

// Replaces `before` by `after`. Returns the entry, or null after a removal.
template <class Map>
const typename Map::value_type* put(Map& map, const typename Map::mapped_type& before,
                                    const typename Map::mapped_type& after) {
  if (!before) {
    const auto [it, added] = map.emplace(after->id, after);
    CHECK(added, "{} is there already", after->id);
    return &*it;
  }
  const auto it = map.find(before->id);
  CHECK(it != map.end() && it->second == before, "{} is not what was read", before->id);
  if (after) {
    CHECK(after->id == before->id, "{} became {}", before->id, after->id);
    it->second = after;
    return &*it;
  }
  map.erase(it);
  return nullptr;
}

bool is_live(const model::Task* task) {
  return task && task->status.state <= model::TaskState::Running &&
         task->desired_state <= model::TaskState::Running;
}

}  // namespace

bool NameLess::operator()(std::string_view a, std::string_view b) const {
  return std::lexicographical_compare(a.begin(), a.end(), b.begin(), b.end(),
                                      [](char x, char y) { return folded(x) < folded(y); });
}

template <class T>
model::Ref<T> NamedTable<T>::get(const IdType& id) const {
  return find_or_null(by_id_, id);
}

template <class T>
model::Ref<T> NamedTable<T>::by_name(std::string_view name) const {
  const auto it = by_name_.find(name);
  return it == by_name_.end() ? nullptr : get(it->second);
}

template <class T>
std::vector<model::Ref<T>> NamedTable<T>::by_prefix(std::string_view prefix, size_t limit) const {
  return values_by_prefix(by_id_, prefix, limit);
}

template <class T>
void NamedTable<T>::apply(const model::Ref<T>& before, const model::Ref<T>& after) {
  put(by_id_, before, after);
  if (before && after && before->name() == after->name()) return;
  if (before) by_name_.erase(before->name());
  if (after) {
    const bool free = by_name_.emplace(after->name(), after->id).second;
    CHECK(free, "the name {} is taken", after->name());
  }
}

template class NamedTable<model::Cluster>;
template class NamedTable<model::Service>;
template class NamedTable<model::Network>;

bool NodeTable::HostnameLess::operator()(const std::pair<std::string, model::NodeId>& a,
                                         const std::pair<std::string, model::NodeId>& b) const {
  const NameLess less;
  if (less(a.first, b.first)) return true;
  return !less(b.first, a.first) && a.second < b.second;
}

model::Ref<model::Node> NodeTable::get(const model::NodeId& id) const {
  return find_or_null(by_id_, id);
}

std::vector<model::Ref<model::Node>> NodeTable::by_hostname(std::string_view hostname) const {
  std::vector<model::Ref<model::Node>> found;
  by_hostname_.for_each_in([&](const auto& entry) { return NameLess{}(entry.first, hostname); },
                           [&](const auto& entry) { return same_name(entry.first, hostname); },
                           [&](const auto& entry) { found.push_back(get(entry.second)); });
  return found;
}

std::vector<model::Ref<model::Node>> NodeTable::by_prefix(std::string_view prefix,
                                                          size_t limit) const {
  return values_by_prefix(by_id_, prefix, limit);
}

void NodeTable::apply(const model::Ref<model::Node>& before, const model::Ref<model::Node>& after) {
  put(by_id_, before, after);
  if (before && after && before->description.hostname == after->description.hostname) return;
  if (before) by_hostname_.erase({before->description.hostname, before->id});
  if (after) by_hostname_.insert({after->description.hostname, after->id});
}

model::Ref<model::Task> TaskTable::get(const model::TaskId& id) const {
  return find_or_null(by_id_, id);
}

TaskTable::Tasks TaskTable::tasks_of(const Rows* rows) {
  Tasks found;
  if (!rows) return found;
  found.reserve(rows->size());
  rows->for_each([&](Row row) { found.push_back(row->second); });
  return found;
}

TaskTable::Tasks TaskTable::by_service(const model::ServiceId& service) const {
  Tasks found;
  const auto it = by_service_.find(service);
  if (it == by_service_.end()) return found;
  found.reserve(it->second.by_slot.size());
  it->second.by_slot.for_each([&](const SlotRow& entry) { found.push_back(entry.row->second); });
  return found;
}

TaskTable::Tasks TaskTable::by_node(const model::NodeId& node) const {
  const auto it = by_node_.find(node);
  return tasks_of(it == by_node_.end() ? nullptr : &it->second);
}

TaskTable::Tasks TaskTable::by_slot(const model::ServiceId& service, uint64_t slot) const {
  Tasks found;
  const auto it = by_service_.find(service);
  if (it == by_service_.end()) return found;
  it->second.by_slot.for_each_in([&](const SlotRow& entry) { return entry.slot < slot; },
                                 [&](const SlotRow& entry) { return entry.slot == slot; },
                                 [&](const SlotRow& e) { found.push_back(e.row->second); });
  return found;
}

TaskTable::Tasks TaskTable::by_state(model::TaskState state) const {
  const auto it = by_state_.find(state);
  return tasks_of(it == by_state_.end() ? nullptr : &it->second);
}

TaskTable::Tasks TaskTable::by_prefix(std::string_view prefix, size_t limit) const {
  return values_by_prefix(by_id_, prefix, limit);
}

size_t TaskTable::count_live(const model::ServiceId& service) const {
  const auto it = by_service_.find(service);
  return it == by_service_.end() ? 0 : it->second.live_count;
}

size_t TaskTable::count_service(const model::ServiceId& service) const {
  const auto it = by_service_.find(service);
  return it == by_service_.end() ? 0 : it->second.by_slot.size();
}

size_t TaskTable::count_node(const model::NodeId& node) const {
  const auto it = by_node_.find(node);
  return it == by_node_.end() ? 0 : it->second.size();
}

void TaskTable::apply(const model::Ref<model::Task>& before, const model::Ref<model::Task>& after) {
  if (after) {
    move_indexes(put(by_id_, before, after), before.get(), after.get());
    return;
  }
  const auto it = by_id_.find(before->id);
  CHECK(it != by_id_.end(), "task {} is not there", before->id);
  move_indexes(&*it, before.get(), nullptr);
  put(by_id_, before, after);
}

// Leaves the indexes whose key changed, then enters them anew. `row` stays the same throughout.
void TaskTable::move_indexes(Row row, const model::Task* before, const model::Task* after) {
  const auto leave = [row](auto& index, const auto& key) {
    const auto it = index.find(key);
    it->second.erase(row);
    if (it->second.empty()) index.erase(it);
  };
  const bool both = before && after;
  if (!both || before->service_id != after->service_id || before->slot != after->slot) {
    if (after) by_service_[after->service_id].by_slot.insert({after->slot, row});
    count(nullptr, after);
    if (before) leave_service(row, *before);
  } else {
    count(before, after);
  }
  if (!both || before->node_id != after->node_id) {
    if (before && before->node_id) leave(by_node_, before->node_id);
    if (after && after->node_id) by_node_[after->node_id].insert(row);
  }
  if (!both || before->status.state != after->status.state) {
    if (before) leave(by_state_, before->status.state);
    if (after) by_state_[after->status.state].insert(row);
  }
}

void TaskTable::leave_service(Row row, const model::Task& task) {
  count(&task, nullptr);
  const auto it = by_service_.find(task.service_id);
  it->second.by_slot.erase({task.slot, row});
  if (it->second.by_slot.empty()) by_service_.erase(it);
}

// Keeps live_count; before and after, where both are given, belong to one service.
void TaskTable::count(const model::Task* before, const model::Task* after) {
  const int change = int(is_live(after)) - int(is_live(before));
  if (change == 0) return;
  by_service_.find((after ? after : before)->service_id)->second.live_count += size_t(change);
}

void Tables::apply(const Change& change) {
  CHECK(change.before.index() == change.after.index(), "a change mixes two kinds of object");
  std::visit(
      [&](const auto& before) {
        using R = std::decay_t<decltype(before)>;
        using T = std::remove_const_t<typename R::element_type>;
        const R& after = std::get<R>(change.after);
        CHECK(before || after, "an empty change");
        if constexpr (std::is_same_v<T, model::Cluster>) clusters_.apply(before, after);
        if constexpr (std::is_same_v<T, model::Node>) nodes_.apply(before, after);
        if constexpr (std::is_same_v<T, model::Service>) services_.apply(before, after);
        if constexpr (std::is_same_v<T, model::Task>) tasks_.apply(before, after);
        if constexpr (std::is_same_v<T, model::Network>) networks_.apply(before, after);
      },
      change.before);
}

}  // namespace shoal::store
