#include "model/publish_address.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "model/ip.h"

namespace shoal::model {
namespace {

constexpr std::string_view kBegin = "shoal.publish.";
constexpr std::string_view kEnd = ".ip";

std::optional<PortProtocol> protocol_of(std::string_view word) {
  if (word == "tcp") return PortProtocol::Tcp;
  if (word == "udp") return PortProtocol::Udp;
  if (word == "sctp") return PortProtocol::Sctp;
  return std::nullopt;
}

// "8080/tcp"
std::optional<PublishAddress> parse_port(std::string_view text) {
  PublishAddress read;
  const char* end = text.data() + text.size();
  const auto number = std::from_chars(text.data(), end, read.published_port);
  if (number.ec != std::errc() || number.ptr == end || *number.ptr != '/') return std::nullopt;
  const auto protocol = protocol_of({number.ptr + 1, end});
  if (!protocol) return std::nullopt;
  read.protocol = *protocol;
  return read;
}

bool concerns(const PublishAddress& address, const PortConfig& port) {
  return port.published_port == address.published_port && port.protocol == address.protocol;
}

bool publishes(const ServiceSpec& spec, const PublishAddress& wanted) {
  if (!spec.endpoint || wanted.published_port == 0) return false;
  return std::ranges::any_of(spec.endpoint->ports,
                             [&](const PortConfig& port) { return concerns(wanted, port); });
}

// What stands between the beginning and the end of the label.
std::string_view port_in(std::string_view label) {
  return label.substr(kBegin.size(), label.size() - kBegin.size() - kEnd.size());
}

}  // namespace

bool is_publish_address(std::string_view label) {
  return label.size() > kBegin.size() + kEnd.size() && label.starts_with(kBegin) &&
         label.ends_with(kEnd);
}

std::string publish_address(const Labels& labels, const PortConfig& port) {
  if (port.published_port == 0) return {};
  for (auto at = labels.lower_bound(std::string(kBegin)); at != labels.end(); ++at) {
    const auto& [label, value] = *at;
    if (!label.starts_with(kBegin)) break;
    if (!is_publish_address(label) || !parse_address(value)) continue;
    const auto read = parse_port(port_in(label));
    if (read && concerns(*read, port)) return value;
  }
  return {};
}

Result<std::vector<PublishAddress>> publish_addresses(const ServiceSpec& spec) {
  std::vector<PublishAddress> found;
  for (const auto& [label, value] : spec.annotations.labels) {
    if (!is_publish_address(label)) continue;
    const std::string_view port = port_in(label);
    auto read = parse_port(port);
    if (!read) {
      return invalid_argument("label \"{}\": \"{}\" is no port with its protocol, such as 8080/tcp",
                              label, port);
    }
    if (!publishes(spec, *read)) {
      return invalid_argument("label \"{}\": the service does not publish port {}", label, port);
    }
    if (!parse_address(value)) {
      return invalid_argument("label \"{}\": \"{}\" is no IP address", label, value);
    }
    read->address = value;
    found.push_back(std::move(*read));
  }
  return found;
}

}  // namespace shoal::model
