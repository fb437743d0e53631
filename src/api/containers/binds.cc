#include "api/containers/binds.h"

#include <charconv>
#include <vector>

#include "base/result.h"

namespace shoal::api {
namespace {

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  for (;;) {
    const auto at = text.find(separator);
    parts.push_back(text.substr(0, at));
    if (at == std::string_view::npos) return parts;
    text.remove_prefix(at + 1);
  }
}

Result<void> read_bind_option(std::string_view option, model::Mount& mount) {
  const bool is_propagation = option == "shared" || option == "rshared" || option == "slave" ||
                              option == "rslave" || option == "private" || option == "rprivate";
  if (option == "ro") {
    mount.read_only = true;
  } else if (option == "nocopy") {
    mount.volume_no_copy = true;
  } else if (option == "consistent" || option == "cached" || option == "delegated") {
    mount.consistency = option;
  } else if (is_propagation) {
    mount.propagation = option;
  } else if (option != "rw" && option != "z" && option != "Z" && !option.empty()) {
    return invalid_argument("invalid mode: {}", option);
  }
  return {};
}

}  // namespace

Result<model::Mount> parse_bind(std::string_view text) {
  const auto refuse = [&] { return invalid_argument("invalid volume specification: '{}'", text); };
  const auto parts = split(text, ':');
  if (parts.size() > 3) return refuse();
  for (const auto& part : parts) {
    if (part.empty()) return refuse();
  }
  model::Mount mount;
  mount.target = parts.size() == 1 ? parts[0] : parts[1];
  if (parts.size() > 1) {
    mount.source = parts[0];
    const bool is_path = mount.source.starts_with('/');
    mount.type = is_path ? model::MountType::Bind : model::MountType::Volume;
    mount.bind_create_mountpoint = is_path;
  }
  if (parts.size() == 3) {
    for (const auto option : split(parts[2], ',')) {
      RETURN_IF_ERROR(read_bind_option(option, mount));
    }
  }
  if (!mount.target.starts_with('/')) {
    return invalid_argument(
        "invalid volume specification: '{}': invalid mount config for type \"{}\": invalid mount "
        "path: '{}' mount path must be absolute",
        text, mount.type == model::MountType::Bind ? "bind" : "volume", mount.target);
  }
  return mount;
}

Result<int64_t> parse_size(std::string_view text) {
  const auto refuse = [&] { return invalid_argument("invalid size: '{}'", text); };
  int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || number < 0) return refuse();
  std::string_view unit(end, size_t(text.data() + text.size() - end));
  int shift = 0;
  if (!unit.empty()) {
    const auto at = std::string_view("bkmgt").find(char(unit[0] | 0x20));
    const auto tail = unit.substr(1);
    if (at == std::string_view::npos || (!tail.empty() && tail != "b" && tail != "B")) {
      return refuse();
    }
    shift = 10 * int(at);
  }
  if (number > (INT64_MAX >> shift)) return refuse();
  return number << shift;
}

Result<model::Mount> parse_tmpfs(const std::string& target, std::string_view options) {
  model::Mount mount{.type = model::MountType::Tmpfs, .target = target};
  if (options.empty()) return mount;
  for (const auto option : split(options, ',')) {
    const auto equals = option.find('=');
    const auto key = option.substr(0, equals);
    const auto value = equals == std::string_view::npos ? "" : option.substr(equals + 1);
    if (key == "size") {
      ASSIGN_OR_RETURN(mount.tmpfs_size_bytes, parse_size(value));
    } else if (key == "mode") {
      const auto end = value.data() + value.size();
      const auto parsed = std::from_chars(value.data(), end, mount.tmpfs_mode, 8);
      if (parsed.ec != std::errc() || parsed.ptr != end) {
        return invalid_argument("invalid tmpfs option \"{}\"", option);
      }
    } else if (key == "ro") {
      mount.read_only = true;
    } else if (equals != std::string_view::npos) {
      mount.tmpfs_options.push_back({std::string(key), std::string(value)});
    } else if (key != "rw") {
      mount.tmpfs_options.push_back({std::string(key)});
    }
  }
  return mount;
}

}  // namespace shoal::api
