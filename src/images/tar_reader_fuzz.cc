// Archives of layers and images, through libarchive.
#include <archive.h>
#include <archive_entry.h>

#include "base/check.h"
#include "fuzz/fuzz.h"
#include "images/tar_reader.h"
#include "os/fd.h"

#include <sys/mman.h>
#include <unistd.h>

namespace shoal::fuzz {
namespace {

// A few bytes of gzip may stand for gigabytes: time is not what is looked for here.
constexpr uint64_t kUnpackedMax = 8 << 20;
constexpr int kEntriesMax = 1000;

// A folder, a file, a link and an owner that only a pax header can say.
std::string archive_with(int (*add_filter)(archive*)) {
  std::string bytes(64 << 10, '\0');
  size_t used = 0;
  archive* writer = archive_write_new();
  archive_write_set_format_pax(writer);
  add_filter(writer);
  archive_write_open_memory(writer, bytes.data(), bytes.size(), &used);
  archive_entry* entry = archive_entry_new();
  const auto add = [&](const char* path, unsigned type, std::string_view data) {
    archive_entry_clear(entry);
    archive_entry_set_pathname(entry, path);
    archive_entry_set_filetype(entry, type);
    archive_entry_set_perm(entry, 0755);
    archive_entry_set_size(entry, int64_t(data.size()));
    archive_entry_set_uid(entry, 5'000'000'000);
    if (type == AE_IFLNK) archive_entry_set_symlink(entry, "../a");
    CHECK(archive_write_header(writer, entry) == ARCHIVE_OK);
    archive_write_data(writer, data.data(), data.size());
  };
  add("d/", AE_IFDIR, "");
  add("d/file", AE_IFREG, "some text");
  add("d/.wh.gone", AE_IFREG, "");
  add("link", AE_IFLNK, "");
  archive_entry_free(entry);
  archive_write_close(writer);
  archive_write_free(writer);
  return bytes.substr(0, used);
}

}  // namespace

void run(std::string_view input) {
  const os::Fd file(::memfd_create("fuzz", MFD_CLOEXEC));
  CHECK(file.get() >= 0 &&
        ::write(file.get(), input.data(), input.size()) == ssize_t(input.size()));
  const auto reader = images::TarReader::open("/proc/self/fd/" + std::to_string(file.get()));
  if (!reader) return;
  uint64_t unpacked = 0;
  for (int entries = 0; entries < kEntriesMax; ++entries) {
    const auto entry = (*reader)->next();
    if (!entry || !*entry) break;
    for (;;) {
      const auto data = (*reader)->data();
      if (!data || data->empty()) break;
      if ((unpacked += data->size()) > kUnpackedMax) return;
    }
  }
  (void)(*reader)->finish_digest();
}

std::vector<std::string> seeds() {
  return {archive_with(archive_write_add_filter_none), archive_with(archive_write_add_filter_gzip),
          archive_with(archive_write_add_filter_zstd), archive_with(archive_write_add_filter_xz)};
}

}  // namespace shoal::fuzz
