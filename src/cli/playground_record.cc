#include "cli/playground_record.h"

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>

#include "base/json_shape.h"
#include "os/file.h"

namespace shoal::cli {
namespace {
using nlohmann::json;

constexpr uint64_t kGatewayNumber = 254;
constexpr uint8_t kSubnetBits = 24;
constexpr size_t kRecordMax = 64 << 10;

}  // namespace

std::string node_name(int node) {
  return fmt::format("hostos{}", node);
}

std::string Playground::run_folder() const {
  return fmt::format("{}/{}", kPlaygroundRunRoot, name);
}

std::string Playground::stopped_path(int node) const {
  return fmt::format("{}/{}.stopped", run_folder(), node_name(node));
}

std::string Playground::state_folder() const {
  return fmt::format("{}/{}", kPlaygroundStateRoot, name);
}

std::string Playground::node_folder(int node) const {
  return state_folder() + "/" + node_name(node);
}

std::string Playground::node_cgroup(int node) const {
  return cgroup() + "/" + node_name(node);
}

network::IpAddress Playground::gateway() const {
  return subnet.first().plus(kGatewayNumber);
}

network::IpAddress Playground::address(int node) const {
  return subnet.first().plus(uint64_t(node));
}

std::string Playground::uplink() const {
  const network::IpAddress first = subnet.first();
  const auto bytes = first.bytes();
  return fmt::format("shoalpg{:02x}{:02x}{:02x}", bytes[0], bytes[1], bytes[2]);
}

std::string Playground::nft_table() const {
  std::string table = "shoal_playground_" + name;
  std::ranges::replace(table, '-', '_');
  return table;
}

Result<void> check_playground_name(std::string_view name) {
  const auto fits = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
  };
  if (name.empty() || name.size() > kPlaygroundNameMax || name.front() == '-' ||
      !std::ranges::all_of(name, fits)) {
    return invalid_argument(
        "\"{}\" is no name for a playground: at most {} small letters, digits and '-'", name,
        kPlaygroundNameMax);
  }
  return {};
}

std::string encode_record(const Playground& playground) {
  const json document{{"name", playground.name},
                      {"subnet", playground.subnet.str()},
                      {"nodes", playground.node_count},
                      {"shoald", playground.shoald},
                      {"debug", playground.debug}};
  return document.dump(2) + "\n";
}

Result<Playground> decode_record(std::string_view text, const std::string& path) {
  const auto damaged = [&](std::string_view why) {
    return internal_error("{} is damaged: {}", path, why);
  };
  if (const auto shape = check_json_shape(text); !shape) return damaged(shape.error().message);
  const json document = json::parse(text, nullptr, false);
  if (!document.is_object()) return damaged("this is no JSON object");
  const auto field = [&](const char* name) { return document.value(name, json()); };
  for (const char* name : {"name", "subnet", "shoald"}) {
    if (!field(name).is_string()) return damaged(fmt::format("it has no text {}", name));
  }
  Playground playground;
  playground.name = field("name").get<std::string>();
  if (const auto sound = check_playground_name(playground.name); !sound) {
    return damaged(sound.error().message);
  }
  const auto subnet = network::Subnet::parse(field("subnet").get<std::string>());
  if (!subnet) return damaged(subnet.error().message);
  if (!subnet->address.is_v4() || subnet->length != kSubnetBits) {
    return damaged("the subnet is not one of 24 bits");
  }
  playground.subnet = *subnet;
  const json nodes = field("nodes");
  if (!nodes.is_number_unsigned() || nodes < 1u || nodes > unsigned(kNodesMax)) {
    return damaged(fmt::format("nodes is no number from 1 to {}", kNodesMax));
  }
  playground.node_count = nodes.get<int>();
  playground.shoald = field("shoald").get<std::string>();
  if (!playground.shoald.starts_with('/')) return damaged("shoald is no absolute path");
  if (!field("debug").is_boolean()) return damaged("debug is neither true nor false");
  playground.debug = field("debug").get<bool>();
  return playground;
}

Result<Playground> read_playground(const std::string& name) {
  Playground named;
  named.name = name;
  const auto text = os::read_file(named.record_path(), kRecordMax);
  if (!text && text.error().code == ErrorCode::NotFound) {
    const bool remains = std::filesystem::exists(named.state_folder());
    return not_found("no playground \"{}\": `shoal playground {}", name,
                     remains ? "down` removes what is left of an earlier one"
                             : "up` makes one, `shoal playground ls --all` lists them");
  }
  if (!text) return std::unexpected(text.error());
  ASSIGN_OR_RETURN(Playground playground, decode_record(*text, named.record_path()));
  if (playground.name != name) {
    return internal_error("{} is damaged: it is of \"{}\"", named.record_path(), playground.name);
  }
  return playground;
}

std::vector<std::string> list_playgrounds() {
  std::set<std::string> names;
  for (const auto& root : {kPlaygroundRunRoot, kPlaygroundStateRoot}) {
    std::error_code missing;
    for (const auto& entry : std::filesystem::directory_iterator(root, missing)) {
      const std::string name = entry.path().filename();
      if (check_playground_name(name)) names.insert(name);
    }
  }
  return {names.begin(), names.end()};
}

}  // namespace shoal::cli
