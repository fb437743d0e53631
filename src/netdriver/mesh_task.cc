#include "netdriver/mesh_task.h"

#include <fcntl.h>
#include <netinet/in.h>

#include <linux/fib_rules.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_conntrack_tuple_common.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/rtnetlink.h>
#include <sched.h>
#include <sys/socket.h>

#include <functional>
#include <thread>

#include "netdriver/links.h"
#include "netdriver/nft_expression.h"
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

  Messages inet() {
    begin(NFPROTO_INET);
    replace_table();
    // One client may come from the same port through two nodes: to the task that is one flow, and
    // without a zone for each node the second would be refused.
    chain("zone", "filter", NF_INET_PRE_ROUTING, -300);
    from_clients("zone").load_packet(NFT_PAYLOAD_LL_HEADER, kSourceLastTwo, 2);
    writer().store_flow(NFT_CT_ZONE, uint8_t(IP_CT_DIR_ORIGINAL));
    end_rule();

    chain("pre", "filter", NF_INET_PRE_ROUTING, -150);
    constexpr uint32_t kNew = NF_CT_STATE_BIT(IP_CT_NEW);
    from_clients("pre").load_flow(NFT_CT_STATE).mask(raw_bytes(kNew));
    writer().compare(raw_bytes(kZero), true);
    writer().load_packet(NFT_PAYLOAD_LL_HEADER, kSourceEnd, 4).store_flow(NFT_CT_MARK);
    end_rule();
    rule("pre").load_flow(NFT_CT_DIRECTION).compare(raw_bytes(uint8_t(IP_CT_DIR_ORIGINAL)));
    writer().from_link(task_.link);
    mark_from_flow();
    end_rule();

    chain("out", "route", NF_INET_LOCAL_OUT, -150);
    rule("out").load_flow(NFT_CT_DIRECTION).compare(raw_bytes(uint8_t(IP_CT_DIR_REPLY)));
    mark_from_flow();
    end_rule();

    // NAT at this hook is what gives clashing flows another source port.
    chain("nat_in", "nat", NF_INET_LOCAL_IN, 100);
    if (task_.bridge) {
      chain("udp", "nat", NF_INET_PRE_ROUTING, -100);
      from_clients("udp").load_meta(NFT_META_L4PROTO).compare(raw_bytes(uint8_t(IPPROTO_UDP)));
      writer().load_constant(task_.bridge->bytes()).translate_destination();
      end_rule();
    }
    return finish();
  }

  Messages egress() {
    begin(NFPROTO_NETDEV);
    replace_table();
    chain("egress", "filter", NF_NETDEV_EGRESS, 0, task_.link);
    const uint32_t bits = netmask(task_.ingress), network = as_mark(task_.ingress.first());
    rule("egress").load_meta(NFT_META_MARK).mask(raw_bytes(bits)).compare(raw_bytes(network));
    writer().load_meta(NFT_META_MARK);
    writer().store_packet(NFT_PAYLOAD_LL_HEADER, kDestinationEnd, 4);
    end_rule();
    return finish();
  }

 private:
  static constexpr uint32_t kZero = 0;

  static uint16_t nft(uint16_t type) { return uint16_t(NFNL_SUBSYS_NFTABLES << 8 | type); }
  nlmsghdr* message(uint16_t type, uint16_t flags) {
    return messages_.add(nft(type), flags,
                         nfgenmsg{.nfgen_family = family_, .version = NFNETLINK_V0, .res_id = 0});
  }
  void begin(uint8_t family) {
    messages_ = Messages();
    family_ = family;
    messages_.add(NFNL_MSG_BATCH_BEGIN, 0,
                  nfgenmsg{.nfgen_family = AF_UNSPEC,
                           .version = NFNETLINK_V0,
                           .res_id = htons(NFNL_SUBSYS_NFTABLES)});
  }
  Messages finish() {
    messages_.add(NFNL_MSG_BATCH_END, 0,
                  nfgenmsg{.nfgen_family = AF_UNSPEC,
                           .version = NFNETLINK_V0,
                           .res_id = htons(NFNL_SUBSYS_NFTABLES)});
    return std::move(messages_);
  }
  // Made first, so that the removal finds one.
  void replace_table() {
    const auto table = [&](uint16_t type, uint16_t flags) {
      mnl_attr_put_strz(message(type, flags), NFTA_TABLE_NAME, kTable);
    };
    table(NFT_MSG_NEWTABLE, NLM_F_CREATE | NLM_F_ACK);
    table(NFT_MSG_DELTABLE, NLM_F_ACK);
    table(NFT_MSG_NEWTABLE, NLM_F_CREATE | NLM_F_ACK);
  }
  void chain(const char* name, const char* type, uint32_t hook, int32_t priority,
             const std::string& device = {}) {
    nlmsghdr* m = message(NFT_MSG_NEWCHAIN, NLM_F_CREATE | NLM_F_ACK);
    mnl_attr_put_strz(m, NFTA_CHAIN_TABLE, kTable);
    mnl_attr_put_strz(m, NFTA_CHAIN_NAME, name);
    mnl_attr_put_strz(m, NFTA_CHAIN_TYPE, type);
    const Nested at(m, NFTA_CHAIN_HOOK);
    mnl_attr_put_u32(m, NFTA_HOOK_HOOKNUM, htonl(hook));
    mnl_attr_put_u32(m, NFTA_HOOK_PRIORITY, htonl(uint32_t(priority)));
    if (!device.empty()) mnl_attr_put_strz(m, NFTA_HOOK_DEV, device.c_str());
  }
  RuleWriter rule(const char* chain) {
    rule_ = message(NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND | NLM_F_ACK);
    mnl_attr_put_strz(rule_, NFTA_RULE_TABLE, kTable);
    mnl_attr_put_strz(rule_, NFTA_RULE_CHAIN, chain);
    expressions_ = mnl_attr_nest_start(rule_, NFTA_RULE_EXPRESSIONS);
    return writer();
  }
  RuleWriter writer() { return RuleWriter(rule_); }
  void end_rule() { mnl_attr_nest_end(rule_, expressions_); }

  // What came from somebody outside through a node, not from the ingress network itself.
  RuleWriter from_clients(const char* chain) {
    rule(chain).from_link(task_.link);
    writer().load_meta(NFT_META_NFPROTO).compare(raw_bytes(uint8_t(NFPROTO_IPV4)));
    const uint32_t bits = netmask(task_.ingress);
    writer().load_packet(NFT_PAYLOAD_NETWORK_HEADER, kSourceAddressV4, 4).mask(raw_bytes(bits));
    writer().compare(task_.ingress.first().bytes(), true);
    return writer();
  }
  void mark_from_flow() {
    writer().load_flow(NFT_CT_MARK).compare(raw_bytes(kZero), true);
    writer().load_flow(NFT_CT_MARK).store_meta(NFT_META_MARK);
  }

  const MeshTask& task_;
  Messages messages_;
  uint8_t family_ = 0;
  nlmsghdr* rule_ = nullptr;
  nlattr* expressions_ = nullptr;
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
  MeshRules rules(task);
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
