// Who a container's process is: "user", "uid", "user:group", "uid:gid" looked up in the passwd and
// group files of its own root file system, with Docker's rules and words.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace shoal::engine {

struct ProcessUser {
  uint32_t uid = 0;
  uint32_t gid = 0;
  std::vector<uint32_t> additional_gids;  // the primary first, as Docker does
  std::string home = "/";

  bool operator==(const ProcessUser&) const = default;
};

// `user` empty is root. A number needs no entry; a name does. Supplementary groups of the group
// file apply only when `user` names no group. `groups` (--group-add) are names or numbers. Errors
// are InvalidArgument: "unable to find user web: no matching entries in passwd file".
Result<ProcessUser> resolve_user(std::string_view user, const std::vector<std::string>& groups,
                                 std::string_view passwd, std::string_view group);

// The same, with the files read from the root file system (missing ones are empty). Blocks.
Result<ProcessUser> resolve_user_in_root(const std::string& rootfs, std::string_view user,
                                         const std::vector<std::string>& groups);

}  // namespace shoal::engine
