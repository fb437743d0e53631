// For the tests of this room: a folder that goes away, tars made entry by entry, coroutines run to
// their end. Mounts of a test program are its own: it leaves the machine's mount namespace first.
#pragma once

#include <archive.h>
#include <archive_entry.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/mount.h>

#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <vector>

#include "base/check.h"
#include "images/image_store.h"
#include "os/loop.h"

namespace shoal::images::testing {

inline constexpr int kPoolThreads = 4;

struct Folder {
  Folder() {
    char name[] = "/tmp/shoal-images-XXXXXX";
    CHECK(::mkdtemp(name));
    path = name;
  }
  ~Folder() { std::filesystem::remove_all(path); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  std::string path;
};

// Runs a coroutine to its end on the loop.
template <class T>
T run_on(os::Loop& loop, os::Co<T> co) {
  std::optional<T> value;
  auto body = [](os::Loop& l, os::Co<T> inner, std::optional<T>& out) -> os::Co<> {
    out.emplace(co_await inner);
    l.stop();
  };
  loop.post([&] { os::spawn(body(loop, std::move(co), value)); });
  loop.run();
  return std::move(*value);
}

enum class Packing { None, Gzip, Zstd };

// A tar in memory.
class TarBuilder {
 public:
  explicit TarBuilder(Packing packing = Packing::None) : writer_(archive_write_new()) {
    archive_write_set_format_pax(writer_);
    if (packing == Packing::Gzip) archive_write_add_filter_gzip(writer_);
    if (packing == Packing::Zstd) archive_write_add_filter_zstd(writer_);
    archive_write_set_bytes_in_last_block(writer_, 1);
    archive_write_open2(writer_, &bytes_, nullptr, &on_write, nullptr, nullptr);
  }
  TarBuilder(const TarBuilder&) = delete;
  TarBuilder& operator=(const TarBuilder&) = delete;

  struct Options {
    unsigned mode = 0644;
    int uid = 0;
    int gid = 0;
    int64_t mtime = 1'600'000'000;
    std::vector<std::pair<std::string, std::string>> attributes;
  };

  TarBuilder& file(const std::string& name, std::string_view text) { return file(name, text, {}); }
  TarBuilder& file(const std::string& name, std::string_view text, const Options& options) {
    archive_entry* entry = begin(name, AE_IFREG, options);
    archive_entry_set_size(entry, int64_t(text.size()));
    return end(entry, text);
  }
  TarBuilder& folder(const std::string& name, unsigned mode = 0755) {
    return end(begin(name, AE_IFDIR, {.mode = mode}), "");
  }
  TarBuilder& link(const std::string& name, const std::string& target) {
    archive_entry* entry = begin(name, AE_IFLNK, {.mode = 0777});
    archive_entry_set_symlink(entry, target.c_str());
    return end(entry, "");
  }
  TarBuilder& hard_link(const std::string& name, const std::string& target) {
    archive_entry* entry = begin(name, AE_IFREG, {});
    archive_entry_set_hardlink(entry, target.c_str());
    return end(entry, "");
  }
  TarBuilder& device(const std::string& name, int kind, dev_t number) {
    archive_entry* entry = begin(name, kind, {.mode = 0600});
    archive_entry_set_rdev(entry, number);
    return end(entry, "");
  }
  std::string finish() {
    archive_write_close(writer_);
    archive_write_free(writer_);
    return std::move(bytes_);
  }

 private:
  static la_ssize_t on_write(archive*, void* self, const void* data, size_t size) {
    static_cast<std::string*>(self)->append(static_cast<const char*>(data), size);
    return la_ssize_t(size);
  }
  static archive_entry* begin(const std::string& name, int kind, const Options& options) {
    archive_entry* entry = archive_entry_new();
    archive_entry_set_pathname(entry, name.c_str());
    archive_entry_set_filetype(entry, unsigned(kind));
    archive_entry_set_perm(entry, options.mode);
    archive_entry_set_uid(entry, options.uid);
    archive_entry_set_gid(entry, options.gid);
    archive_entry_set_mtime(entry, options.mtime, 0);
    for (const auto& [key, value] : options.attributes) {
      archive_entry_xattr_add_entry(entry, key.c_str(), value.data(), value.size());
    }
    return entry;
  }
  TarBuilder& end(archive_entry* entry, std::string_view text) {
    CHECK(archive_write_header(writer_, entry) == ARCHIVE_OK, "{}", archive_error_string(writer_));
    CHECK(archive_write_data(writer_, text.data(), text.size()) == la_ssize_t(text.size()));
    archive_entry_free(entry);
    return *this;
  }

  archive* writer_;
  std::string bytes_;
};

inline os::Co<Result<std::string>> take_piece(std::shared_ptr<std::string> rest) {
  constexpr size_t kPieceBytes = 10'000;
  std::string piece = rest->substr(0, kPieceBytes);
  rest->erase(0, kPieceBytes);
  co_return piece;
}

// The text as a body that arrives in pieces.
inline ByteSource source_of(std::string text) {
  auto rest = std::make_shared<std::string>(std::move(text));
  return [rest]() { return take_piece(rest); };
}

inline std::string write_file(const std::string& path, std::string_view text) {
  std::ofstream(path, std::ios::binary) << text;
  return path;
}

inline std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace shoal::images::testing
