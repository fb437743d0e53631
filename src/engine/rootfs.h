// Looking at files inside a container's root file system from outside. The image's owner chose
// every name and link in there, so each path is resolved as the container would resolve it: the
// root of the file system is its "/", and no link or ".." leads out of it (openat2,
// RESOLVE_IN_ROOT). Everything blocks.
#pragma once

#include <cstddef>
#include <string>

#include "base/result.h"

namespace shoal::engine {

// The whole regular file; NotFound when it is not there, TooLarge beyond `bytes_max`.
Result<std::string> read_in_root(const std::string& rootfs, const std::string& path,
                                 size_t bytes_max);

}  // namespace shoal::engine
