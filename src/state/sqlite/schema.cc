#include "state/sqlite/schema.h"

#include <utility>
#include <vector>

#include "state/sqlite/data_key.h"
#include "state/sqlite/records.h"

namespace shoal::state {
namespace {

using SealerResult = Result<std::unique_ptr<const crypto::Sealer>>;

constexpr int64_t kApplicationId = 0x53686f61;  // "Shoa", shown by file(1)
constexpr std::string_view kKeyCheckName = "key check";
constexpr std::string_view kKeyCheckWord = "shoal";

// `head` holds the newest durable version, and how many records there must be: a lost page of a
// tree would otherwise look like objects that were removed.
constexpr const char* kCreateHead = R"(
  CREATE TABLE head (version INTEGER NOT NULL, record_count INTEGER NOT NULL, key_check BLOB);
  INSERT INTO head VALUES (0, 0, NULL);
)";

// One table a kind, numbered rows: see records.h.
std::string create_tables() {
  std::string sql;
  for (size_t kind = 0; kind < kRecordKindCount; ++kind) {
    sql += fmt::format(
        "CREATE TABLE {} (number INTEGER PRIMARY KEY, id TEXT NOT NULL, value BLOB NOT NULL);",
        to_string(RecordKind(kind)));
  }
  return sql + kCreateHead;
}

std::string set_schema_version() {
  return fmt::format("PRAGMA user_version = {};", kSchemaVersion);
}

Result<void> write_key_check(Database& database, const crypto::Sealer& sealer) {
  ASSIGN_OR_RETURN(auto set, Statement::prepare(database, "UPDATE head SET key_check = ?1"));
  const std::string check = sealer.seal(kKeyCheckName, kKeyCheckWord);
  set.bind_blob(1, check);
  return set.run();
}

// Runs `write` as one transaction.
template <class Write>
Result<void> in_transaction(Database& database, Write write) {
  RETURN_IF_ERROR(database.run("BEGIN EXCLUSIVE"));
  Result<void> written = write();
  if (written) written = database.run("COMMIT");
  if (!written) (void)database.run("ROLLBACK");  // The first error counts.
  return written;
}

Result<void> write_tables(Database& database, const crypto::Sealer& sealer) {
  RETURN_IF_ERROR(database.run(create_tables()));
  RETURN_IF_ERROR(write_key_check(database, sealer));
  return database.run(fmt::format("PRAGMA application_id = {};", kApplicationId) +
                      set_schema_version());
}

SealerResult make_tables(Database& database) {
  ASSIGN_OR_RETURN(auto sealer, read_or_make_data_key(database.path()));
  RETURN_IF_ERROR(in_transaction(database, [&] { return write_tables(database, *sealer); }));
  return sealer;
}

Result<void> seal_rows(Database& database, RecordKind kind, const crypto::Sealer& sealer) {
  const char* table = to_string(kind);
  std::vector<Row> plain;
  {
    ASSIGN_OR_RETURN(auto rows,
                     Statement::prepare(database, fmt::format("SELECT * FROM {}", table)));
    while (true) {
      ASSIGN_OR_RETURN(const bool found, rows.step());
      if (!found) break;
      const std::string_view value = rows.bytes(2);
      if (value.starts_with(char(crypto::kSealedFormat))) continue;  // By an interrupted upgrade.
      plain.push_back({kind, rows.number(0), std::string(rows.bytes(1)), std::string(value)});
    }
  }
  ASSIGN_OR_RETURN(auto put,
                   Statement::prepare(
                       database, fmt::format("UPDATE {} SET value = ?2 WHERE number = ?1", table)));
  for (const Row& row : plain) {
    const std::string sealed = sealer.seal(row.name(), *row.value);
    put.bind(1, row.number);
    put.bind_blob(2, sealed);
    RETURN_IF_ERROR(put.run());
  }
  return {};
}

Result<void> seal_all_rows(Database& database, const crypto::Sealer& sealer) {
  ASSIGN_OR_RETURN(
      const int64_t has_key_check,
      database.number("SELECT count(*) FROM pragma_table_info('head') WHERE name = 'key_check'"));
  if (!has_key_check) {
    RETURN_IF_ERROR(database.run("ALTER TABLE head ADD COLUMN key_check BLOB"));
  }
  for (size_t kind = 0; kind < kRecordKindCount; ++kind) {
    RETURN_IF_ERROR(seal_rows(database, RecordKind(kind), sealer));
  }
  return write_key_check(database, sealer);
}

SealerResult seal_tables(Database& database) {
  ASSIGN_OR_RETURN(auto sealer, read_or_make_data_key(database.path()));
  RETURN_IF_ERROR(in_transaction(database, [&] { return seal_all_rows(database, *sealer); }));
  // The old values are still in unused parts of pages and in the log: all of it is written anew,
  // and only then is the file one of the new schema.
  RETURN_IF_ERROR(database.run("VACUUM"));
  RETURN_IF_ERROR(database.run("PRAGMA wal_checkpoint(TRUNCATE)"));
  RETURN_IF_ERROR(database.run(set_schema_version()));
  return sealer;
}

SealerResult open_tables(Database& database) {
  ASSIGN_OR_RETURN(auto sealer, read_data_key(database.path()));
  ASSIGN_OR_RETURN(auto head, Statement::prepare(database, "SELECT key_check FROM head"));
  ASSIGN_OR_RETURN(const bool found, head.step());
  const auto word =
      found ? sealer->open(kKeyCheckName, head.bytes(0)) : internal_error("damaged: it is empty");
  if (!word && word.error().code == ErrorCode::FailedPrecondition) {
    return failed_precondition(
        "{} is not the key of {}: {}; put back the key file that belongs to it",
        data_key_path(database.path()), database.path(), word.error().message);
  }
  if (!word) return internal_error("{}: head: {}", database.path(), word.error().message);
  return sealer;
}

}  // namespace

SealerResult prepare_schema(Database& database) {
  ASSIGN_OR_RETURN(const int64_t tables, database.number("SELECT count(*) FROM sqlite_schema"));
  ASSIGN_OR_RETURN(const int64_t application, database.number("PRAGMA application_id"));
  ASSIGN_OR_RETURN(const int64_t schema, database.number("PRAGMA user_version"));
  if (tables == 0 && application == 0 && schema == 0) return make_tables(database);
  if (application != kApplicationId) {
    return internal_error("{}: not a file of this program", database.path());
  }
  if (schema > kSchemaVersion) {
    return unimplemented("{}: written by a newer version (schema {}; this one knows up to {})",
                         database.path(), schema, kSchemaVersion);
  }
  if (schema == kSchemaVersion) return open_tables(database);
  if (schema == 1) return seal_tables(database);
  return internal_error("{}: damaged: schema {}", database.path(), schema);
}

}  // namespace shoal::state
