// Networks, and what a service says about its networks.
#include <algorithm>
#include <charconv>
#include <optional>
#include <set>
#include <string_view>

#include "model/validate.h"

namespace shoal::model {
namespace {

constexpr std::string_view kMtuOption = "com.docker.network.driver.mtu";
constexpr std::string_view kVniOption = "com.docker.network.driver.overlay.vxlanid_list";
constexpr std::string_view kEncryptedOption = "encrypted";

bool is_host_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '_';
}

// A name of DNS. Underscores too: names of services have them.
bool is_host_name(std::string_view name) {
  if (name.empty() || name.size() > kHostNameLengthMax) return false;
  for (size_t at = 0; at <= name.size();) {
    const size_t end = std::min(name.find('.', at), name.size());
    const std::string_view label = name.substr(at, end - at);
    const bool sound = !label.empty() && label.size() <= kNameLengthMax && label.front() != '-' &&
                       label.back() != '-' && std::ranges::all_of(label, is_host_character);
    if (!sound) return false;
    at = end + 1;
  }
  return true;
}

std::optional<uint32_t> parse_number(std::string_view text) {
  uint32_t number = 0;
  const char* end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc() || at != end) return std::nullopt;
  return number;
}

Result<void> validate_options(const NetworkSpec& spec) {
  const Labels& options = spec.driver.options;
  if (const auto mtu = options.find(std::string(kMtuOption)); mtu != options.end()) {
    const uint32_t least = spec.ipv6 ? kMtuMinV6 : kMtuMinV4;
    const auto number = parse_number(mtu->second);
    if (!number || *number < least || *number > kMtuMax) {
      return invalid_argument("invalid value \"{}\" of option {}: must be a number from {} to {}",
                              mtu->second, kMtuOption, least, kMtuMax);
    }
  }
  if (options.contains(std::string(kEncryptedOption))) {
    return unimplemented(
        "option encrypted: overlay networks cannot be encrypted by this version of Shoal yet");
  }
  if (options.contains(std::string(kVniOption))) {
    return unimplemented("option {}: this version of Shoal chooses a network's VXLAN id itself",
                         kVniOption);
  }
  return {};
}

}  // namespace

Result<void> validate(const NetworkSpec& spec) {
  RETURN_IF_ERROR(validate_name(spec.annotations.name));
  if (spec.ingress && spec.attachable) {
    return invalid_argument("ingress network cannot be attachable");
  }
  const std::string& ipam = spec.ipam_driver.name;
  if (!ipam.empty() && ipam != "default") {
    return invalid_argument("error during lookup of plugin {}", ipam);
  }
  return validate_options(spec);
}

Result<void> validate(const std::vector<NetworkAttachmentConfig>& networks) {
  std::set<std::string_view> targets;
  for (const NetworkAttachmentConfig& network : networks) {
    if (network.target.empty()) return invalid_argument("a network is attached without its name");
    if (!targets.insert(network.target).second) {
      return invalid_argument("network {} is attached twice", network.target);
    }
    if (network.aliases.size() > kAliasesMax) {
      return invalid_argument("network {}: more than {} aliases", network.target, kAliasesMax);
    }
    for (const std::string& alias : network.aliases) {
      if (is_host_name(alias)) continue;
      return invalid_argument("network {}: alias \"{}\" is no valid host name", network.target,
                              alias);
    }
  }
  return {};
}

}  // namespace shoal::model
