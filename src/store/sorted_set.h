// SortedSet: an ordered set of small values in chunks of contiguous memory.
//
// Why not std::set: a node costs 40 bytes beyond its value and a cache miss a step; the indexes of
// 100,000 tasks hold four such values a task. Here a value costs itself and about a third more.
// Insert and erase cost O(log n) comparisons, a move of at most one chunk, and a move of the list
// of chunks (1,500 entries for 100,000 values).
#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

#include "base/check.h"

namespace shoal::store {

// `Less` orders values strictly; it may look through pointers, as long as what it looks at does not
// change while the value is inside.
template <class T, class Less>
class SortedSet {
 public:
  static constexpr size_t kChunkMax = 128;

  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }

  // The value must not be there yet.
  void insert(const T& value) {
    ++size_;
    const size_t at = chunk_of(value);
    if (at == chunks_.size()) return append(value);
    Chunk& chunk = chunks_[at];
    const auto place = std::lower_bound(chunk.begin(), chunk.end(), value, Less{});
    CHECK(Less{}(value, *place), "inserted twice");
    chunk.insert(place, value);
    if (chunk.size() > kChunkMax) split(at);
  }

  // The value must be there.
  void erase(const T& value) {
    const size_t at = chunk_of(value);
    CHECK(at < chunks_.size(), "erased but not there");
    Chunk& chunk = chunks_[at];
    const auto place = std::lower_bound(chunk.begin(), chunk.end(), value, Less{});
    CHECK(!Less{}(value, *place), "erased but not there");
    chunk.erase(place);
    --size_;
    rejoin(at);
  }

  template <class Visit>
  void for_each(Visit visit) const {
    for (const Chunk& chunk : chunks_) {
      for (const T& value : chunk) visit(value);
    }
  }

  // Visits in order all values v with before(v) false and within(v) true: `before` is true for a
  // (possibly empty) head of the order, `within` for the values that follow it.
  template <class Before, class Within, class Visit>
  void for_each_in(Before before, Within within, Visit visit) const {
    auto chunk = std::partition_point(chunks_.begin(), chunks_.end(),
                                      [&](const Chunk& c) { return before(c.back()); });
    if (chunk == chunks_.end()) return;
    auto value = std::partition_point(chunk->begin(), chunk->end(), before);
    for (; chunk != chunks_.end(); ++chunk) {
      for (; value != chunk->end(); ++value) {
        if (!within(*value)) return;
        visit(*value);
      }
      if (chunk + 1 != chunks_.end()) value = (chunk + 1)->begin();
    }
  }

 private:
  using Chunk = std::vector<T>;  // never empty

  // The first chunk whose last value is not below `value`: the only one that can hold it.
  size_t chunk_of(const T& value) const {
    return std::partition_point(chunks_.begin(), chunks_.end(),
                                [&](const Chunk& c) { return Less{}(c.back(), value); }) -
           chunks_.begin();
  }

  // Beyond every value: fills the last chunk, so that rising inserts leave full chunks behind.
  void append(const T& value) {
    if (chunks_.empty() || chunks_.back().size() >= kChunkMax) chunks_.emplace_back();
    chunks_.back().push_back(value);
  }

  void split(size_t at) {
    Chunk upper(chunks_[at].begin() + kChunkMax / 2, chunks_[at].end());
    chunks_[at].resize(kChunkMax / 2);
    chunks_.insert(chunks_.begin() + at + 1, std::move(upper));
  }

  // Keeps chunks from staying nearly empty after many erases.
  void rejoin(size_t at) {
    if (chunks_[at].empty()) {
      chunks_.erase(chunks_.begin() + at);
      return;
    }
    if (at + 1 == chunks_.size()) return;
    Chunk& next = chunks_[at + 1];
    if (chunks_[at].size() + next.size() > kChunkMax / 2) return;
    chunks_[at].insert(chunks_[at].end(), next.begin(), next.end());
    chunks_.erase(chunks_.begin() + at + 1);
  }

  std::vector<Chunk> chunks_;
  size_t size_ = 0;
};

}  // namespace shoal::store
