#include "engine/record.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include <cerrno>
#include <nlohmann/json.hpp>

#include "os/fd.h"
#include "os/file.h"

namespace shoal::engine {
namespace {

using nlohmann::json;

constexpr const char* kFileName = "/record.json";

json identity_json(const std::optional<ProcessIdentity>& identity) {
  if (!identity) return nullptr;
  return {{"pid", identity->pid},
          {"start_ticks", identity->start_ticks},
          {"boot_id", identity->boot_id}};
}

std::optional<ProcessIdentity> identity_of(const json& value) {
  if (value.is_null()) return std::nullopt;
  return ProcessIdentity{value.at("pid"), value.at("start_ticks"), value.at("boot_id")};
}

Record record_of(const json& value) {
  Record record;
  record.id = value.at("id");
  record.cgroup = value.at("cgroup");
  record.log_path = value.at("log_path");
  record.log_files_max = value.at("log_files_max");
  record.tty = value.at("tty");
  record.shares_host_pids = value.at("shares_host_pids");
  record.supervisor = identity_of(value.at("supervisor"));
  record.process = identity_of(value.at("process"));
  record.started_at = Time{value.at("started_at")};
  return record;
}

}  // namespace

Result<void> replace_file(const std::string& path, std::string_view bytes) {
  const std::string beside = path + ".new";
  const os::Fd fd(::open(beside.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (!fd) return os::system_error("create", beside, errno);
  while (!bytes.empty()) {
    const ssize_t count = ::write(fd.get(), bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return os::system_error("write", beside, errno);
    bytes.remove_prefix(size_t(count));
  }
  if (::rename(beside.c_str(), path.c_str()) != 0) return os::system_error("rename", path, errno);
  return {};
}

Result<void> write_record(const std::string& folder, const Record& record) {
  const json value = {{"id", record.id},
                      {"cgroup", record.cgroup},
                      {"log_path", record.log_path},
                      {"log_files_max", record.log_files_max},
                      {"tty", record.tty},
                      {"shares_host_pids", record.shares_host_pids},
                      {"supervisor", identity_json(record.supervisor)},
                      {"process", identity_json(record.process)},
                      {"started_at", record.started_at.unix_ns}};
  return replace_file(folder + kFileName, value.dump());
}

Result<void> write_exec_record(const std::string& folder, const ExecRecord& record) {
  const json value = {{"supervisor", identity_json(record.supervisor)},
                      {"tty", record.tty},
                      {"about", record.about}};
  const std::string text = value.dump(-1, ' ', false, json::error_handler_t::replace);
  return replace_file(folder + kFileName, text);
}

Result<ExecRecord> read_exec_record(const std::string& folder) {
  ASSIGN_OR_RETURN(const std::string text, os::read_file(folder + kFileName));
  try {
    const json value = json::parse(text);
    const auto supervisor = identity_of(value.at("supervisor"));
    if (!supervisor) return internal_error("the record in {} names no supervisor", folder);
    return ExecRecord{*supervisor, value.at("tty"), value.at("about")};
  } catch (const json::exception& error) {
    return internal_error("the record in {} is damaged: {}", folder, error.what());
  }
}

Result<Record> read_record(const std::string& folder) {
  ASSIGN_OR_RETURN(const std::string text, os::read_file(folder + kFileName));
  try {
    return record_of(json::parse(text));
  } catch (const json::exception& error) {
    return internal_error("the record in {} is damaged: {}", folder, error.what());
  }
}

}  // namespace shoal::engine
