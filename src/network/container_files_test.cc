#include "network/container_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace shoal::network {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(ResolvConf, ReadsWhatMakesSense) {
  const auto conf = parse_resolv_conf(
      "# a comment\n; another\nnameserver 10.0.0.53\r\n  nameserver\t10.0.0.54  # near\n"
      "nameserver\ndomain old.example\nsearch a.example b.example\noptions ndots:5\noptions "
      "rotate");
  EXPECT_THAT(conf.servers, ElementsAre("10.0.0.53", "10.0.0.54"));
  EXPECT_THAT(conf.search, ElementsAre("a.example", "b.example"));
  EXPECT_THAT(conf.options, ElementsAre("ndots:5", "rotate"));
}

TEST(ResolvConf, LeavesOutServersThatOnlyTheHostReaches) {
  const auto* host =
      "nameserver 127.0.0.53\nnameserver ::1\nnameserver fe80::1\nnameserver fd00::53\n"
      "nameserver 10.0.0.53\nnameserver nonsense\nsearch example\n";
  EXPECT_EQ(resolv_conf_text(host, {}, false), "nameserver 10.0.0.53\nsearch example\n");
  EXPECT_EQ(resolv_conf_text(host, {}, true),
            "nameserver fd00::53\nnameserver 10.0.0.53\nsearch example\n");
}

TEST(ResolvConf, FallsBackWhenNoneIsLeft) {
  EXPECT_EQ(resolv_conf_text("nameserver 127.0.0.53\n", {}, false),
            "nameserver 8.8.8.8\nnameserver 8.8.4.4\n");
  EXPECT_EQ(resolv_conf_text("", {}, false), "nameserver 8.8.8.8\nnameserver 8.8.4.4\n");
}

TEST(ResolvConf, TakesWhatTheUserAsksForInstead) {
  const DnsRequest request{{"127.0.0.1"}, {"."}, {"ndots:1"}};
  EXPECT_EQ(
      resolv_conf_text("nameserver 10.0.0.53\nsearch example\noptions rotate\n", request, false),
      "nameserver 127.0.0.1\noptions ndots:1\n");
  EXPECT_EQ(host_resolv_conf_text("nameserver 127.0.0.53\nsearch example\n", {}),
            "nameserver 127.0.0.53\nsearch example\n");
}

TEST(ResolvConf, WithAResponderItIsTheOnlyServer) {
  const auto* host = "nameserver 127.0.0.53\nsearch corp.example\noptions edns0 trust-ad\n";
  EXPECT_EQ(responder_resolv_conf_text(host, {}),
            "nameserver 127.0.0.11\nsearch corp.example\noptions edns0 trust-ad ndots:0\n");
  EXPECT_EQ(responder_resolv_conf_text(host, {{"1.1.1.1"}, {"a", "b"}, {"ndots:2", "rotate"}}),
            "nameserver 127.0.0.11\nsearch a b\noptions ndots:2 rotate\n");
  EXPECT_EQ(responder_resolv_conf_text("", {{}, {"."}, {}}),
            "nameserver 127.0.0.11\noptions ndots:0\n");
}

// As "address", with a '!' behind those that are asked from inside.
std::vector<std::string> servers(const DnsUpstreams& upstreams) {
  std::vector<std::string> texts;
  for (const auto& server : upstreams.servers) {
    EXPECT_EQ(server.port, 53);
    texts.push_back(server.address.str() + (server.inside ? "!" : ""));
  }
  return texts;
}

TEST(ResolvConf, AResponderAsksTheHostsServersFromTheHost) {
  EXPECT_THAT(servers(dns_upstreams("nameserver 127.0.0.53\nnameserver fe80::1%eth0\n"
                                    "nameserver fd00::53\nnameserver 10.0.0.53\n"
                                    "nameserver 10.0.0.54\n",
                                    {})),
              ElementsAre("127.0.0.53", "fd00::53", "10.0.0.53"));
  EXPECT_THAT(servers(dns_upstreams("nameserver nonsense\n", {})),
              ElementsAre("8.8.8.8", "8.8.4.4"));
}

TEST(ResolvConf, AResponderAsksTheUsersServersFromInside) {
  const auto* host = "nameserver 10.0.0.53\n";
  EXPECT_THAT(servers(dns_upstreams(host, {{"10.0.1.9", "127.0.0.1"}, {}, {}})),
              ElementsAre("10.0.1.9!", "127.0.0.1!"));
  // Itself is not asked, and nobody is asked instead.
  EXPECT_THAT(servers(dns_upstreams(host, {{"127.0.0.11"}, {}, {}})), ElementsAre());
}

TEST(ResolvConf, AResponderIsToldWhetherShortNamesGoOut) {
  EXPECT_FALSE(dns_upstreams("options edns0\n", {}).qualifies);
  EXPECT_TRUE(dns_upstreams("options ndots:1\n", {}).qualifies);
  EXPECT_FALSE(dns_upstreams("options ndots:1\n", {{}, {}, {"ndots:0"}}).qualifies);
  EXPECT_FALSE(dns_upstreams("options ndots:x ndots:\n", {}).qualifies);
}

TEST(Hosts, NamesLoopbackExtrasAndTheContainer) {
  const auto text =
      hosts_text("web", "example", {IpAddress::v4(172, 17, 0, 2)}, {{"10.0.0.9", "db"}});
  EXPECT_THAT(text, ::testing::StartsWith("127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost "));
  EXPECT_THAT(text, ::testing::EndsWith("10.0.0.9\tdb\n172.17.0.2\tweb.example web\n"));
  EXPECT_THAT(hosts_text("web", "", {}, {}), ::testing::EndsWith("ff02::2\tip6-allrouters\n"));
}

}  // namespace
}  // namespace shoal::network
