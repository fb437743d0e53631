#include "manager/container_index.h"

#include <algorithm>

namespace shoal::manager {
namespace {

constexpr size_t kDigits = 16;

int digit_of(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

// The numbers that start with the digits of `text`, as far as they count.
struct Range {
  uint64_t first = 0, last = 0;
};
std::optional<Range> range_of(std::string_view text) {
  const bool hex = std::all_of(text.begin(), text.end(), [](char c) { return digit_of(c) >= 0; });
  if (text.empty() || !hex) return std::nullopt;
  Range range;
  for (size_t i = 0; i < kDigits; ++i) {
    const bool given = i < text.size();
    range.first = range.first << 4 | uint64_t(given ? digit_of(text[i]) : 0);
    range.last = range.last << 4 | uint64_t(given ? digit_of(text[i]) : 0xf);
  }
  return range;
}

}  // namespace

std::optional<ContainerIndex::Entry> ContainerIndex::entry_of(const model::Task* task) {
  if (!task || !task->status.container || model::is_attachment(*task)) return std::nullopt;
  const auto range = range_of(task->status.container->container_id);
  if (!range) return std::nullopt;
  return Entry{range->first, task->id};
}

void ContainerIndex::load(const store::Tables& tables) {
  entries_ = {};
  for (const auto& [id, task] : tables.tasks().all()) {
    if (const auto entry = entry_of(task.get())) entries_.insert(*entry);
  }
}

void ContainerIndex::apply(const store::Change& change) {
  using TaskRef = model::Ref<model::Task>;
  if (!std::holds_alternative<TaskRef>(change.after)) return;
  const auto before = entry_of(std::get<TaskRef>(change.before).get());
  const auto after = entry_of(std::get<TaskRef>(change.after).get());
  if (before == after) return;
  if (before) entries_.erase(*before);
  if (after) entries_.insert(*after);
}

std::vector<model::Ref<model::Task>> ContainerIndex::find(const store::Tables& tables,
                                                          std::string_view prefix,
                                                          size_t limit) const {
  std::vector<model::Ref<model::Task>> found;
  const auto range = range_of(prefix);
  if (!range) return found;
  entries_.for_each_in(
      [&](const Entry& entry) { return entry.first < range->first; },
      [&](const Entry& entry) { return entry.first <= range->last && found.size() < limit; },
      [&](const Entry& entry) {
        auto task = tables.tasks().get(entry.second);
        const bool has = task && task->status.container;
        if (has && task->status.container->container_id.starts_with(prefix)) {
          found.push_back(std::move(task));
        }
      });
  return found;
}

}  // namespace shoal::manager
