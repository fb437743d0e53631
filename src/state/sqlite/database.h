// A SQLite connection and its prepared statements, with this project's errors.
//
// One thread at a time. Every failure names the file and gives SQLite's reason and the system's;
// a full disk and a failing one are Unavailable, damage is Internal.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

struct sqlite3;
struct sqlite3_stmt;

namespace shoal::state {

class Database {
 public:
  Database() = default;  // not open

  // Opens or creates the file, mode 0600, in a folder that exists.
  static Result<Database> open(const std::string& path);

  // Opens a file that is there, and leaves it as it is. A process whose engine has the file open
  // must use this one: another descriptor of the file, when it is closed, takes SQLite's locks with
  // it.
  static Result<Database> open_existing(const std::string& path);

  const std::string& path() const { return path_; }
  // Runs SQL that returns nothing of interest.
  Result<void> run(const std::string& sql);
  // The first column of the first row.
  Result<int64_t> number(const std::string& sql);
  // What went wrong last, as an error of this file. `system_errno`: where the caller kept it.
  std::unexpected<Error> error(int code, int system_errno = 0) const;

 private:
  friend class Statement;
  struct Close {
    void operator()(sqlite3* connection) const;
  };
  std::string path_;
  std::unique_ptr<sqlite3, Close> connection_;
};

// Lives no longer than its Database. Parameters count from 1, columns from 0, as in SQLite.
class Statement {
 public:
  Statement() = default;
  static Result<Statement> prepare(Database& database, std::string_view sql);

  // The bytes must stay until run(). A binding that SQLite refuses makes run() fail.
  void bind(int parameter, std::string_view text);
  void bind_blob(int parameter, std::string_view bytes);
  void bind(int parameter, int64_t number);

  // For statements without rows: runs once and is ready for the next binding.
  Result<void> run();
  // For queries: true when there is a row, false at the end.
  Result<bool> step();
  int64_t number(int column) const;
  std::string_view bytes(int column) const;  // until the next step()

 private:
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const;
  };
  Database* database_ = nullptr;
  int bind_code_ = 0;  // of the first binding that was refused
  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
};

}  // namespace shoal::state
