// Unpacks a layer's tar into a folder, as overlayfs wants a lower layer to look.
//
// Kept: owner, mode with setuid, times, hard links, extended attributes (file capabilities),
// devices and FIFOs. `.wh.NAME` becomes an overlay whiteout (character device 0:0), `.wh..wh..opq`
// the overlay's opaque mark. Nothing is ever written outside the folder: every path is resolved by
// the kernel beneath it (openat2), and an entry or hard link that would leave it, by `..`, as an
// absolute name, or through a symbolic link, is refused as InvalidArgument. Symbolic links
// themselves may point anywhere: they mean something only inside the container.
//
// Needs root (owners, devices). Blocks; call it on the pool. After an error the folder holds what
// was unpacked so far: the caller removes it.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>

#include "base/result.h"

namespace shoal::images {

inline constexpr uint64_t kTarEntriesMax = 4'000'000;

struct Unpacked {
  std::string digest;       // "sha256:…" of the uncompressed tar
  uint64_t size_bytes = 0;  // of all regular files
};

// `folder` exists. Ends early with Cancelled when `cancelled` becomes true.
Result<Unpacked> unpack_tar(const std::string& tar_path, const std::string& folder,
                            const std::atomic<bool>& cancelled);

}  // namespace shoal::images
