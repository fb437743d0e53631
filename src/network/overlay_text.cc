#include <fmt/format.h>

#include "network/overlay_plan.h"

namespace shoal::network {
namespace {

std::string text_of(const std::pair<const std::string, OverlayPort>& port) {
  return fmt::format("port {} mtu {}{}", port.first, port.second.mtu,
                     port.second.hairpin ? " hairpin" : "");
}
std::string text_of(const std::pair<const MacAddress, std::string>& entry) {
  return fmt::format("forward {} to {}", entry.first.str(), entry.second);
}
std::string text_of(const std::pair<const MacAddress, IpAddress>& entry) {
  return fmt::format("tunnel {} to {}", entry.first.str(), entry.second.str());
}
std::string text_of(const std::pair<const OverlayNeighbour, MacAddress>& entry) {
  return fmt::format("neighbour {} on {} is {}", entry.first.address.str(), entry.first.link,
                     entry.second.str());
}
std::string text_of(const Subnet& address) {
  return "address " + address.str();
}
std::string text_of(const std::pair<const std::string, std::string>& sysctl) {
  return fmt::format("sysctl {} = {}", sysctl.first, sysctl.second);
}

template <class Items>
void list(const Items& items, std::string_view verb, std::vector<std::string>& lines) {
  for (const auto& item : items) lines.push_back(fmt::format("{}{}", verb, text_of(item)));
}

}  // namespace

std::string to_text(const OverlayPlan& plan) {
  std::vector<std::string> lines;
  list(plan.sysctls, "", lines);
  list(plan.addresses, "", lines);
  list(plan.ports, "", lines);
  list(plan.forwarding, "", lines);
  list(plan.tunnels, "", lines);
  list(plan.neighbours, "", lines);
  return fmt::format("{}\n{}", fmt::join(lines, "\n"), to_text(plan.rules, kOverlayTable));
}

std::vector<std::string> describe(const OverlayDiff& diff) {
  std::vector<std::string> lines;
  list(diff.sysctls, "set ", lines);
  list(diff.ports, "set ", lines);
  list(diff.add_addresses, "add ", lines);
  list(diff.forwarding, "set ", lines);
  list(diff.tunnels, "set ", lines);
  list(diff.neighbours, "set ", lines);
  for (const auto& change : diff.rules) lines.push_back(to_text(change));
  list(diff.remove_addresses, "remove ", lines);
  list(diff.remove_forwarding, "remove ", lines);
  list(diff.remove_tunnels, "remove ", lines);
  list(diff.remove_neighbours, "remove ", lines);
  return lines;
}

}  // namespace shoal::network
