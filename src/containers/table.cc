#include "containers/table.h"

namespace shoal::containers {

Result<EntryRef> Table::find(std::string_view ref) const {
  if (const auto exact = entries_.find(ref); exact != entries_.end()) return exact->second;
  const std::string_view name = ref.starts_with('/') ? ref.substr(1) : ref;
  if (const auto named = names_.find(name); named != names_.end()) {
    // A reserved name whose container is not made yet is not found.
    if (auto entry = by_id(named->second)) return entry;
  }
  if (!ref.empty()) {
    const auto first = entries_.lower_bound(ref);
    if (first != entries_.end() && first->first.starts_with(ref)) {
      const auto next = std::next(first);
      if (next == entries_.end() || !next->first.starts_with(ref)) return first->second;
      return invalid_argument("Multiple IDs found with provided prefix: {}", ref);
    }
  }
  return not_found("No such container: {}", ref);
}

EntryRef Table::by_id(const std::string& id) const {
  const auto at = entries_.find(id);
  return at == entries_.end() ? nullptr : at->second;
}

Result<void> Table::reserve(const std::string& name, const std::string& id) {
  const auto [at, fresh] = names_.try_emplace(name, id);
  if (fresh || at->second == id) return {};
  return already_exists(
      "Conflict. The container name \"/{}\" is already in use by container \"{}\". You have to "
      "remove (or rename) that container to be able to reuse that name.",
      name, at->second);
}

void Table::release(const std::string& name, const std::string& id) {
  const auto at = names_.find(name);
  if (at != names_.end() && at->second == id) names_.erase(at);
}

void Table::insert(EntryRef entry) {
  CHECK(names_.contains(entry->name));
  entries_[entry->id] = std::move(entry);
}

void Table::erase(const std::string& id) {
  const auto at = entries_.find(id);
  if (at == entries_.end()) return;
  release(at->second->name, id);
  entries_.erase(at);
}

}  // namespace shoal::containers
