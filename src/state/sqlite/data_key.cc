#include "state/sqlite/data_key.h"

#include <filesystem>

#include "crypto/key.h"
#include "os/file.h"

namespace shoal::state {
namespace {

constexpr size_t kKeyFileBytesMax = 4096;

Result<std::unique_ptr<const crypto::Sealer>> make_data_key(const std::string& path) {
  auto sealer = crypto::Sealer::with_new_key();
  std::string text = sealer->key_text();
  const auto written = os::write_file(path, text);
  crypto::wipe(text);
  RETURN_IF_ERROR(written);
  return sealer;
}

}  // namespace

std::string data_key_path(const std::string& database_path) {
  return (std::filesystem::path(database_path).parent_path() / "data.key").string();
}

Result<std::unique_ptr<const crypto::Sealer>> read_data_key(const std::string& database_path) {
  const std::string path = data_key_path(database_path);
  auto text = os::read_file(path, kKeyFileBytesMax);
  if (!text && text.error().code == ErrorCode::NotFound) {
    return failed_precondition(
        "{} is missing: {} is sealed with the key in it and cannot be read; put that file back",
        path, database_path);
  }
  if (!text) return std::unexpected(text.error());
  auto sealer = crypto::Sealer::from_key_text(*text);
  crypto::wipe(*text);
  if (!sealer) return failed_precondition("{}: {}", path, sealer.error().message);
  return sealer;
}

Result<std::unique_ptr<const crypto::Sealer>> read_or_make_data_key(
    const std::string& database_path) {
  const std::string path = data_key_path(database_path);
  if (!std::filesystem::exists(std::filesystem::symlink_status(path))) return make_data_key(path);
  return read_data_key(database_path);
}

}  // namespace shoal::state
