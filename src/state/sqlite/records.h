// Between the store's objects and the rows of a database: which rows a batch writes, and which
// objects the rows of a database are.
//
// Remembers which shared specs are stored and how many stored tasks need each, so that one is
// written with its first task and removed with its last. Used by one thread at a time: load() of
// the engine, then its writer.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "codec/disk.h"
#include "store/engine.h"

namespace shoal::state {

// The numbers are on disk. Rows are read in their order: shared specs before tasks.
enum class RecordKind {
  Cluster = 1,
  Node = 2,
  Service = 3,
  Network = 4,
  SharedSpec = 5,
  Task = 6,
};

struct Row {
  RecordKind kind;
  std::string id;
  std::optional<std::string> value;  // none: the row is removed

  std::string name() const;  // "task abc", as errors and the sealer name it
};

class Records {
 public:
  // Takes one row of the database; rows come in the order of their kinds. The error names the row.
  Result<void> load(RecordKind kind, const std::string& id, std::string_view value);
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
    size_t task_count = 0;
  };
  Result<store::Object> decode(RecordKind kind, const std::string& id, std::string_view value);
  void encode(const store::Change& change, std::vector<Row>& rows);
  void encode_task(const model::Task& task, bool is_new, std::vector<Row>& rows);
  void release_spec(const model::Task& task, std::vector<Row>& rows);

  std::map<SpecKey, Held> held_;
  size_t row_count_ = 0;
  // Only while loading.
  std::vector<store::Object> objects_;
  std::map<model::ServiceId, model::Ref<model::Service>> services_;
  codec::TaskReader task_reader_;
};

}  // namespace shoal::state
