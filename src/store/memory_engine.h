// The Engine of tests and of sim/: "durable" is a map in memory, and nothing completes until the
// test says so. Lives through restarts of the store built on it: crash() and load() play one.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "store/engine.h"

namespace shoal::store {

class MemoryEngine final : public Engine {
 public:
  // What had been made durable, in (kind, id) order, as an engine on disk would find it.
  Result<Contents> load() override;
  void commit(std::shared_ptr<const Batch> batch, Done done) override;

  // Completes the oldest waiting batch; false when none waits.
  bool flush_one();
  // Completes all that wait, also what the callbacks add. Returns how many.
  size_t flush();
  size_t waiting_count() const { return waiting_.size(); }

  // From the next completion on every commit answers `error`, until load() is called.
  // `written`: whether the first of them reached the disk all the same, its outcome unknown.
  void fail(Error error, bool written = false);
  // Loses what waits, without an answer, as a killed process would.
  void crash() { waiting_.clear(); }

  model::Version durable_version() const { return version_; }

 private:
  struct Waiting {
    std::shared_ptr<const Batch> batch;
    Done done;
  };
  void write(const Batch& batch);

  std::map<std::pair<size_t, std::string>, Object> objects_;
  model::Version version_ = 0;
  std::deque<Waiting> waiting_;
  std::optional<Error> failure_;
  bool write_despite_failure_ = false;
};

}  // namespace shoal::store
