#include "state/backup/backup.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <map>
#include <vector>

#include "os/file.h"
#include "state/backup/archive.h"
#include "state/sqlite/data_key.h"
#include "state/sqlite/database.h"
#include "state/sqlite/engine.h"

namespace shoal::state {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kIdentityName = "node.json";
constexpr size_t kFileBytesMax = 1 << 20;  // Keys and certificates are far smaller.
constexpr int kReadsMax = 10;

// A folder beside the result, for its parts; gone with this object.
class Workplace {
 public:
  explicit Workplace(std::string path) : path_(std::move(path)) {}
  ~Workplace() { (void)os::remove_tree(path_); }
  Workplace(const Workplace&) = delete;
  Workplace& operator=(const Workplace&) = delete;

  Result<void> make() const {
    RETURN_IF_ERROR(os::remove_tree(path_));  // Of a run that was interrupted.
    return os::make_folders(path_, 0700);
  }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

struct SmallFile {
  mode_t mode = 0;
  std::string bytes;

  bool operator==(const SmallFile&) const = default;
};
using SmallFiles = std::map<std::string, SmallFile>;  // by their path below the folder

bool is_skipped(std::string_view name) {
  return name.starts_with(kDatabaseName) || name.ends_with(".new");
}

// All but the database.
Result<SmallFiles> read_small_files(const std::string& folder) {
  SmallFiles files;
  std::error_code code;
  for (fs::recursive_directory_iterator at(folder, code), end; !code && at != end;
       at.increment(code)) {
    const std::string name = fs::path(at->path()).lexically_relative(folder);
    if (!at->is_regular_file(code) || is_skipped(name)) continue;
    const auto mode = mode_t(at->status(code).permissions()) & 0777;
    auto bytes = os::read_file(at->path(), kFileBytesMax);
    if (!bytes && bytes.error().code == ErrorCode::NotFound) continue;
    if (!bytes) return std::unexpected(bytes.error());
    files[name] = {mode, std::move(*bytes)};
  }
  if (code) return internal_error("reading {}: {}", folder, code.message());
  return files;
}

// The daemon may be replacing roots and certificate at this moment: reads until two passes have
// found the same.
Result<SmallFiles> read_settled_files(const std::string& folder) {
  ASSIGN_OR_RETURN(SmallFiles last, read_small_files(folder));
  for (int i = 0; i < kReadsMax; ++i) {
    ASSIGN_OR_RETURN(SmallFiles files, read_small_files(folder));
    if (files == last) return files;
    last = std::move(files);
  }
  return unavailable("the files of {} change all the time", folder);
}

Result<void> copy_small_files(const std::string& from, const std::string& to) {
  ASSIGN_OR_RETURN(const SmallFiles files, read_settled_files(from));
  for (const auto& [name, file] : files) {
    const std::string path = to + "/" + name;
    RETURN_IF_ERROR(os::make_folders(fs::path(path).parent_path()));
    RETURN_IF_ERROR(os::write_file(path, file.bytes, file.mode));
  }
  return {};
}

std::string sql_text(std::string_view text) {
  std::string sql = "'";
  for (const char c : text) sql += c == '\'' ? std::string("''") : std::string(1, c);
  return sql + "'";
}

// As of one moment; the daemon may go on writing.
Result<void> copy_database(const std::string& from, const std::string& to) {
  ASSIGN_OR_RETURN(Database database, Database::open_existing(from));
  RETURN_IF_ERROR(database.run("PRAGMA busy_timeout = 30000"));
  return database.run("VACUUM INTO " + sql_text(to));
}

// Opens the database of a folder as a daemon would, and decodes every record.
Result<size_t> count_objects(const std::string& database) {
  ASSIGN_OR_RETURN(const auto engine,
                   SqliteEngine::open({database}, [](std::move_only_function<void()>) {}));
  ASSIGN_OR_RETURN(const auto contents, engine->load());
  return contents.objects.size();
}

Result<BackupSummary> check(const std::string& folder) {
  BackupSummary summary;
  if (!fs::exists(folder + "/" + std::string(kIdentityName))) {
    return failed_precondition("{} is missing", kIdentityName);
  }
  const std::string database = fmt::format("{}/{}", folder, kDatabaseName);
  summary.has_database = fs::exists(database);
  if (!summary.has_database && fs::exists(data_key_path(database))) {
    return failed_precondition("{} is missing", kDatabaseName);
  }
  if (summary.has_database) {
    ASSIGN_OR_RETURN(summary.object_count, count_objects(database));
  }
  return summary;
}

Result<std::vector<std::string>> names_in(const std::string& folder) {
  std::vector<std::string> names;
  std::error_code code;
  for (fs::recursive_directory_iterator at(folder, code), end; !code && at != end;
       at.increment(code)) {
    if (at->is_regular_file(code)) names.push_back(at->path().lexically_relative(folder));
  }
  if (code) return internal_error("reading {}: {}", folder, code.message());
  std::ranges::sort(names);
  return names;
}

}  // namespace

Result<BackupSummary> write_backup(const std::string& swarm_folder, const std::string& file,
                                   Time now) {
  if (!fs::exists(swarm_folder + "/" + std::string(kIdentityName))) {
    return failed_precondition("{}: this node is in no swarm, there is nothing to back up",
                               swarm_folder);
  }
  const Workplace parts(file + ".parts");
  RETURN_IF_ERROR(parts.make());
  const std::string database = fmt::format("{}/{}", swarm_folder, kDatabaseName);
  if (fs::exists(database)) {
    RETURN_IF_ERROR(copy_database(database, fmt::format("{}/{}", parts.path(), kDatabaseName)));
  }
  RETURN_IF_ERROR(copy_small_files(swarm_folder, parts.path()));
  ASSIGN_OR_RETURN(BackupSummary summary,
                   with_context(check(parts.path()), "the copy cannot be used"));
  ASSIGN_OR_RETURN(const auto names, names_in(parts.path()));
  RETURN_IF_ERROR(write_archive(file, parts.path(), names, now));
  summary.made_at = now;
  summary.file_count = names.size();
  return summary;
}

Result<BackupSummary> restore_backup(const std::string& file, const std::string& swarm_folder) {
  std::error_code code;
  if (fs::exists(swarm_folder) && !fs::is_empty(swarm_folder, code)) {
    return conflict(
        "{} is there: this node has a swarm already; leave it, or move that folder away",
        swarm_folder);
  }
  const Workplace parts(swarm_folder + ".restoring");
  RETURN_IF_ERROR(parts.make());
  ASSIGN_OR_RETURN(const ArchiveContents contents, read_archive(file, parts.path()));
  ASSIGN_OR_RETURN(BackupSummary summary, with_context(check(parts.path()), "{}", file));
  summary.made_at = contents.made_at;
  summary.file_count = contents.names.size();
  if (::rename(parts.path().c_str(), swarm_folder.c_str()) != 0) {
    return os::system_error("rename", parts.path(), errno);
  }
  RETURN_IF_ERROR(os::sync_folder(fs::path(swarm_folder).parent_path()));
  return summary;
}

}  // namespace shoal::state
