#include "daemon/swarm_folder.h"

#include <filesystem>
#include <nlohmann/json.hpp>

#include "os/file.h"

namespace shoal::daemon {
namespace {
using nlohmann::json;

constexpr std::string_view kCertificateBegin = "-----BEGIN CERTIFICATE-----";
// Of a worker's files: the record, the roots, the key with its certificates.
constexpr int kWorkerFilesCount = 3;
// Each is a few kilobytes; roots may be several.
constexpr size_t kWorkerFileBytesMax = 64 << 10;

std::string text_in(const json& document, const char* name) {
  const bool there = document.is_object() && document.contains(name) && document[name].is_string();
  return there ? document[name].get<std::string>() : std::string();
}

// Shoal 0.1 wrote the address of the one manager.
std::vector<std::string> managers_in(const json& document) {
  if (const auto one = text_in(document, "manager_address"); !one.empty()) return {one};
  std::vector<std::string> managers;
  if (!document.is_object() || !document.contains("managers")) return managers;
  for (const auto& address : document["managers"]) {
    if (address.is_string()) managers.push_back(address.get<std::string>());
  }
  return managers;
}

}  // namespace

Result<std::optional<NodeRecord>> SwarmFolder::read_record() const {
  const auto text = os::read_file(record_path());
  if (!text && text.error().code == ErrorCode::NotFound) return std::nullopt;
  if (!text) return std::unexpected(text.error());
  const json document = json::parse(*text, nullptr, false);
  const auto id = model::NodeId::parse(text_in(document, "node_id"));
  if (!id) return internal_error("{} is damaged: it has no node_id", record_path());
  NodeRecord record{*id, text_in(document, "address"), managers_in(document),
                    text_in(document, "listen_address"), text_in(document, "data_path_address")};
  if (record.address.empty() || record.managers.empty()) {
    return internal_error("{} is damaged: it has no address", record_path());
  }
  const bool is_worker = text_in(document, "role") == "worker";
  if (is_worker != record.listen_address.empty()) {
    if (is_worker) return internal_error("{} is damaged: a worker that listens", record_path());
    // Shoal 0.1 did not listen.
    const std::string& own = record.managers.front();
    record.listen_address = "0.0.0.0" + own.substr(std::min(own.rfind(':'), own.size()));
  }
  return record;
}

Result<void> SwarmFolder::write_record(const NodeRecord& record) const {
  const json document{{"node_id", record.id.str()},
                      {"address", record.address},
                      {"role", record.is_manager() ? "manager" : "worker"},
                      {"managers", record.managers},
                      {"listen_address", record.listen_address},
                      {"data_path_address", record.data_path_address}};
  return os::write_file(record_path(), document.dump(2) + "\n");
}

Result<void> SwarmFolder::remove_record() const {
  return os::remove_tree(record_path());
}

Result<rpc::CredentialsPem> SwarmFolder::read_credentials() const {
  rpc::CredentialsPem credentials;
  ASSIGN_OR_RETURN(credentials.roots, os::read_file(roots_path()));
  ASSIGN_OR_RETURN(const std::string both, os::read_file(node_pem_path()));
  const size_t certificates = both.find(kCertificateBegin);
  if (certificates == std::string::npos) {
    return internal_error("{} is damaged: it has no certificate", node_pem_path());
  }
  credentials.key = both.substr(0, certificates);
  credentials.certificates = both.substr(certificates);
  return credentials;
}

Result<void> SwarmFolder::write_credentials(const rpc::CredentialsPem& credentials) const {
  RETURN_IF_ERROR(os::make_folders(path_ + "/certificates"));
  RETURN_IF_ERROR(os::write_file(roots_path(), credentials.roots, 0644));
  return os::write_file(node_pem_path(), credentials.key + credentials.certificates);
}

Result<void> SwarmFolder::reserve() const {
  RETURN_IF_ERROR(os::make_folders(path_ + "/certificates"));
  RETURN_IF_ERROR(os::make_folders(reserved_path()));
  // Written, not only announced: not every file system keeps what it was asked to set aside.
  const std::string bytes(kWorkerFileBytesMax, 'x');
  for (int i = 0; i < kWorkerFilesCount; ++i) {
    RETURN_IF_ERROR(os::write_file(reserved_path() + "/" + std::to_string(i), bytes));
  }
  RETURN_IF_ERROR(os::sync_folder(path_));
  return os::sync_folder(std::filesystem::path(path_).parent_path());
}

Result<void> SwarmFolder::write_reserved(const rpc::CredentialsPem& credentials,
                                         const NodeRecord& record) const {
  RETURN_IF_ERROR(os::remove_tree(reserved_path()));
  RETURN_IF_ERROR(write_credentials(credentials));
  return write_record(record);
}

Result<void> SwarmFolder::remove() const {
  return os::remove_tree(path_);
}

}  // namespace shoal::daemon
