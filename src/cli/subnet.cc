#include "cli/subnet.h"

#include <nlohmann/json.hpp>

#include "base/json_shape.h"

namespace shoal::cli {
namespace {

constexpr uint8_t kBits = 24;

const network::Subnet* overlapping(const network::Subnet& subnet,
                                   const std::vector<network::Subnet>& routes) {
  for (const auto& route : routes) {
    if (route.overlaps(subnet)) return &route;
  }
  return nullptr;
}

}  // namespace

Result<std::vector<network::Subnet>> parse_routes(std::string_view json) {
  RETURN_IF_ERROR(with_context(check_json_shape(json), "the machine's routes"));
  const auto document = nlohmann::json::parse(json, nullptr, false);
  if (!document.is_array()) return invalid_argument("the machine's routes are no list");
  std::vector<network::Subnet> routes;
  for (const auto& entry : document) {
    if (!entry.is_object() || !entry.contains("dst") || !entry["dst"].is_string()) {
      return invalid_argument("a route of the machine has no destination: {}", entry.dump());
    }
    const auto text = entry["dst"].get<std::string>();
    if (text == "default") continue;
    const bool whole = text.find('/') != std::string::npos;
    ASSIGN_OR_RETURN(network::Subnet route, network::Subnet::parse(whole ? text : text + "/32"));
    if (route.length > 0) routes.push_back(route);
  }
  return routes;
}

Result<network::Subnet> choose_subnet(const std::vector<network::Subnet>& routes) {
  const network::Subnet* in_the_way = nullptr;
  for (int third = 0; third < 256; ++third) {
    const network::Subnet subnet{network::IpAddress::v4(10, 210, uint8_t(third), 0), kBits};
    in_the_way = overlapping(subnet, routes);
    if (!in_the_way) return subnet;
  }
  return conflict(
      "no subnet of 10.210.0.0/16 is free (the last is in the way of the route to {}): choose one "
      "with --subnet",
      in_the_way->str());
}

Result<network::Subnet> check_subnet(std::string_view text,
                                     const std::vector<network::Subnet>& routes) {
  ASSIGN_OR_RETURN(network::Subnet subnet, with_context(network::Subnet::parse(text), "--subnet"));
  if (!subnet.address.is_v4() || subnet.length != kBits || subnet.address != subnet.first()) {
    return invalid_argument("--subnet: \"{}\" is no network like 10.210.0.0/24", text);
  }
  if (const auto* route = overlapping(subnet, routes)) {
    return conflict("--subnet: {} overlaps the route to {}", text, route->str());
  }
  return subnet;
}

}  // namespace shoal::cli
