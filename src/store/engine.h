// The durable half of the store: what a database must do for it. state/sqlite implements it now, an
// engine over several managers later; sim/ and the tests have one in memory.
//
// Everything here is called on the control thread, and every callback arrives there. Encoding and
// disk happen wherever the engine likes: the objects of a batch are immutable.
#pragma once

#include <functional>
#include <iterator>
#include <memory>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"
#include "model/cluster.h"
#include "model/network.h"
#include "model/node.h"
#include "model/service.h"
#include "model/task.h"

namespace shoal::store {

using Object =
    std::variant<model::Ref<model::Cluster>, model::Ref<model::Node>, model::Ref<model::Service>,
                 model::Ref<model::Task>, model::Ref<model::Network>>;

inline bool is_null(const Object& object) {
  return std::visit([](const auto& ref) { return ref == nullptr; }, object);
}
// "cluster", "node", "service", "task" or "network", as messages name it.
inline const char* kind_name(const Object& object) {
  static constexpr const char* kNames[] = {"cluster", "node", "service", "task", "network"};
  static_assert(std::size(kNames) == std::variant_size_v<Object>);
  return kNames[object.index()];
}
// The id of a non-null object, whatever its kind.
inline std::string_view id_of(const Object& object) {
  return std::visit([](const auto& ref) { return ref->id.view(); }, object);
}

// One object as a transaction left it. `before` is null for a creation, `after` for a removal; both
// hold the same alternative.
struct Change {
  Object before;
  Object after;
};

// All changes of one transaction, each object at most once (but a removal may come before a
// creation of the same id). Applied whole or not at all, in the order of `version`.
struct Batch {
  model::Version version = 0;
  std::vector<Change> changes;
};

class Engine {
 public:
  virtual ~Engine() = default;

  struct Contents {
    model::Version version = 0;  // of the newest durable batch
    std::vector<Object> objects;
  };
  // Called once, before the first commit. An error names what is damaged or too new.
  virtual Result<Contents> load() = 0;

  // Before load(): whether a commit could be made durable now. A full disk is Unavailable: what
  // there is can still be loaded and read.
  virtual Result<void> check_writable() { return {}; }

  // Queues a batch; versions rise from call to call. Batches that wait together are made durable
  // together (group commit). `done` is called once per batch, in order, never from within commit().
  // After a failure every later batch fails too: the store must be loaded again.
  using Done = std::move_only_function<void(Result<void>)>;
  virtual void commit(std::shared_ptr<const Batch> batch, Done done) = 0;
};

}  // namespace shoal::store
