#include "state/sqlite/engine.h"

#include <fcntl.h>
#include <unistd.h>

#include <filesystem>
#include <utility>

#include "base/check.h"
#include "os/fd.h"
#include "os/file.h"

namespace shoal::state {
namespace {

constexpr int64_t kApplicationId = 0x53686f61;  // "Shoa", shown by file(1)

// locking_mode first: with it WAL needs no shared memory, and the file is ours alone.
constexpr const char* kSettings = R"(
  PRAGMA locking_mode = EXCLUSIVE;
  PRAGMA journal_mode = WAL;
  PRAGMA synchronous = FULL;
  PRAGMA foreign_keys = OFF;
  PRAGMA trusted_schema = OFF;
  PRAGMA cell_size_check = ON;
  PRAGMA cache_size = -4000;
  PRAGMA wal_autocheckpoint = 2000;
  PRAGMA journal_size_limit = 16777216;
  BEGIN EXCLUSIVE;
  COMMIT;
)";

// `head` holds the newest durable version, and how many records there must be: a lost page of the
// tree would otherwise look like objects that were removed.
constexpr const char* kCreateTables = R"(
  BEGIN EXCLUSIVE;
  CREATE TABLE records (
    kind INTEGER NOT NULL, id TEXT NOT NULL, value BLOB NOT NULL, PRIMARY KEY (kind, id)
  ) WITHOUT ROWID;
  CREATE TABLE head (version INTEGER NOT NULL, record_count INTEGER NOT NULL);
  INSERT INTO head VALUES (0, 0);
  PRAGMA application_id = {};
  PRAGMA user_version = {};
  COMMIT;
)";

// A new file is lost with the power unless its folder was synced too.
Result<void> sync_folder(const std::string& path) {
  const os::Fd folder(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder) return os::system_error("open", path, errno);
  if (::fsync(folder.get()) != 0) return os::system_error("fsync", path, errno);
  return {};
}

}  // namespace

Result<std::unique_ptr<SqliteEngine>> SqliteEngine::open(Options options, Post post) {
  const auto folder = std::filesystem::absolute(options.path).parent_path();
  RETURN_IF_ERROR(os::make_folders(folder.string(), 0700));
  ASSIGN_OR_RETURN(Database database, Database::open(options.path));
  std::unique_ptr<SqliteEngine> engine(
      new SqliteEngine(std::move(options), std::move(post), std::move(database)));
  RETURN_IF_ERROR(engine->prepare());
  RETURN_IF_ERROR(sync_folder(folder.string()));
  RETURN_IF_ERROR(sync_folder(folder.parent_path().string()));
  return engine;
}

SqliteEngine::SqliteEngine(Options options, Post post, Database database)
    : sealer_(options.sealer ? std::move(options.sealer) : std::make_shared<PlainSealer>()),
      post_(std::move(post)),
      database_(std::move(database)) {}

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
  RETURN_IF_ERROR(check_schema());
  const auto prepare = [this](Statement& statement, std::string_view sql) -> Result<void> {
    ASSIGN_OR_RETURN(statement, Statement::prepare(database_, sql));
    return {};
  };
  RETURN_IF_ERROR(prepare(begin_, "BEGIN IMMEDIATE"));
  RETURN_IF_ERROR(prepare(commit_, "COMMIT"));
  RETURN_IF_ERROR(prepare(rollback_, "ROLLBACK"));
  RETURN_IF_ERROR(prepare(put_,
                          "INSERT INTO records VALUES (?1, ?2, ?3) "
                          "ON CONFLICT DO UPDATE SET value = excluded.value"));
  RETURN_IF_ERROR(prepare(remove_, "DELETE FROM records WHERE kind = ?1 AND id = ?2"));
  return prepare(set_head_, "UPDATE head SET version = ?1, record_count = ?2");
}

Result<void> SqliteEngine::check_schema() {
  ASSIGN_OR_RETURN(const int64_t tables, database_.number("SELECT count(*) FROM sqlite_schema"));
  ASSIGN_OR_RETURN(const int64_t application, database_.number("PRAGMA application_id"));
  ASSIGN_OR_RETURN(const int64_t schema, database_.number("PRAGMA user_version"));
  if (tables == 0 && application == 0 && schema == 0) {
    return database_.run(fmt::format(kCreateTables, kApplicationId, kSchemaVersion));
  }
  if (application != kApplicationId) {
    return internal_error("{}: not a file of this program", database_.path());
  }
  if (schema > kSchemaVersion) {
    return internal_error("{}: written by a newer version (schema {}; this one knows up to {})",
                          database_.path(), schema, kSchemaVersion);
  }
  if (schema < 1) return internal_error("{}: damaged: schema {}", database_.path(), schema);
  return {};
}

Result<store::Engine::Contents> SqliteEngine::load() {
  CHECK(!writer_.joinable(), "an engine is loaded once");
  ASSIGN_OR_RETURN(Contents contents, read_contents());
  writer_ = std::thread([this] { write_until_stopped(); });
  return contents;
}

Result<store::Engine::Contents> SqliteEngine::read_contents() {
  RETURN_IF_ERROR(read_rows());
  ASSIGN_OR_RETURN(const int64_t version, database_.number("SELECT version FROM head"));
  ASSIGN_OR_RETURN(const int64_t count, database_.number("SELECT record_count FROM head"));
  if (version < 0 || size_t(count) != records_.row_count()) {
    return internal_error("{}: damaged: {} records of {}", database_.path(), records_.row_count(),
                          count);
  }
  return Contents{.version = model::Version(version), .objects = records_.take_objects()};
}

Result<void> SqliteEngine::read_rows() {
  ASSIGN_OR_RETURN(
      Statement rows,
      Statement::prepare(database_, "SELECT kind, id, value FROM records ORDER BY kind, id"));
  while (true) {
    ASSIGN_OR_RETURN(const bool found, rows.step());
    if (!found) return {};
    const Row row{RecordKind(rows.number(0)), std::string(rows.bytes(1)), {}};
    auto value = sealer_->open(row.name(), std::string(rows.bytes(2)));
    if (!value)
      return with_context(Result<void>(std::unexpected(value.error())), "{}: {}", database_.path(),
                          row.name());
    RETURN_IF_ERROR(with_context(records_.load(row.kind, row.id, *value), "{}", database_.path()));
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
    if (!failure_) {
      if (auto written = write_group(group); !written) failure_ = std::move(written).error();
    }
    answer(std::move(group));
  }
}

// Everything that waits, up to the bound; blocks until something does. Empty: stop.
std::vector<SqliteEngine::Waiting> SqliteEngine::next_group() {
  std::vector<Waiting> group;
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return stopping_ || !waiting_.empty(); });
  for (size_t changes = 0; !waiting_.empty() && changes < kGroupChangesMax;) {
    changes += waiting_.front().batch->changes.size();
    group.push_back(std::move(waiting_.front()));
    waiting_.pop_front();
  }
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
  Statement& statement = row.value ? put_ : remove_;
  statement.bind(1, int64_t(row.kind));
  statement.bind(2, std::string_view(row.id));
  if (!row.value) return statement.run();
  const std::string sealed = sealer_->seal(row.name(), *row.value);
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
