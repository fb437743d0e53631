// Fills a new volume with what the image has at the place where it is mounted, as Docker does.
#pragma once

#include <string>

#include "base/result.h"
#include "os/co.h"
#include "os/loop.h"

namespace shoal::containers {

// Copies the folder `target` of the mounted root file system into the volume's folder, with owners,
// modes and attributes. Nothing when the volume holds something, or the image has no such folder.
// Links in the image are followed inside the root only.
os::Co<Result<void>> copy_up(os::Loop& loop, std::string rootfs, std::string target,
                             std::string volume);

}  // namespace shoal::containers
