// TarReader: the entries of a tar that may be compressed (gzip, zstd, xz, bzip2 or not at all),
// read in one pass, with the SHA-256 of the uncompressed bytes (a layer's diff id) computed on the
// way.
//
// Two libarchive readers stand behind one another: the first only decompresses, what it yields is
// hashed and fed to the second, which knows tar. Blocks; opened, used and destroyed by one thread.
// A cut or damaged file is an InvalidArgument that says so.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

struct archive_entry;

namespace shoal::images {

class TarReader {
 public:
  static Result<std::unique_ptr<TarReader>> open(const std::string& path);
  ~TarReader();
  TarReader(const TarReader&) = delete;
  TarReader& operator=(const TarReader&) = delete;

  // The next entry, valid until the next call; null at the end of the tar.
  Result<archive_entry*> next();
  // The next bytes of the present entry, valid until the next call; empty at its end. Holes of a
  // sparse file come as zeros.
  Result<std::string_view> data();
  // Reads on to the end of the file and returns "sha256:…" of everything uncompressed.
  Result<std::string> finish_digest();

 private:
  struct Impl;
  explicit TarReader(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace shoal::images
