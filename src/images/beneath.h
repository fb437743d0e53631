// Resolving paths strictly beneath a folder, whatever symbolic links lie in it. The kernel does it
// (openat2 with RESOLVE_BENEATH), so there is no gap between the check and the use.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "os/fd.h"

namespace shoal::images {

// A path inside an archive, cleaned: no "." and no empty parts. The root itself is {"", ""}.
struct InnerPath {
  std::string parent;  // "usr/bin"; empty: the root
  std::string name;    // "env"; empty: the root itself

  std::string str() const { return parent.empty() ? name : parent + "/" + name; }
};

// InvalidArgument when the text is absolute, holds a ".." part or a NUL.
Result<InnerPath> parse_inner_path(std::string_view text);

// Opens `path` (empty: the folder itself) beneath `root`. NotFound when it does not exist;
// InvalidArgument when it leaves the root or runs through something that is no folder.
Result<os::Fd> open_beneath(int root, const std::string& path, int flags);

// The whole file beneath `root`, which must be a regular one.
Result<std::string> read_beneath(int root, const std::string& path, size_t bytes_max);

}  // namespace shoal::images
