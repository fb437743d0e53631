#include "netdriver/mesh_task.h"

#include <fcntl.h>
#include <netinet/in.h>

#include <linux/fib_rules.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_conntrack_tuple_common.h>
#include <linux/rtnetlink.h>
#include <sched.h>
#include <sys/socket.h>

#include <functional>
#include <thread>

#include "netdriver/links.h"
#include "netdriver/nft_batch.h"
#include "netdriver/sysctl.h"
#include "os/fd.h"
#include "os/file.h"

namespace shoal::netdriver {
namespace {

using network::IpAddress;
using network::MacAddress;
using network::Subnet;

constexpr const char* kTable = "shoal_mesh";
constexpr uint32_t kRoutingTable = 100;
// The next hop of answers, reached over the ingress link; nobody has the address. Its MAC address
// is replaced before the packet leaves.
const IpAddress kNextHop = IpAddress::v4(169, 254, 169, 1);

// In an Ethernet header: where the last bytes of its addresses stand.
constexpr uint32_t kDestinationEnd = 2;    // four bytes
constexpr uint32_t kSourceEnd = 8;         // four bytes
constexpr uint32_t kSourceLastTwo = 10;    // two bytes
constexpr uint32_t kSourceAddressV4 = 12;  // in an IPv4 header

// A mark is the four bytes of an ingress address as they stand in the packet.
uint32_t as_mark(const IpAddress& address) {
  uint32_t mark = 0;
  std::memcpy(&mark, address.bytes().data(), sizeof mark);
  return mark;
}
uint32_t netmask(const Subnet& subnet) {
  return htonl(subnet.length == 0 ? 0 : ~uint32_t{0} << (32 - subnet.length));
}

class MeshRules {
 public:
  explicit MeshRules(const MeshTask& task) : task_(task) {}

  Messages inet() const {
    NftBatch batch(NFPROTO_INET, kTable);
    batch.replace_table();
    // One client may come from the same port through two nodes: to the task that is one flow, and
    // without a zone for each node the second would be refused.
    batch.add_chain("zone", {"filter", NF_INET_PRE_ROUTING, -300});
    batch.add_rule("zone", [this](RuleWriter& rule) {
      from_clients(rule).load_packet(NFT_PAYLOAD_LL_HEADER, kSourceLastTwo, 2);
      rule.store_flow(NFT_CT_ZONE, uint8_t(IP_CT_DIR_ORIGINAL));
    });

    batch.add_chain("pre", {"filter", NF_INET_PRE_ROUTING, -150});
    batch.add_rule("pre", [this](RuleWriter& rule) {
      constexpr uint32_t kNew = NF_CT_STATE_BIT(IP_CT_NEW);
      from_clients(rule).load_flow(NFT_CT_STATE).mask(raw_bytes(kNew));
      rule.compare(raw_bytes(kZero), true);
      rule.load_packet(NFT_PAYLOAD_LL_HEADER, kSourceEnd, 4).store_flow(NFT_CT_MARK);
    });
    batch.add_rule("pre", [this](RuleWriter& rule) {
      rule.load_flow(NFT_CT_DIRECTION).compare(raw_bytes(uint8_t(IP_CT_DIR_ORIGINAL)));
      mark_from_flow(rule.from_link(task_.link));
    });

    batch.add_chain("out", {"route", NF_INET_LOCAL_OUT, -150});
    batch.add_rule("out", [](RuleWriter& rule) {
      rule.load_flow(NFT_CT_DIRECTION).compare(raw_bytes(uint8_t(IP_CT_DIR_REPLY)));
      mark_from_flow(rule);
    });

    // NAT at this hook is what gives clashing flows another source port.
    batch.add_chain("nat_in", {"nat", NF_INET_LOCAL_IN, 100});
    if (task_.bridge) {
      batch.add_chain("udp", {"nat", NF_INET_PRE_ROUTING, -100});
      batch.add_rule("udp", [this](RuleWriter& rule) {
        from_clients(rule).load_meta(NFT_META_L4PROTO).compare(raw_bytes(uint8_t(IPPROTO_UDP)));
        rule.load_constant(task_.bridge->bytes()).translate_destination();
      });
    }
    return batch.finish();
  }

  Messages egress() const {
    NftBatch batch(NFPROTO_NETDEV, kTable);
    batch.replace_table();
    batch.add_chain("egress", {"filter", NF_NETDEV_EGRESS, 0, task_.link});
    batch.add_rule("egress", [this](RuleWriter& rule) {
      const uint32_t bits = netmask(task_.ingress), network = as_mark(task_.ingress.first());
      rule.load_meta(NFT_META_MARK).mask(raw_bytes(bits)).compare(raw_bytes(network));
      rule.load_meta(NFT_META_MARK);
      rule.store_packet(NFT_PAYLOAD_LL_HEADER, kDestinationEnd, 4);
    });
    return batch.finish();
  }

 private:
  static constexpr uint32_t kZero = 0;

  // What came from somebody outside through a node, not from the ingress network itself.
  RuleWriter& from_clients(RuleWriter& rule) const {
    rule.from_link(task_.link);
    rule.load_meta(NFT_META_NFPROTO).compare(raw_bytes(uint8_t(NFPROTO_IPV4)));
    const uint32_t bits = netmask(task_.ingress);
    rule.load_packet(NFT_PAYLOAD_NETWORK_HEADER, kSourceAddressV4, 4).mask(raw_bytes(bits));
    return rule.compare(task_.ingress.first().bytes(), true);
  }
  static void mark_from_flow(RuleWriter& rule) {
    rule.load_flow(NFT_CT_MARK).compare(raw_bytes(kZero), true);
    rule.load_flow(NFT_CT_MARK).store_meta(NFT_META_MARK);
  }

  const MeshTask& task_;
};

// Marked packets leave by the ingress link.
Messages routes(const MeshTask& task, int link) {
  Messages messages;
  constexpr uint16_t kPut = NLM_F_CREATE | NLM_F_REPLACE | NLM_F_ACK;
  auto* m =
      messages.add(RTM_NEWNEIGH, kPut,
                   ndmsg{.ndm_family = AF_INET, .ndm_ifindex = link, .ndm_state = NUD_PERMANENT});
  mnl_attr_put(m, NDA_DST, kNextHop.size(), kNextHop.bytes().data());
  const MacAddress mac = MacAddress::of(task.ingress.first());
  mnl_attr_put(m, NDA_LLADDR, mac.bytes.size(), mac.bytes.data());

  m = messages.add(RTM_NEWROUTE, kPut,
                   rtmsg{.rtm_family = AF_INET,
                         .rtm_table = kRoutingTable,
                         .rtm_protocol = RTPROT_BOOT,
                         .rtm_scope = RT_SCOPE_UNIVERSE,
                         .rtm_type = RTN_UNICAST,
                         .rtm_flags = RTNH_F_ONLINK});
  mnl_attr_put(m, RTA_GATEWAY, kNextHop.size(), kNextHop.bytes().data());
  mnl_attr_put_u32(m, RTA_OIF, uint32_t(link));

  m = messages.add(
      RTM_NEWRULE, NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK,
      fib_rule_hdr{.family = AF_INET, .table = kRoutingTable, .action = FR_ACT_TO_TBL});
  mnl_attr_put_u32(m, FRA_FWMARK, as_mark(task.ingress.first()));
  mnl_attr_put_u32(m, FRA_FWMASK, netmask(task.ingress));
  return messages;
}

Result<void> prepare_here(const MeshTask& task) {
  ASSIGN_OR_RETURN(auto route, NetlinkSocket::open(NETLINK_ROUTE));
  ASSIGN_OR_RETURN(auto filter, NetlinkSocket::open(NETLINK_NETFILTER));
  ASSIGN_OR_RETURN(const auto link, find_link(route, task.link));
  // A server's answers to accepted connections carry the mark too, or their packets would be sized
  // for another link.
  RETURN_IF_ERROR(write_sysctl("net/ipv4/tcp_fwmark_accept", "1"));
  RETURN_IF_ERROR(write_sysctl("net/ipv4/conf/all/rp_filter", "0"));
  RETURN_IF_ERROR(write_sysctl("net/ipv4/conf/" + task.link + "/rp_filter", "0"));
  const MeshRules rules(task);
  RETURN_IF_ERROR(with_context(filter.send(rules.inet()), "rules of the routing mesh"));
  RETURN_IF_ERROR(with_context(filter.send(rules.egress()), "egress rule of the routing mesh"));
  auto routed = route.send(routes(task, link.index));
  // The rule is there already: it was prepared before.
  if (!routed && routed.error().code == ErrorCode::AlreadyExists) routed = {};
  return with_context(std::move(routed), "routes of the routing mesh");
}

}  // namespace

Result<void> prepare_mesh_task(const MeshTask& task) {
  if (!task.ingress.address.is_v4()) {
    return invalid_argument("the routing mesh needs an IPv4 address, {} is none",
                            task.ingress.address.str());
  }
  Result<void> outcome;
  // No thread that does anything else may leave the node's namespace.
  std::thread inside([&] {
    const os::Fd space(::open(task.netns_path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!space || ::setns(space.get(), CLONE_NEWNET) != 0) {
      outcome = os::system_error("enter", task.netns_path, errno);
      return;
    }
    outcome = prepare_here(task);
  });
  inside.join();
  return outcome;
}

}  // namespace shoal::netdriver
