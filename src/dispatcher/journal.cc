#include "dispatcher/journal.h"

#include <utility>

namespace shoal::dispatcher {

bool Journal::put(const Key& key, model::NetworkChange record, uint64_t version) {
  const auto [at, fresh] = entries_.try_emplace(key);
  Entry& entry = at->second;
  if (!fresh && !entry.gone && *entry.record == record) return false;
  if (entry.gone) marks_.erase(entry.version);
  entry.gone = false;
  set(at, std::move(record), version);
  return true;
}

bool Journal::remove(const Key& key, model::NetworkChange gone, uint64_t version) {
  const auto at = entries_.find(key);
  if (at == entries_.end() || at->second.gone) return false;
  set(at, std::move(gone), version);
  at->second.gone = true;
  marks_.emplace(version, at);
  drop_old_marks();
  return true;
}

void Journal::set(Entries::iterator at, model::NetworkChange record, uint64_t version) {
  Entry& entry = at->second;
  if (entry.record) by_version_.erase(entry.version);
  entry.record = model::share(std::move(record));
  entry.version = version;
  by_version_.emplace(version, at);
}

void Journal::drop_old_marks() {
  while (marks_.size() > kMarksMin + size()) {
    const auto [version, at] = *marks_.begin();
    forgotten_ = version;
    marks_.erase(marks_.begin());
    by_version_.erase(version);
    entries_.erase(at);
  }
}

bool Journal::contains(const Key& key) const {
  const auto at = entries_.find(key);
  return at != entries_.end() && !at->second.gone;
}

Journal::Record Journal::changed_since(const Key& key, uint64_t version) const {
  const auto at = entries_.find(key);
  return at != entries_.end() && at->second.version > version ? at->second.record : nullptr;
}

bool Journal::append_since(uint64_t version, std::vector<Record>& out) const {
  if (version < forgotten_) return false;
  for (auto at = by_version_.upper_bound(version); at != by_version_.end(); ++at) {
    out.push_back(at->second->second.record);
  }
  return true;
}

void Journal::append_all(std::vector<Record>& out) const {
  for (const auto& [key, entry] : entries_) {
    if (!entry.gone) out.push_back(entry.record);
  }
}

}  // namespace shoal::dispatcher
