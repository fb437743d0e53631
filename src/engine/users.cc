#include "engine/users.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "engine/rootfs.h"

namespace shoal::engine {
namespace {

constexpr size_t kFileMax = size_t{4} << 20;
constexpr uint32_t kIdMax = 2147483647;

std::vector<std::string_view> split(std::string_view text, char at) {
  std::vector<std::string_view> parts;
  while (true) {
    const size_t end = text.find(at);
    parts.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

std::optional<int64_t> number(std::string_view text) {
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

Result<uint32_t> checked_id(int64_t value) {
  if (value < 0 || value > kIdMax) {
    return invalid_argument("uids and gids must be in range 0-{}", kIdMax);
  }
  return uint32_t(value);
}

// A line of passwd: name:password:uid:gid:comment:home:shell
struct Account {
  std::string_view name, home;
  uint32_t uid, gid;
};

struct Group {
  std::string_view name;
  uint32_t gid;
  std::vector<std::string_view> members;
};

std::optional<Account> find_account(std::string_view passwd, std::string_view wanted) {
  const auto uid = number(wanted);
  for (const auto line : split(passwd, '\n')) {
    const auto fields = split(line, ':');
    if (fields.size() < 4) continue;
    const auto its_uid = number(fields[2]), its_gid = number(fields[3]);
    if (!its_uid || !its_gid) continue;
    if (uid ? *its_uid != *uid : fields[0] != wanted) continue;
    return Account{fields[0], fields.size() > 5 ? fields[5] : "", uint32_t(*its_uid),
                   uint32_t(*its_gid)};
  }
  return std::nullopt;
}

std::vector<Group> parse_groups(std::string_view text) {
  std::vector<Group> groups;
  for (const auto line : split(text, '\n')) {
    const auto fields = split(line, ':');
    if (fields.size() < 3) continue;
    if (const auto gid = number(fields[2])) {
      groups.push_back(
          {fields[0], uint32_t(*gid),
           fields.size() > 3 ? split(fields[3], ',') : std::vector<std::string_view>{}});
    }
  }
  return groups;
}

Result<uint32_t> find_gid(const std::vector<Group>& groups, std::string_view wanted) {
  if (const auto gid = number(wanted)) return checked_id(*gid);
  for (const auto& group : groups) {
    if (group.name == wanted) return group.gid;
  }
  return invalid_argument("unable to find group {}: no matching entries in group file", wanted);
}

void add_once(std::vector<uint32_t>& gids, uint32_t gid) {
  if (std::find(gids.begin(), gids.end(), gid) == gids.end()) gids.push_back(gid);
}

}  // namespace

Result<ProcessUser> resolve_user(std::string_view user, const std::vector<std::string>& groups,
                                 std::string_view passwd, std::string_view group) {
  const size_t colon = user.find(':');
  const std::string_view user_part = user.substr(0, colon);
  const std::string_view group_part =
      colon == std::string_view::npos ? std::string_view() : user.substr(colon + 1);

  ProcessUser found;
  const std::string_view wanted = user_part.empty() ? "0" : user_part;
  const auto account = find_account(passwd, wanted);
  if (account) {
    found.uid = account->uid;
    found.gid = account->gid;
    if (!account->home.empty()) found.home = account->home;
  } else if (const auto uid = number(wanted)) {
    ASSIGN_OR_RETURN(found.uid, checked_id(*uid));
  } else {
    return invalid_argument("unable to find user {}: no matching entries in passwd file", wanted);
  }

  const auto known = parse_groups(group);
  if (!group_part.empty()) {
    ASSIGN_OR_RETURN(found.gid, find_gid(known, group_part));
  }
  found.additional_gids.push_back(found.gid);
  if (group_part.empty() && account) {
    for (const auto& candidate : known) {
      const auto& members = candidate.members;
      if (std::find(members.begin(), members.end(), account->name) != members.end()) {
        add_once(found.additional_gids, candidate.gid);
      }
    }
  }
  for (const auto& name : groups) {
    ASSIGN_OR_RETURN(const uint32_t gid, find_gid(known, name));
    add_once(found.additional_gids, gid);
  }
  return found;
}

Result<ProcessUser> resolve_user_in_root(const std::string& rootfs, std::string_view user,
                                         const std::vector<std::string>& groups) {
  std::string passwd, group;
  for (const auto& [path, into] : {std::pair{"/etc/passwd", &passwd}, {"/etc/group", &group}}) {
    auto text = read_in_root(rootfs, path, kFileMax);
    if (text) *into = std::move(*text);
    // A root file system without the file is common; any other failure is the image's fault.
    else if (text.error().code != ErrorCode::NotFound) {
      return invalid_argument("reading {} of the image: {}", path, text.error().message);
    }
  }
  return resolve_user(user, groups, passwd, group);
}

}  // namespace shoal::engine
