#include "images/tar_reader.h"

#include <archive.h>
#include <archive_entry.h>

#include <locale.h>

#include <algorithm>
#include <array>

#include "base/check.h"
#include "os/sha256.h"

namespace shoal::images {
namespace {

constexpr size_t kBlockBytes = size_t{256} << 10;

struct FreeReader {
  void operator()(archive* reader) const { archive_read_free(reader); }
};
using Reader = std::unique_ptr<archive, FreeReader>;

std::string reason(archive* reader) {
  const char* text = archive_error_string(reader);
  return text ? text : "unknown error";
}

// Names in a tar are UTF-8; libarchive would turn them into question marks in the C locale. A
// locale of the thread alone disturbs nobody else.
class Utf8Thread {
 public:
  Utf8Thread() : locale_(::newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr)) {
    CHECK(locale_, "no C.UTF-8 locale");
    before_ = ::uselocale(locale_);
  }
  ~Utf8Thread() {
    ::uselocale(before_);
    ::freelocale(locale_);
  }
  Utf8Thread(const Utf8Thread&) = delete;
  Utf8Thread& operator=(const Utf8Thread&) = delete;

 private:
  locale_t locale_;
  locale_t before_;
};

}  // namespace

struct TarReader::Impl {
  Utf8Thread locale;
  bool bytes_ended = false;
  Reader bytes;    // decompresses
  Reader entries;  // knows tar; reads from `bytes`
  os::Sha256 sum;
  std::array<char, kBlockBytes> block;
  std::string zeros;
  int64_t entry_offset = 0;  // how far the caller has read the present entry
  std::string_view held;     // read from libarchive, after a hole that comes first
  int64_t hole_bytes = 0;

  // Decompresses the next block and hashes it; 0 at the end, negative on an error.
  la_ssize_t next_block() {
    if (bytes_ended) return 0;
    const la_ssize_t count = archive_read_data(bytes.get(), block.data(), block.size());
    if (count > 0) sum.update({block.data(), size_t(count)});
    return count;
  }

  static la_ssize_t on_read(archive* reader, void* self, const void** buffer) {
    auto* impl = static_cast<Impl*>(self);
    const la_ssize_t count = impl->next_block();
    if (count < 0) {
      archive_set_error(reader, archive_errno(impl->bytes.get()), "%s",
                        reason(impl->bytes.get()).c_str());
      return -1;
    }
    *buffer = impl->block.data();
    return count;
  }

  std::string_view take_hole() {
    const size_t size = size_t(std::min<int64_t>(hole_bytes, int64_t(kBlockBytes)));
    zeros.resize(size);
    hole_bytes -= int64_t(size);
    return zeros;
  }
};

TarReader::TarReader(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
TarReader::~TarReader() = default;

Result<std::unique_ptr<TarReader>> TarReader::open(const std::string& path) {
  auto impl = std::make_unique<Impl>();
  impl->bytes.reset(archive_read_new());
  archive* bytes = impl->bytes.get();
  // Not "all": some of libarchive's filters start other programs.
  archive_read_support_filter_gzip(bytes);
  archive_read_support_filter_zstd(bytes);
  archive_read_support_filter_xz(bytes);
  archive_read_support_filter_bzip2(bytes);
  archive_read_support_format_raw(bytes);
  archive_read_support_format_empty(bytes);
  if (archive_read_open_filename(bytes, path.c_str(), kBlockBytes) != ARCHIVE_OK) {
    return invalid_argument("damaged archive: {}", reason(bytes));
  }
  archive_entry* whole = nullptr;
  const int status = archive_read_next_header(bytes, &whole);
  if (status != ARCHIVE_OK && status != ARCHIVE_EOF) {
    return invalid_argument("damaged archive: {}", reason(bytes));
  }
  impl->bytes_ended = status == ARCHIVE_EOF;

  impl->entries.reset(archive_read_new());
  archive* entries = impl->entries.get();
  archive_read_support_format_tar(entries);
  archive_read_support_format_empty(entries);
  if (archive_read_open(entries, impl.get(), nullptr, &Impl::on_read, nullptr) != ARCHIVE_OK) {
    return invalid_argument("not a tar archive: {}", reason(entries));
  }
  return std::unique_ptr<TarReader>(new TarReader(std::move(impl)));
}

Result<archive_entry*> TarReader::next() {
  archive_entry* entry = nullptr;
  const int status = archive_read_next_header(impl_->entries.get(), &entry);
  if (status == ARCHIVE_EOF) return nullptr;
  // A warning is about a name that fits no character set: the bytes are kept as they are.
  if (status != ARCHIVE_OK && status != ARCHIVE_WARN) {
    return invalid_argument("damaged archive: {}", reason(impl_->entries.get()));
  }
  impl_->entry_offset = 0;
  impl_->held = {};
  impl_->hole_bytes = 0;
  return entry;
}

Result<std::string_view> TarReader::data() {
  if (impl_->hole_bytes > 0) return impl_->take_hole();
  if (!impl_->held.empty()) return std::exchange(impl_->held, {});

  const void* buffer = nullptr;
  size_t size = 0;
  la_int64_t offset = 0;
  const int status = archive_read_data_block(impl_->entries.get(), &buffer, &size, &offset);
  if (status != ARCHIVE_OK && status != ARCHIVE_EOF) {
    return invalid_argument("damaged archive: {}", reason(impl_->entries.get()));
  }
  // At the end of a sparse file, libarchive gives the size as the offset of an empty block.
  impl_->hole_bytes = offset - impl_->entry_offset;
  if (impl_->hole_bytes < 0) impl_->hole_bytes = 0;
  impl_->entry_offset = offset + int64_t(size);
  const std::string_view read(static_cast<const char*>(buffer), size);
  if (impl_->hole_bytes == 0) return read;
  impl_->held = read;
  return impl_->take_hole();
}

Result<std::string> TarReader::finish_digest() {
  for (;;) {
    const la_ssize_t count = impl_->next_block();
    if (count < 0) return invalid_argument("damaged archive: {}", reason(impl_->bytes.get()));
    if (count == 0) return "sha256:" + impl_->sum.finish_hex();
  }
}

}  // namespace shoal::images
