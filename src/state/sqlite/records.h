// Between the store's objects and the rows of a database: which rows a batch writes, and which
// objects the rows of a database are.
//
// Rows are numbered in the order of their creation, and the number of each object is kept in
// memory: tasks made together then lie together on disk, and a change of many writes few pages.
// (Keyed by their random ids every task is on another page, and ten times as much is written.)
//
// Remembers too which shared specs are stored and how many stored tasks need each, so that one is
// written with its first task and removed with its last. Used by one thread at a time: load() of
// the engine, then its writer.
#pragma once

#include <array>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "codec/disk.h"
#include "store/engine.h"

namespace shoal::state {

// In the order in which they must be read: shared specs before tasks.
enum class RecordKind { Cluster, Node, Service, Network, SharedSpec, Task };
inline constexpr size_t kRecordKindCount = 6;
// "shared_spec", "task": also the name of the table.
const char* to_string(RecordKind kind);

struct Row {
  RecordKind kind;
  int64_t number;
  std::string id;
  std::optional<std::string> value;  // none: the row is removed

  std::string name() const;  // "task abc", as errors and the sealer name it
};

class Records {
 public:
  // Takes one row (with a value) of the database; rows come in the order of their kinds. The caller
  // adds the row's name to an error.
  Result<void> load(const Row& row);
  // What load() made of the rows, in their order. Once, when all were loaded.
  std::vector<store::Object> take_objects();

  // Appends the rows of one batch, in the order in which they must be written.
  void encode(const store::Batch& batch, std::vector<Row>& rows);

  // How many rows the database has once all that was encoded is written.
  size_t row_count() const { return row_count_; }

 private:
  using SpecKey = std::pair<model::ServiceId, model::Version>;
  struct Held {
    codec::SharedSpec shared;
    int64_t row = 0;
    size_t task_count = 0;
  };
  using AnyId = Id<struct AnyTag>;
  struct Numbers {
    std::unordered_map<AnyId, int64_t> of;  // Only looked up.
    int64_t last = 0;
  };
  Result<void> load_spec(const Row& row);
  Result<store::Object> decode(const Row& row);
  void encode(const store::Change& change, std::vector<Row>& rows);
  void encode_task(const model::Task& task, bool is_new, std::vector<Row>& rows);
  void release_spec(const model::Task& task, std::vector<Row>& rows);
  Row put(RecordKind kind, std::string_view id, std::string value);
  Row remove(RecordKind kind, std::string_view id);

  std::array<Numbers, kRecordKindCount> numbers_;
  std::map<SpecKey, Held> held_;
  size_t row_count_ = 0;
  // Only while loading.
  std::vector<store::Object> objects_;
  std::map<model::ServiceId, model::Ref<model::Service>> services_;
  codec::TaskReader task_reader_;
};

}  // namespace shoal::state
