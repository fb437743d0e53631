#include "containers/network_spec.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "network/ipam.h"

namespace shoal::containers {
namespace {

using model::Labels;

constexpr size_t kShortIdLength = 12;
constexpr size_t kLinkNameMax = 15;
constexpr std::string_view kLinkPrefix = "sb-";
constexpr int kMtuMin = 68;  // of IPv4
constexpr int kMtuMax = 65535;

constexpr auto kMtuOption = "com.docker.network.driver.mtu";
constexpr auto kLinkOption = "com.docker.network.bridge.name";
constexpr auto kMasqueradeOption = "com.docker.network.bridge.enable_ip_masquerade";

// What only has its usual value here. A container that relies on another one must not be started.
struct Fixed {
  const char* option;
  std::string_view value;
};
constexpr Fixed kFixed[] = {{"com.docker.network.bridge.enable_icc", "true"},
                            {"com.docker.network.bridge.host_binding_ipv4", "0.0.0.0"},
                            {"com.docker.network.container_iface_prefix", "eth"}};

std::optional<int> parse_number(std::string_view text) {
  int number = 0;
  const char* end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc() || at != end) return std::nullopt;
  return number;
}

Result<void> read_mtu(const Labels& options, network::BridgeConfig& config) {
  const auto mtu = options.find(kMtuOption);
  if (mtu == options.end()) return {};
  const auto number = parse_number(mtu->second);
  if (!number) {
    return invalid_argument("failed to parse {} value: {} (it is no number)", kMtuOption,
                            mtu->second);
  }
  if (*number == 0) return {};
  if (*number < kMtuMin || *number > kMtuMax) {
    return invalid_argument("invalid MTU number: {}", *number);
  }
  config.mtu = *number;
  return {};
}

Result<void> read_link(const std::string& id, const Labels& options,
                       network::BridgeConfig& config) {
  config.name = std::string(kLinkPrefix) + id.substr(0, kShortIdLength);
  const auto asked = options.find(kLinkOption);
  if (asked == options.end() || asked->second.empty()) return {};
  const std::string& name = asked->second;
  const auto fits = [](char c) { return c > ' ' && c < 127 && c != '/' && c != ':'; };
  const bool sound =
      name.size() <= kLinkNameMax && name != "." && name != ".." && std::ranges::all_of(name, fits);
  if (!sound) return invalid_argument("invalid name of a link \"{}\"", name);
  config.name = name;
  return {};
}

Result<void> read_options(const std::string& id, const Labels& options,
                          network::BridgeConfig& config) {
  RETURN_IF_ERROR(read_mtu(options, config));
  RETURN_IF_ERROR(read_link(id, options, config));
  const auto masquerade = options.find(kMasqueradeOption);
  if (masquerade != options.end()) {
    if (masquerade->second != "true" && masquerade->second != "false") {
      return invalid_argument("failed to parse {} value: {} (it is neither true nor false)",
                              kMasqueradeOption, masquerade->second);
    }
    config.masquerade = masquerade->second == "true";
  }
  for (const auto& [option, value] : kFixed) {
    const auto given = options.find(option);
    if (given == options.end() || given->second == value) continue;
    return unimplemented("option {}={} is not supported by this version of Shoal yet", option,
                         given->second);
  }
  return {};
}

Result<void> read_subnet(const model::NetworkSpec& spec, network::Bridge& bridge) {
  const std::string& driver = spec.ipam_driver.name;
  if (!driver.empty() && driver != "default") {
    return invalid_argument("error during lookup of plugin {}", driver);
  }
  if (spec.ipam.size() > 1) {
    return permission_denied("bridge driver doesn't support multiple subnets");
  }
  if (!asks_subnet(spec)) return {};
  const auto read = network::read_config(spec.ipam.front());
  if (!read) return invalid_argument("invalid network config:\n{}", read.error().message);
  if (!read->subnet.address.is_v4()) {
    return unimplemented("IPv6 on bridge networks is not supported by this version of Shoal yet");
  }
  bridge.config.subnet = {read->gateway, read->subnet.length};
  bridge.range = read->range;
  bridge.reserved = read->auxiliary;
  return {};
}

}  // namespace

bool asks_subnet(const model::NetworkSpec& spec) {
  return !spec.ipam.empty() && spec.ipam.front() != model::IpamConfig{};
}

Result<network::Bridge> read_bridge(const std::string& id, const model::NetworkSpec& spec) {
  const std::string& name = spec.annotations.name;
  if (name.find_first_not_of(" \t\r\n") == std::string::npos) {
    return invalid_argument("invalid name: name is empty");
  }
  if (name.size() > kNetworkNameMax) {
    return invalid_argument("invalid name: it has more than {} bytes", kNetworkNameMax);
  }
  if (spec.ingress) {
    return permission_denied("Ingress network can only be global scope network");
  }
  if (spec.ipv6) {
    return unimplemented("IPv6 on bridge networks is not supported by this version of Shoal yet");
  }
  network::Bridge bridge{.network = id, .name = name, .config = {}, .range = {}, .reserved = {}};
  bridge.config.internal = spec.internal;
  RETURN_IF_ERROR(read_options(id, spec.driver.options, bridge.config));
  RETURN_IF_ERROR(read_subnet(spec, bridge));
  return bridge;
}

}  // namespace shoal::containers
