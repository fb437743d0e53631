#include "state/sqlite/engine.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <utility>

#include "base/check.h"
#include "os/file.h"
#include "state/sqlite/schema.h"

namespace shoal::state {
namespace {

// busy_timeout: a backup that closes the file holds it for a moment.
constexpr const char* kSettings = R"(
  PRAGMA busy_timeout = 5000;
  PRAGMA journal_mode = WAL;
  PRAGMA synchronous = FULL;
  PRAGMA foreign_keys = OFF;
  PRAGMA trusted_schema = OFF;
  PRAGMA cell_size_check = ON;
  PRAGMA cache_size = -4000;
  PRAGMA wal_autocheckpoint = 4000;
  PRAGMA journal_size_limit = 33554432;
)";

// One engine a folder, until the descriptor is closed. Not SQLite's own exclusive lock: with that a
// backup could not read while the engine works.
Result<os::Fd> claim_folder(const std::string& path, const std::string& file) {
  os::Fd folder(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder) return os::system_error("open", path, errno);
  if (::flock(folder.get(), LOCK_EX | LOCK_NB) == 0) return folder;
  if (errno == EWOULDBLOCK) return unavailable("{}: another process uses it", file);
  return os::system_error("lock", path, errno);
}

}  // namespace

Result<std::unique_ptr<SqliteEngine>> SqliteEngine::open(Options options, Post post) {
  const auto folder = std::filesystem::absolute(options.path).parent_path();
  RETURN_IF_ERROR(os::make_folders(folder.string(), 0700));
  ASSIGN_OR_RETURN(os::Fd claim, claim_folder(folder.string(), options.path));
  ASSIGN_OR_RETURN(Database database, Database::open(options.path));
  std::unique_ptr<SqliteEngine> engine(
      new SqliteEngine(std::move(post), std::move(claim), std::move(database)));
  RETURN_IF_ERROR(engine->prepare());
  RETURN_IF_ERROR(os::sync_folder(folder.string()));
  RETURN_IF_ERROR(os::sync_folder(folder.parent_path().string()));
  return engine;
}

SqliteEngine::SqliteEngine(Post post, os::Fd claim, Database database)
    : post_(std::move(post)), claim_(std::move(claim)), database_(std::move(database)) {}

SqliteEngine::~SqliteEngine() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_one();
  if (writer_.joinable()) writer_.join();
}

Result<void> SqliteEngine::prepare() {
  RETURN_IF_ERROR(database_.run(kSettings));
  ASSIGN_OR_RETURN(sealer_, prepare_schema(database_));
  return prepare_statements();
}

Result<void> SqliteEngine::prepare_statements() {
  const auto prepare = [this](Statement& statement, std::string_view sql) -> Result<void> {
    ASSIGN_OR_RETURN(statement, Statement::prepare(database_, sql));
    return {};
  };
  RETURN_IF_ERROR(prepare(begin_, "BEGIN IMMEDIATE"));
  RETURN_IF_ERROR(prepare(commit_, "COMMIT"));
  RETURN_IF_ERROR(prepare(rollback_, "ROLLBACK"));
  RETURN_IF_ERROR(prepare(set_head_, "UPDATE head SET version = ?1, record_count = ?2"));
  for (size_t kind = 0; kind < kRecordKindCount; ++kind) {
    const char* table = to_string(RecordKind(kind));
    RETURN_IF_ERROR(prepare(put_[kind], fmt::format("REPLACE INTO {} VALUES (?1, ?2, ?3)", table)));
    RETURN_IF_ERROR(prepare(remove_[kind], fmt::format("DELETE FROM {} WHERE number = ?1", table)));
  }
  return {};
}

// Back again in the same transaction, but the page is written: a value that stays would not be.
Result<void> SqliteEngine::check_writable() {
  CHECK(!writer_.joinable(), "from load() on the database is the writer's");
  struct statvfs disk{};
  if (::statvfs(database_.path().c_str(), &disk) == 0 &&
      disk.f_bavail * disk.f_frsize < kDiskBytesMin) {
    return unavailable("{}: database or disk is full (less than {} bytes are free)",
                       database_.path(), kDiskBytesMin);
  }
  const auto written = database_.run(
      "BEGIN IMMEDIATE; UPDATE head SET version = version + 1;"
      "UPDATE head SET version = version - 1; COMMIT");
  if (!written) (void)rollback_.run();  // SQLite may have rolled back itself.
  return written;
}

Result<store::Engine::Contents> SqliteEngine::load() {
  CHECK(!writer_.joinable(), "an engine is loaded once");
  ASSIGN_OR_RETURN(Contents contents, read_contents());
  writer_ = std::thread([this] { write_until_stopped(); });
  return contents;
}

Result<store::Engine::Contents> SqliteEngine::read_contents() {
  for (size_t kind = 0; kind < kRecordKindCount; ++kind) {
    RETURN_IF_ERROR(read_rows(RecordKind(kind)));
  }
  ASSIGN_OR_RETURN(const int64_t version, database_.number("SELECT version FROM head"));
  ASSIGN_OR_RETURN(const int64_t count, database_.number("SELECT record_count FROM head"));
  if (version < 0 || size_t(count) != records_.row_count()) {
    return internal_error("{}: damaged: {} records of {}", database_.path(), records_.row_count(),
                          count);
  }
  return Contents{.version = model::Version(version), .objects = records_.take_objects()};
}

Result<void> SqliteEngine::read_rows(RecordKind kind) {
  const auto sql = fmt::format("SELECT number, id, value FROM {}", to_string(kind));
  ASSIGN_OR_RETURN(Statement rows, Statement::prepare(database_, sql));
  while (true) {
    ASSIGN_OR_RETURN(const bool found, rows.step());
    if (!found) return {};
    Row row{kind, rows.number(0), std::string(rows.bytes(1)), {}};
    const auto context = fmt::format("{}: {}", database_.path(), row.name());
    auto value = sealer_->open(row.name(), rows.bytes(2));
    ASSIGN_OR_RETURN(row.value, with_context(std::move(value), "{}", context));
    RETURN_IF_ERROR(with_context(records_.load(row), "{}", context));
  }
}

void SqliteEngine::commit(std::shared_ptr<const store::Batch> batch, Done done) {
  CHECK(writer_.joinable(), "an engine is loaded before the first commit");
  {
    const std::lock_guard lock(mutex_);
    waiting_.push_back({std::move(batch), std::move(done)});
  }
  changed_.notify_one();
}

void SqliteEngine::write_until_stopped() {
  while (true) {
    std::vector<Waiting> group = next_group();
    if (group.empty()) return;
    const auto start = Clock::now();
    if (!failure_) {
      if (auto written = write_group(group); !written) failure_ = std::move(written).error();
    }
    last_time_ = Clock::now() - start;
    answer(std::move(group));
  }
}

// Everything that waits, up to the bound; blocks until something does. Empty: stop.
//
// Those who were in the last group come again soon after their answers. Without the short wait for
// them the first would be synced alone, and all others would wait for that: groups of 7 and 25
// instead of 32, say. It costs at most an eighth of the time of a transaction, and kGatherMax.
std::vector<SqliteEngine::Waiting> SqliteEngine::next_group() {
  std::vector<Waiting> group;
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return stopping_ || !waiting_.empty(); });
  changed_.wait_for(lock, std::min<Clock::duration>(last_time_ / 8, kGatherMax),
                    [this] { return stopping_ || waiting_.size() >= expected_; });
  for (size_t changes = 0; !waiting_.empty() && changes < kGroupChangesMax;) {
    changes += waiting_.front().batch->changes.size();
    group.push_back(std::move(waiting_.front()));
    waiting_.pop_front();
  }
  expected_ = std::max(group.size(), expected_ * 7 / 8);
  return group;
}

Result<void> SqliteEngine::write_group(const std::vector<Waiting>& group) {
  std::vector<Row> rows;
  for (const Waiting& waiting : group) records_.encode(*waiting.batch, rows);
  RETURN_IF_ERROR(begin_.run());
  const auto written = write_rows(rows, group.back().batch->version);
  if (!written) {
    (void)rollback_.run();  // The first error counts; SQLite may have rolled back itself.
    return written;
  }
  batches_ += group.size();
  transactions_ += 1;
  rows_ += rows.size();
  return {};
}

Result<void> SqliteEngine::write_rows(const std::vector<Row>& rows, model::Version version) {
  for (const Row& row : rows) RETURN_IF_ERROR(write_row(row));
  set_head_.bind(1, int64_t(version));
  set_head_.bind(2, int64_t(records_.row_count()));
  RETURN_IF_ERROR(set_head_.run());
  return commit_.run();
}

Result<void> SqliteEngine::write_row(const Row& row) {
  Statement& statement = (row.value ? put_ : remove_)[size_t(row.kind)];
  statement.bind(1, row.number);
  if (!row.value) return statement.run();
  const std::string sealed = sealer_->seal(row.name(), *row.value);
  statement.bind(2, std::string_view(row.id));
  statement.bind_blob(3, sealed);
  value_bytes_ += sealed.size();
  return statement.run();
}

// One post a batch, so that the control thread can do other work between two answers.
void SqliteEngine::answer(std::vector<Waiting> group) {
  for (Waiting& waiting : group) {
    Result<void> result;
    if (failure_) result = std::unexpected(*failure_);
    post_([done = std::move(waiting.done), result = std::move(result)]() mutable {
      done(std::move(result));
    });
  }
}

SqliteEngine::Counters SqliteEngine::counters() const {
  return {.batches = batches_,
          .transactions = transactions_,
          .rows = rows_,
          .value_bytes = value_bytes_};
}

}  // namespace shoal::state
