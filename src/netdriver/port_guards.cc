#include "netdriver/port_guards.h"

#include <linux/netfilter/nfnetlink.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <map>
#include <utility>

#include "netdriver/nft_batch.h"
#include "netdriver/nft_encode.h"

namespace shoal::netdriver {
namespace {

using network::IpAddress;
using network::MacAddress;
using network::OverlayLocal;

constexpr std::string_view kTablePrefix = "shoal_port_";
constexpr auto kChain = "ingress";
constexpr auto kIpv6Chain = "ipv6";

constexpr uint16_t kIpv4Type = 0x0800, kArpType = 0x0806, kIpv6Type = 0x86dd;
// Where things stand, in bytes.
constexpr uint32_t kSourceMac = 6;  // of Ethernet; the frame's type follows
constexpr uint32_t kIpv4Source = 12, kIpv6Source = 8;
constexpr uint32_t kArpSender = 8;  // MAC and IPv4 address
constexpr uint32_t kNdpTarget = 8;  // of an advertisement, in ICMPv6
// An ARP packet for IPv4 over Ethernet begins so; what comes then is the operation.
constexpr std::array<uint8_t, 6> kArpOfIpv4{0, 1, 8, 0, 6, 4};

// What the kernel calls a link whose addresses nobody chose.
IpAddress link_local(const MacAddress& mac) {
  const auto& m = mac.bytes;
  std::array<uint8_t, 16> bytes{0xfe, 0x80};
  const std::array<uint8_t, 8> eui{uint8_t(m[0] ^ 2), m[1], m[2], 0xff, 0xfe, m[3], m[4], m[5]};
  std::ranges::copy(eui, bytes.begin() + 8);
  return IpAddress::of(bytes);
}

// The rules of one port, with a comment each by which they are found again.
class Guard {
 public:
  explicit Guard(const OverlayLocal& local) : local_(local), mac_(local.mac()) {
    for (const auto& address : local.addresses) {
      if (!address.address.is_v4()) ipv6_.push_back(address.address);
    }
    if (!ipv6_.empty()) ipv6_.push_back(link_local(mac_));
  }

  Messages make() {
    NftBatch batch(NFPROTO_NETDEV, table_of(local_.port()));
    batch.replace_table();
    batch.add_chain(kChain, {"filter", NF_NETDEV_INGRESS, 0, local_.port()});
    if (!ipv6_.empty()) add_ipv6(batch);
    for (const auto& address : local_.addresses) {
      if (address.address.is_v4()) add_ipv4(batch, address.address);
    }
    add(batch, kChain, "nothing else", [](RuleWriter& rule) { rule.count().drop(); });
    return batch.finish();
  }
  // Of the rules, in the order of make().
  std::vector<std::string> comments() {
    comments_.clear();
    (void)make();
    return comments_;
  }

  static std::string table_of(const std::string& port) { return std::string(kTablePrefix) + port; }

 private:
  template <class Write>
  void add(NftBatch& batch, const char* chain, std::string comment, Write write) {
    batch.add_rule(chain, write, comment);
    comments_.push_back(std::move(comment));
  }

  // A frame from the container's own MAC address, of this type: both stand side by side.
  RuleWriter& own_frame(RuleWriter& rule, uint16_t type) const {
    std::array<uint8_t, 8> wanted{};
    std::ranges::copy(mac_.bytes, wanted.begin());
    wanted[6] = uint8_t(type >> 8);
    wanted[7] = uint8_t(type);
    return rule.load_packet(NFT_PAYLOAD_LL_HEADER, kSourceMac, wanted.size()).compare(wanted);
  }

  void add_ipv4(NftBatch& batch, const IpAddress& own) {
    add(batch, kChain, fmt::format("{} from {}", own.str(), mac_.str()), [&](RuleWriter& rule) {
      own_frame(rule, kIpv4Type).load_packet(NFT_PAYLOAD_NETWORK_HEADER, kIpv4Source, own.size());
      rule.compare(own.bytes()).accept();
    });
    add(batch, kChain, fmt::format("ARP of {}", own.str()), [&](RuleWriter& rule) {
      std::array<uint8_t, 10> sender{};
      const auto after_mac = std::ranges::copy(mac_.bytes, sender.begin()).out;
      std::ranges::copy(own.bytes(), after_mac);
      own_frame(rule, kArpType).load_packet(NFT_PAYLOAD_NETWORK_HEADER, 0, kArpOfIpv4.size());
      rule.compare(kArpOfIpv4);
      rule.load_packet(NFT_PAYLOAD_NETWORK_HEADER, kArpSender, sender.size());
      rule.compare(sender).accept();
    });
  }

  void add_ipv6(NftBatch& batch) {
    batch.add_chain(kIpv6Chain);
    const auto icmp = [](RuleWriter& rule, uint8_t type) -> RuleWriter& {
      rule.load_meta(NFT_META_L4PROTO).compare(raw_bytes(uint8_t(IPPROTO_ICMPV6)));
      return rule.load_packet(NFT_PAYLOAD_TRANSPORT_HEADER, 0, 1).compare(raw_bytes(type));
    };
    for (const auto& own : ipv6_) {
      add(batch, kIpv6Chain, fmt::format("advertisement of {}", own.str()), [&](RuleWriter& rule) {
        icmp(rule, ND_NEIGHBOR_ADVERT)
            .load_packet(NFT_PAYLOAD_TRANSPORT_HEADER, kNdpTarget, own.size());
        rule.compare(own.bytes()).accept();
      });
    }
    // There are no routers among containers, and nobody sends others elsewhere.
    for (const uint8_t type : {ND_NEIGHBOR_ADVERT, ND_ROUTER_ADVERT, ND_REDIRECT}) {
      add(batch, kIpv6Chain, fmt::format("no ICMPv6 {}", type),
          [&](RuleWriter& rule) { icmp(rule, type).count().drop(); });
    }
    add(batch, kIpv6Chain, "the rest", [](RuleWriter& rule) { rule.accept(); });
    for (const auto& own : ipv6_) {
      add(batch, kChain, fmt::format("{} from {}", own.str(), mac_.str()), [&](RuleWriter& rule) {
        own_frame(rule, kIpv6Type).load_packet(NFT_PAYLOAD_NETWORK_HEADER, kIpv6Source, own.size());
        rule.compare(own.bytes()).jump(kIpv6Chain);
      });
    }
  }

  const OverlayLocal& local_;
  const MacAddress mac_;
  std::vector<IpAddress> ipv6_;
  std::vector<std::string> comments_;
};

// The comments of the rules that are there, by port, sorted: chains come in no certain order.
Result<std::map<std::string, std::vector<std::string>>> read_guards(NetlinkSocket& socket) {
  std::map<std::string, std::vector<std::string>> found;
  const auto ask = [&](uint16_t type, const NetlinkSocket::Visit& visit) {
    Messages messages;
    messages.add(uint16_t(NFNL_SUBSYS_NFTABLES << 8 | type), NLM_F_DUMP,
                 nfgenmsg{.nfgen_family = NFPROTO_NETDEV, .version = NFNETLINK_V0, .res_id = 0});
    return socket.query(std::move(messages), visit);
  };
  const auto port_of = [](const nlattr& table) -> std::string {
    const std::string_view name = mnl_attr_get_str(&table);
    return std::string(name.starts_with(kTablePrefix) ? name.substr(kTablePrefix.size()) : "");
  };
  RETURN_IF_ERROR(ask(NFT_MSG_GETTABLE, [&](const nlmsghdr& message) {
    for_each_attribute(message, sizeof(nfgenmsg), [&](const nlattr& attribute) {
      if (mnl_attr_get_type(&attribute) == NFTA_TABLE_NAME) found[port_of(attribute)];
    });
  }));
  RETURN_IF_ERROR(ask(NFT_MSG_GETRULE, [&](const nlmsghdr& message) {
    std::string port, comment;
    for_each_attribute(message, sizeof(nfgenmsg), [&](const nlattr& attribute) {
      const auto type = mnl_attr_get_type(&attribute);
      if (type == NFTA_RULE_TABLE) port = port_of(attribute);
      if (type != NFTA_RULE_USERDATA) return;
      const auto* data = static_cast<const uint8_t*>(mnl_attr_get_payload(&attribute));
      comment = decode_comment({data, mnl_attr_get_payload_len(&attribute)});
    });
    found[port].push_back(comment);
  }));
  found.erase("");  // Not ours.
  for (auto& [port, comments] : found) std::ranges::sort(comments);
  return found;
}

}  // namespace

Result<PortGuards> PortGuards::open() {
  ASSIGN_OR_RETURN(auto socket, NetlinkSocket::open(NETLINK_NETFILTER));
  return PortGuards(std::move(socket));
}

Result<void> PortGuards::put(const OverlayLocal& local) {
  return with_context(socket_.send(Guard(local).make()), "guard of link {}", local.port());
}

Result<void> PortGuards::drop(const std::string& port) {
  NftBatch batch(NFPROTO_NETDEV, Guard::table_of(port));
  batch.remove_table();
  return socket_.send(batch.finish(), NetlinkSocket::Absence::IsFine);
}

Result<std::vector<std::string>> PortGuards::sync(const std::vector<OverlayLocal>& locals) {
  ASSIGN_OR_RETURN(auto found, read_guards(socket_));
  std::vector<std::string> changed;
  for (const auto& local : locals) {
    if (local.id.empty()) continue;
    auto wanted = Guard(local).comments();
    std::ranges::sort(wanted);
    const auto port = local.port();
    const auto at = found.find(port);
    const bool right = at != found.end() && at->second == wanted;
    if (at != found.end()) found.erase(at);
    if (right) continue;
    changed.push_back(port);
    RETURN_IF_ERROR(put(local));
  }
  for (const auto& [port, comments] : found) {
    changed.push_back(port);
    RETURN_IF_ERROR(drop(port));
  }
  return changed;
}

}  // namespace shoal::netdriver
