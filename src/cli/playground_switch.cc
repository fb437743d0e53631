#include "cli/playground_switch.h"

#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <nlohmann/json.hpp>

#include "cli/subnet.h"
#include "cli/tool.h"
#include "os/file.h"

namespace shoal::cli {
namespace {

constexpr const char* kForwarding = "/proc/sys/net/ipv4/ip_forward";
// Left in the run root when forwarding was off before the first playground.
constexpr const char* kForwardingWasOff = "/forwarding-was-off";
constexpr int kLossSteps = 10'000;  // a hundredth of a percent

Result<std::string> in_namespace(const std::string& file, std::vector<std::string> command,
                                 const std::string& input = {}) {
  std::vector<std::string> argv{"nsenter", "--net=" + file};
  argv.insert(argv.end(), command.begin(), command.end());
  return run_tool(argv, input);
}

// Commands of ip(8), one a line, in the switch.
Result<void> in_switch(const Playground& playground, const std::string& lines) {
  RETURN_IF_ERROR(in_namespace(playground.switch_path(), {"ip", "-batch", "-"}, lines));
  return {};
}

// The namespace is there as long as it is mounted.
bool switch_exists(const Playground& playground) {
  const auto mounts = os::read_file("/proc/self/mountinfo");
  return mounts && mounts->find(" " + playground.switch_path() + " ") != std::string::npos;
}

// Nodes reach the outside as the machine itself does, behind its address.
Result<void> let_out(const Playground& playground) {
  const std::string subnet = playground.subnet.str();
  const std::string rules = fmt::format(
      "table ip {0}\ndelete table ip {0}\ntable ip {0} {{\n chain postrouting {{\n"
      "  type nat hook postrouting priority srcnat; policy accept;\n"
      "  ip saddr {1} ip daddr != {1} masquerade\n }}\n}}\n",
      playground.nft_table(), subnet);
  RETURN_IF_ERROR(run_tool({"nft", "-f", "-"}, rules));
  ASSIGN_OR_RETURN(const std::string forwarding, os::read_file(kForwarding));
  if (!forwarding.starts_with('0')) return {};
  RETURN_IF_ERROR(os::write_file(std::string(kPlaygroundRunRoot) + kForwardingWasOff, ""));
  RETURN_IF_ERROR(run_tool({"sysctl", "-qw", "net.ipv4.ip_forward=1"}));
  return {};
}

// With the last playground, forwarding is as it was before the first.
Result<void> restore_forwarding(const Playground& playground) {
  const std::string mark = std::string(kPlaygroundRunRoot) + kForwardingWasOff;
  if (::access(mark.c_str(), F_OK) != 0) return {};
  for (const auto& name : list_playgrounds()) {
    if (name == playground.name) continue;
    Playground other;
    other.name = name;
    if (switch_exists(other)) return {};
  }
  RETURN_IF_ERROR(run_tool({"sysctl", "-qw", "net.ipv4.ip_forward=0"}));
  return os::remove_tree(mark);
}

// A node keeps its hardware address over its lives, as a machine does: others remember it.
std::string hardware_address(const network::IpAddress& ip) {
  return network::MacAddress::of(ip).str();
}

}  // namespace

Result<std::vector<network::Subnet>> read_routes() {
  ASSIGN_OR_RETURN(const std::string text,
                   run_tool({"ip", "-json", "-4", "route", "show", "table", "all"}));
  return parse_routes(text);
}

Result<void> make_switch(const Playground& playground) {
  const std::string path = playground.switch_path();
  const std::string uplink = playground.uplink();
  RETURN_IF_ERROR(os::write_file(path, ""));
  RETURN_IF_ERROR(run_tool({"unshare", "--net=" + path, "ip", "link", "set", "lo", "up"}));
  RETURN_IF_ERROR(in_switch(playground, "link add br0 type bridge\nlink set br0 up\n"));
  RETURN_IF_ERROR(in_switch(
      playground, fmt::format("link add uplink type veth peer name {} address {} netns {}\n"
                              "link set uplink master br0 up\n",
                              uplink, hardware_address(playground.gateway()), ::getpid())));
  RETURN_IF_ERROR(
      run_tool({"ip", "-batch", "-"},
               fmt::format("addr add {}/{} dev {}\nlink set {} up\n", playground.gateway().str(),
                           playground.subnet.length, uplink, uplink)));
  return let_out(playground);
}

Result<void> remove_switch(const Playground& playground) {
  const std::string path = playground.switch_path();
  if (switch_exists(playground)) {
    // At once, where the end of the namespace would take them some time later. It may have begun
    // to: a node's link goes with its node. A half-made switch has no uplink.
    ASSIGN_OR_RETURN(const Links links, read_links(playground));
    std::string lines = "link del uplink\n";
    for (const auto& nodes : {links.up, links.down}) {
      for (const int node : nodes) lines += "link del " + node_name(node) + "\n";
    }
    [[maybe_unused]] const auto gone = in_namespace(path, {"ip", "-force", "-batch", "-"}, lines);
    if (::umount2(path.c_str(), MNT_DETACH) != 0) return os::system_error("umount", path, errno);
  }
  RETURN_IF_ERROR(os::remove_tree(path));
  const std::string table = playground.nft_table();
  RETURN_IF_ERROR(
      run_tool({"nft", "-f", "-"}, fmt::format("table ip {0}\ndelete table ip {0}\n", table)));
  return restore_forwarding(playground);
}

Result<void> connect_node(const Playground& playground, int node, pid_t init) {
  const std::string name = node_name(node);
  const network::IpAddress address = playground.address(node);
  // The kernel removes the link of the last life in its own time.
  [[maybe_unused]] const auto gone = in_switch(playground, fmt::format("link del {}\n", name));
  RETURN_IF_ERROR(
      in_switch(playground, fmt::format("link add {0} type veth peer name eth0 address {1} netns "
                                        "{2}\nlink set {0} master br0 up\n",
                                        name, hardware_address(address), init)));
  const std::string lines = fmt::format(
      "link set lo up\naddr add {}/{} dev eth0\nlink set eth0 up\nroute add default via {}\n",
      address.str(), playground.subnet.length, playground.gateway().str());
  RETURN_IF_ERROR(in_namespace(fmt::format("/proc/{}/ns/net", init), {"ip", "-batch", "-"}, lines));
  return {};
}

Result<Links> read_links(const Playground& playground) {
  ASSIGN_OR_RETURN(const std::string text,
                   in_namespace(playground.switch_path(), {"ip", "-json", "link"}));
  const auto document = nlohmann::json::parse(text, nullptr, false);
  if (!document.is_array()) return internal_error("ip link: this is no list: {}", text);
  Links links;
  for (int node = 1; node <= kNodesMax; ++node) {
    for (const auto& link : document) {
      if (!link.is_object() || link.value("ifname", "") != node_name(node)) continue;
      const auto flags = link.value("flags", std::vector<std::string>());
      (std::ranges::find(flags, "UP") != flags.end() ? links.up : links.down).insert(node);
    }
  }
  return links;
}

Result<void> set_link(const Playground& playground, int node, bool up) {
  ASSIGN_OR_RETURN(const Links links, read_links(playground));
  if (!links.up.contains(node) && !links.down.contains(node)) {
    return not_found("{} has no link", node_name(node));
  }
  return in_switch(playground,
                   fmt::format("link set {} {}\n", node_name(node), up ? "up" : "down"));
}

Result<void> set_loss(const Playground& playground, int node, double percent) {
  const std::string name = node_name(node);
  std::string rules = fmt::format("table bridge loss_{0}\ndelete table bridge loss_{0}\n", name);
  if (const long share = std::lround(percent / kLossPercentMax * kLossSteps); share > 0) {
    // nft refuses a condition that is always true.
    const std::string some =
        share < kLossSteps ? fmt::format("numgen random mod {} < {}", kLossSteps, share) : "";
    rules += fmt::format(
        "table bridge loss_{0} {{\n chain forward {{\n  type filter hook forward priority 0;\n"
        "  iifname \"{0}\" {1} drop\n  oifname \"{0}\" {1} drop\n }}\n}}\n",
        name, some);
  }
  RETURN_IF_ERROR(in_namespace(playground.switch_path(), {"nft", "-f", "-"}, rules));
  return {};
}

}  // namespace shoal::cli
