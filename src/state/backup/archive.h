// The file format of a backup: some files in one, with a checksum over all of it.
//
//   "shoal backup 1\n"            the last digit is the format
//   time of the backup            8 bytes, nanoseconds since 1970; numbers are little-endian
//   for every file:
//     length of its name          2 bytes, 1 to kArchiveNameMax
//     name                        relative, "certificates/swarm-node.crt"
//     mode                        2 bytes, permissions only
//     size                        8 bytes
//     its bytes
//   0                             2 bytes, where the next length would be
//   SHA-256                       32 bytes, of all before
//
// Blocks; files are streamed, of any size.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"

namespace shoal::state {

inline constexpr size_t kArchiveNameMax = 255;
inline constexpr size_t kArchiveFilesMax = 1000;

struct ArchiveContents {
  Time made_at;
  std::vector<std::string> names;  // in their order
};

// Writes these files of `folder` into the file `archive`, mode 0600, in one step: it is there whole
// or as it was before. Names are paths below the folder.
Result<void> write_archive(const std::string& archive, const std::string& folder,
                           const std::vector<std::string>& names, Time made_at);

// Writes the archive's files into `folder`, which exists and is empty, and syncs them. They may be
// used only when this succeeds: the checksum comes last. InvalidArgument when the file is no
// backup, is cut short or damaged; Unimplemented when a newer version wrote it.
Result<ArchiveContents> read_archive(const std::string& archive, const std::string& folder);

}  // namespace shoal::state
