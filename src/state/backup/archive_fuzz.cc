// Backup files, as found: whatever they hold, nothing is written outside the folder that is given.
#include <stdlib.h>

#include <filesystem>
#include <fstream>

#include "base/check.h"
#include "crypto/root_ca.h"
#include "fuzz/fuzz.h"
#include "os/file.h"
#include "state/backup/archive.h"

namespace shoal::fuzz {
namespace {

// In memory: a fuzzer writes it many thousand times.
struct Folder {
  Folder() {
    std::string name = "/dev/shm/shoal-archive-XXXXXX";
    CHECK(::mkdtemp(name.data()));
    path = name;
  }
  ~Folder() { std::filesystem::remove_all(path); }
  std::string path;
};

void read(std::string_view bytes) {
  const Folder folder;
  const std::string file = folder.path + "/backup", into = folder.path + "/into";
  std::filesystem::create_directory(into);
  std::ofstream(file, std::ios::binary) << bytes;
  const auto contents = state::read_archive(file, into);
  if (contents) CHECK(contents->names.size() <= state::kArchiveFilesMax);
  size_t beside = 0;
  for (const auto& item : std::filesystem::directory_iterator(folder.path)) {
    beside += item.exists();
  }
  CHECK(beside == 2, "something was written beside the folder");
}

}  // namespace

void run(std::string_view input) {
  read(input);
  // With the right checksum the rest is looked at too.
  read(std::string(input) + crypto::sha256(input));
}

std::vector<std::string> seeds() {
  const Folder folder;
  std::filesystem::create_directories(folder.path + "/from/certificates");
  std::ofstream(folder.path + "/from/node.json") << "{}";
  std::ofstream(folder.path + "/from/certificates/a.crt") << "PEM";
  const std::string archive = folder.path + "/backup";
  CHECK(state::write_archive(archive, folder.path + "/from", {"node.json", "certificates/a.crt"},
                             Time{1}));
  const std::string bytes = os::read_file(archive).value();
  constexpr size_t kChecksumBytes = 32;
  return {bytes, bytes.substr(0, bytes.size() - kChecksumBytes)};
}

}  // namespace shoal::fuzz
