#include "store/memory_engine.h"

#include "base/check.h"

namespace shoal::store {

Result<Engine::Contents> MemoryEngine::load() {
  waiting_.clear();
  failure_.reset();
  Contents contents{.version = version_, .objects = {}};
  for (const auto& [key, object] : objects_) contents.objects.push_back(object);
  return contents;
}

void MemoryEngine::commit(std::shared_ptr<const Batch> batch, Done done) {
  waiting_.push_back({std::move(batch), std::move(done)});
}

bool MemoryEngine::flush_one() {
  if (waiting_.empty()) return false;
  Waiting next = std::move(waiting_.front());
  waiting_.pop_front();
  if (!failure_ || std::exchange(write_despite_failure_, false)) write(*next.batch);
  if (failure_) {
    next.done(std::unexpected(*failure_));
  } else {
    next.done({});
  }
  return true;
}

size_t MemoryEngine::flush() {
  size_t count = 0;
  while (flush_one()) ++count;
  return count;
}

void MemoryEngine::fail(Error error, bool written) {
  failure_ = std::move(error);
  write_despite_failure_ = written;
}

void MemoryEngine::write(const Batch& batch) {
  CHECK(batch.version > version_, "batch {} after batch {}", batch.version, version_);
  for (const Change& change : batch.changes) {
    const Object& named = is_null(change.after) ? change.before : change.after;
    const std::pair key(named.index(), std::string(id_of(named)));
    if (is_null(change.after)) {
      objects_.erase(key);
    } else {
      objects_[key] = change.after;
    }
  }
  version_ = batch.version;
}

}  // namespace shoal::store
