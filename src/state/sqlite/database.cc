#include "state/sqlite/database.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "os/fd.h"
#include "os/file.h"

namespace shoal::state {
namespace {

// SQLite itself would create the file readable by all; its -wal file follows this mode.
Result<void> create_private(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) return os::system_error("open", path, errno);
  const os::Fd file(fd);
  if (::fchmod(fd, 0600) != 0) return os::system_error("chmod", path, errno);
  return {};
}

ErrorCode code_of(int sqlite_code) {
  switch (sqlite_code & 0xff) {
    case SQLITE_FULL:
    case SQLITE_IOERR:
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_CANTOPEN:
    case SQLITE_NOMEM:
      return ErrorCode::Unavailable;
    default:
      return ErrorCode::Internal;
  }
}

}  // namespace

void Database::Close::operator()(sqlite3* connection) const {
  sqlite3_close_v2(connection);
}

Result<Database> Database::open(const std::string& path) {
  RETURN_IF_ERROR(create_private(path));
  return open_existing(path);
}

Result<Database> Database::open_existing(const std::string& path) {
  Database database;
  database.path_ = path;
  sqlite3* connection = nullptr;
  const int code = sqlite3_open_v2(path.c_str(), &connection,
                                   SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, nullptr);
  database.connection_.reset(connection);
  if (code != SQLITE_OK) return database.error(code);
  sqlite3_extended_result_codes(connection, 1);
  return database;
}

std::unexpected<Error> Database::error(int code, int system_errno) const {
  sqlite3* connection = connection_.get();
  std::string reason = connection ? sqlite3_errmsg(connection) : sqlite3_errstr(code);
  int system = connection ? sqlite3_system_errno(connection) : 0;
  if (system == 0) system = system_errno;  // SQLite does not keep it for a failed COMMIT.
  const int kind = code & 0xff;
  if (kind == SQLITE_BUSY) reason = "another process uses it";
  if (system != 0 && (kind == SQLITE_IOERR || kind == SQLITE_CANTOPEN)) {
    reason += fmt::format(" ({})", std::strerror(system));
  }
  return make_error(code_of(code), "{}: {}", path_, reason);
}

Result<void> Database::run(const std::string& sql) {
  const int code = sqlite3_exec(connection_.get(), sql.c_str(), nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) return error(code);
  return {};
}

Result<int64_t> Database::number(const std::string& sql) {
  ASSIGN_OR_RETURN(Statement query, Statement::prepare(*this, sql));
  ASSIGN_OR_RETURN(const bool found, query.step());
  if (!found) return internal_error("{}: \"{}\" has no answer", path_, sql);
  return query.number(0);
}

void Statement::Finalize::operator()(sqlite3_stmt* statement) const {
  sqlite3_finalize(statement);
}

Result<Statement> Statement::prepare(Database& database, std::string_view sql) {
  sqlite3_stmt* prepared = nullptr;
  const int code = sqlite3_prepare_v3(database.connection_.get(), sql.data(), int(sql.size()),
                                      SQLITE_PREPARE_PERSISTENT, &prepared, nullptr);
  Statement statement;
  statement.database_ = &database;
  statement.statement_.reset(prepared);
  if (code != SQLITE_OK) return database.error(code);
  return statement;
}

void Statement::bind(int parameter, std::string_view text) {
  const int code = sqlite3_bind_text64(statement_.get(), parameter, text.data(), text.size(),
                                       SQLITE_STATIC, SQLITE_UTF8);
  if (bind_code_ == SQLITE_OK) bind_code_ = code;
}

void Statement::bind_blob(int parameter, std::string_view bytes) {
  const int code =
      sqlite3_bind_blob64(statement_.get(), parameter, bytes.data(), bytes.size(), SQLITE_STATIC);
  if (bind_code_ == SQLITE_OK) bind_code_ = code;
}

void Statement::bind(int parameter, int64_t number) {
  const int code = sqlite3_bind_int64(statement_.get(), parameter, number);
  if (bind_code_ == SQLITE_OK) bind_code_ = code;
}

Result<void> Statement::run() {
  const int refused = std::exchange(bind_code_, SQLITE_OK);
  errno = 0;
  const int code = refused != SQLITE_OK ? refused : sqlite3_step(statement_.get());
  Result<void> result;
  if (code != SQLITE_DONE) result = database_->error(code, errno);
  sqlite3_reset(statement_.get());
  return result;
}

Result<bool> Statement::step() {
  const int code = sqlite3_step(statement_.get());
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  return database_->error(code);
}

int64_t Statement::number(int column) const {
  return sqlite3_column_int64(statement_.get(), column);
}

std::string_view Statement::bytes(int column) const {
  const void* data = sqlite3_column_blob(statement_.get(), column);
  return {static_cast<const char*>(data), size_t(sqlite3_column_bytes(statement_.get(), column))};
}

}  // namespace shoal::state
