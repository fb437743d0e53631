// The store's engine of a single manager: one SQLite file.
//
// WAL with synchronous=FULL: a batch that was answered survives the loss of power. One writer
// thread takes everything that waits at the moment, encodes it, and makes it durable in one
// transaction, so that the cost of a flush to the disk is shared by all who wait for it (group
// commit). Every value is sealed with the data key beside the file (data_key.h). The folder is
// locked for as long as the engine lives: a second daemon is refused.
//
// Threads: made, loaded, used and destroyed on the control thread; answers come back to it through
// `post`. After a failure (disk full, I/O error) every later batch gets the same error; the owner
// destroys the engine, opens a new one and loads again, because the outcome of the failed
// transaction is known only then.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "crypto/sealer.h"
#include "os/fd.h"
#include "state/sqlite/database.h"
#include "state/sqlite/records.h"
#include "store/engine.h"

namespace shoal::state {

// Bounds one transaction, and so the memory of its rows; what waits beyond it is the next group.
inline constexpr size_t kGroupChangesMax = 10'000;

// How long a group may wait for more who want to join it.
inline constexpr std::chrono::microseconds kGatherMax{2000};

// A disk with less room than this is full: it is not worth beginning to write.
inline constexpr uint64_t kDiskBytesMin = uint64_t{256} << 10;

class SqliteEngine final : public store::Engine {
 public:
  struct Options {
    std::string path;  // of the file; its folder is made, mode 0700
  };
  // Runs a function on the control thread, soon and in order. Called from the writer thread; it
  // must work until the engine is destroyed. What it still holds then may be run or dropped.
  using Post = std::function<void(std::move_only_function<void()>)>;

  // Unavailable when another process uses the file; otherwise as prepare_schema().
  static Result<std::unique_ptr<SqliteEngine>> open(Options options, Post post);
  // Makes durable what still waits, then closes the file. Blocks for that long.
  ~SqliteEngine() override;

  Result<Contents> load() override;
  Result<void> check_writable() override;
  void commit(std::shared_ptr<const store::Batch> batch, Done done) override;

  // Since open(); any thread. batches / transactions is the size of the groups.
  struct Counters {
    uint64_t batches = 0;
    uint64_t transactions = 0;
    uint64_t rows = 0;
    uint64_t value_bytes = 0;
  };
  Counters counters() const;

 private:
  struct Waiting {
    std::shared_ptr<const store::Batch> batch;
    Done done;
  };
  SqliteEngine(Post post, os::Fd claim, Database database);
  Result<void> prepare();
  Result<void> prepare_statements();
  Result<void> read_rows(RecordKind kind);
  Result<Contents> read_contents();

  // On the writer thread.
  using Clock = std::chrono::steady_clock;
  void write_until_stopped();
  std::vector<Waiting> next_group();
  Result<void> write_group(const std::vector<Waiting>& group);
  Result<void> write_rows(const std::vector<Row>& rows, model::Version version);
  Result<void> write_row(const Row& row);
  void answer(std::vector<Waiting> group);

  // Constant once the engine is open.
  std::unique_ptr<const crypto::Sealer> sealer_;
  const Post post_;
  const os::Fd claim_;

  // Until load() returns the control thread's, then the writer's.
  Database database_;
  Statement begin_, commit_, rollback_, set_head_;
  std::array<Statement, kRecordKindCount> put_, remove_;
  Records records_;
  std::optional<Error> failure_;
  size_t expected_ = 0;          // batches that the next group will probably have
  Clock::duration last_time_{};  // of the last transaction

  std::mutex mutex_;  // guards the three below
  std::condition_variable changed_;
  std::deque<Waiting> waiting_;
  bool stopping_ = false;

  std::atomic<uint64_t> batches_ = 0, transactions_ = 0, rows_ = 0, value_bytes_ = 0;
  std::thread writer_;  // from load() on
};

}  // namespace shoal::state
