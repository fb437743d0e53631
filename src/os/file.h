// Small files and folders: what the rooms that keep state on disk need. All of it blocks; call it
// on the pool (Loop::offload), or before the loop runs.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <string>
#include <string_view>

#include "base/result.h"

namespace shoal::os {

// The reason of a failed system call: "open /x: No such file or directory". ENOENT becomes
// NotFound, ENOSPC and EDQUOT Unavailable, the rest Internal.
std::unexpected<Error> system_error(std::string_view what, std::string_view path, int errno_value);

// The whole file; an error when it is larger than `bytes_max`.
Result<std::string> read_file(const std::string& path, size_t bytes_max = size_t{64} << 20);

// Replaces the file as one step: written beside it, synced, renamed, and the folder synced.
Result<void> write_file(const std::string& path, std::string_view bytes, mode_t mode = 0600);

// All of the bytes; `path` is for the error.
Result<void> write_all(int fd, std::string_view bytes, const std::string& path);

// A file that was made or renamed is lost with the power unless its folder was synced too. "" is
// the working folder.
Result<void> sync_folder(const std::string& path);

// Like `mkdir -p`; folders that exist keep their mode.
Result<void> make_folders(const std::string& path, mode_t mode = 0700);

// Like `rm -rf`; what does not exist is fine. Never follows links, never leaves the file system of
// `path`, so a mount that is still there is an error rather than emptied.
Result<void> remove_tree(const std::string& path);

}  // namespace shoal::os
