#include "network/dns.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace shoal::network {
namespace {

using model::NetworkId;
using model::ResolutionMode;
using model::ServiceId;
using model::TaskId;
using ::testing::HasSubstr;

const auto kNet = NetworkId::of("n1");
const auto kWeb = ServiceId::of("s1");
const auto kMany = ServiceId::of("s2");

// "12 34 ff" as bytes; what is between quotes stands for itself: "03'web'00".
std::string bytes(std::string_view text) {
  std::string all;
  for (size_t at = 0; at < text.size();) {
    if (text[at] == ' ') {
      ++at;
    } else if (text[at] == '\'') {
      const auto end = text.find('\'', at + 1);
      all += text.substr(at + 1, end - at - 1);
      at = end + 1;
    } else {
      all += char(std::stoi(std::string(text.substr(at, 2)), nullptr, 16));
      at += 2;
    }
  }
  return all;
}

std::string hex(std::string_view packet) {
  std::string text;
  for (const char c : packet) text += fmt::format("{:02x}", uint8_t(c));
  return text;
}

// The question's name as it is in a packet.
std::string wire(const std::string& name) {
  std::string all;
  for (size_t at = 0; at < name.size();) {
    const auto dot = std::min(name.find('.', at), name.size());
    all += char(dot - at) + name.substr(at, dot - at);
    at = dot + 1;
  }
  return all + '\0';
}

const auto kHeader = bytes("1234 0100 0001 0000 0000 0000");

std::string query(const std::string& name, uint16_t type, const std::string& header = kHeader) {
  return header + wire(name) + char(type >> 8) + char(type) + bytes("0001");
}

std::string with_edns(std::string packet, const std::string& opt) {
  packet[11] = 1;
  return packet + bytes(opt);
}

class DnsTest : public ::testing::Test {
 protected:
  DnsTest() {
    asker_.names.networks = {kNet};
    table_.put_network(kNet, "front");
    table_.put_service(kNet, kWeb, {"web", {}, ResolutionMode::Vip, {IpAddress::v4(10, 0, 1, 2)}});
    table_.put_endpoint(kNet, TaskId::of("t1"),
                        {kWeb, {"web.1.t1"}, {IpAddress::v4(10, 0, 1, 11)}, true});
    table_.put_service(kNet, kMany, {"many", {}, ResolutionMode::Dnsrr, {}});
  }

  // `count` endpoints of "many".
  void crowd(size_t count) {
    for (size_t i = 0; i < count; ++i) {
      const auto id = fmt::format("m{}", i);
      table_.put_endpoint(kNet, TaskId::of(id),
                          {kMany, {"many." + id}, {IpAddress::v4(10, 2, 0, 0).plus(i)}, true});
    }
  }
  DnsOutcome ask(const std::string& packet, DnsTransport transport = DnsTransport::Udp) {
    return answer_dns(packet, transport, asker_, table_, rng_);
  }
  std::string answer(const std::string& packet, DnsTransport transport = DnsTransport::Udp) {
    const auto outcome = ask(packet, transport);
    const auto* given = std::get_if<DnsAnswer>(&outcome);
    return given ? given->packet : "none";
  }
  bool forwards(const std::string& packet) {
    return std::holds_alternative<DnsForward>(ask(packet));
  }
  bool ignores(const std::string& packet) { return std::holds_alternative<DnsIgnore>(ask(packet)); }
  DnsRcode rcode(const std::string& packet) { return dns_rcode(answer(packet)); }

  NameTable table_;
  DnsAsker asker_;
  Rng rng_{7};
};

size_t count_at(const std::string& packet, size_t at) {
  return size_t(uint8_t(packet[at])) << 8 | uint8_t(packet[at + 1]);
}
size_t answers_in(const std::string& packet) {
  return count_at(packet, 6);
}
bool is_cut(const std::string& packet) {
  return (packet[2] & 2) != 0;
}

TEST_F(DnsTest, AnAddressByteForByte) {
  EXPECT_EQ(hex(answer(query("web", kDnsTypeA))),
            hex(bytes("1234 8580 0001 0001 0000 0000 03'web'00 0001 0001"
                      "c00c 0001 0001 00000000 0004 0a000102")));
}

TEST_F(DnsTest, TheQuestionComesBackAsItWasAsked) {
  EXPECT_EQ(hex(answer(query("WeB.Front", kDnsTypeA))),
            hex(bytes("1234 8580 0001 0001 0000 0000 03'WeB'05'Front'00 0001 0001"
                      "c00c 0001 0001 00000000 0004 0a000102")));
}

TEST_F(DnsTest, AnotherFamilyOrTypeOfAKnownNameIsNoData) {
  for (const uint16_t type : {uint16_t{28}, uint16_t{15}, uint16_t{16}, uint16_t{65}}) {
    EXPECT_EQ(hex(answer(query("web", type))),
              hex(bytes("1234 8580 0001 0000 0000 0000 03'web'00 00") + char(type) + bytes("0001")))
        << type;
  }
}

TEST_F(DnsTest, AnAddressOfTheOtherFamily) {
  table_.put_service(kNet, kWeb, {"web", {}, ResolutionMode::Vip, {*IpAddress::parse("fd00::2")}});
  EXPECT_EQ(hex(answer(query("web", kDnsTypeAaaa))),
            hex(bytes("1234 8580 0001 0001 0000 0000 03'web'00 001c 0001"
                      "c00c 001c 0001 00000000 0010 fd000000000000000000000000000002")));
}

TEST_F(DnsTest, AnAddressIsTurnedIntoAName) {
  EXPECT_EQ(hex(answer(query("11.1.0.10.in-addr.arpa", kDnsTypePtr))),
            hex(bytes("1234 8580 0001 0001 0000 0000"
                      "02'11'01'1'01'0'02'10'07'in-addr'04'arpa'00 000c 0001"
                      "c00c 000c 0001 00000000 0010 03'web'01'1'02't1'05'front'00")));
  EXPECT_TRUE(forwards(query("1.1.1.1.in-addr.arpa", kDnsTypePtr)));
  EXPECT_TRUE(forwards(query("1.0.10.in-addr.arpa", kDnsTypePtr)));
}

TEST_F(DnsTest, ReverseNames) {
  EXPECT_EQ(address_in_reverse_name("4.3.2.1.IN-ADDR.arpa.")->str(), "1.2.3.4");
  EXPECT_EQ(address_in_reverse_name(
                "2.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.d.F.ip6.arpa")
                ->str(),
            "fd00::2");
  for (const auto* name :
       {"5.4.3.2.1.in-addr.arpa", "256.3.2.1.in-addr.arpa", "in-addr.arpa", "x.3.2.1.in-addr.arpa",
        "2.1.in-addr.arpa", "1.2.3.4", "",
        "10.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.d.f.ip6.arpa",
        "0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.d.f.ip6.arpa"}) {
    EXPECT_FALSE(address_in_reverse_name(name)) << name;
  }
}

TEST_F(DnsTest, WhoHasAPort) {
  EXPECT_EQ(hex(answer(query("_80._tcp.web", kDnsTypeSrv))),
            hex(bytes("1234 8580 0001 0001 0000 0001 03'_80'04'_tcp'03'web'00 0021 0001"
                      "c00c 0021 0001 00000000 0011 0000 0000 0050 03'web'05'front'00"
                      "03'web'05'front'00 0001 0001 00000000 0004 0a000102")));
  EXPECT_EQ(rcode(query("_http._tcp.web", kDnsTypeSrv)), DnsRcode::NoSuchName);
  EXPECT_TRUE(forwards(query("_ldap._tcp.example.com", kDnsTypeSrv)));
  EXPECT_EQ(answers_in(answer(query("web", kDnsTypeSrv))), 0u);
}

TEST_F(DnsTest, WhatIsNotKnownGoesOutside) {
  EXPECT_TRUE(forwards(query("example.com", kDnsTypeA)));
  EXPECT_TRUE(forwards(query("nobody", kDnsTypeA)));
  EXPECT_TRUE(forwards(query("", 2)));
  EXPECT_TRUE(forwards(query("example.com", 16)));
  EXPECT_TRUE(forwards(kHeader + bytes("04'a.bc'03'web'00 0001 0001")));  // A dot in a label.
}

TEST_F(DnsTest, WhatIsNotKnownFailsWhereThereIsNoWayOut) {
  asker_.forwards = false;
  EXPECT_EQ(hex(answer(query("nobody", kDnsTypeA))),
            hex(bytes("1234 8182 0001 0000 0000 0000 06'nobody'00 0001 0001")));
  EXPECT_EQ(rcode(query("web", kDnsTypeA)), DnsRcode::NoError);
}

TEST_F(DnsTest, WithNdotsAShortNameDoesNotGoOutside) {
  asker_.qualifies = true;
  EXPECT_EQ(rcode(query("nobody", kDnsTypeA)), DnsRcode::NoSuchName);
  EXPECT_EQ(rcode(query("nobody", kDnsTypeAaaa)), DnsRcode::NoSuchName);
  EXPECT_TRUE(forwards(query("nobody", 15)));
  EXPECT_TRUE(forwards(query("nobody.example", kDnsTypeA)));
}

TEST_F(DnsTest, OtherOperationsAndClassesAreRefused) {
  EXPECT_EQ(rcode(query("web", 6, bytes("1234 2800 0001 0000 0000 0000"))),  // An update.
            DnsRcode::NotImplemented);
  EXPECT_EQ(rcode(kHeader + wire("version.bind") + bytes("0010 0003")), DnsRcode::Refused);
  EXPECT_EQ(rcode(query("example.com", kDnsTypeAxfr)), DnsRcode::Refused);
  EXPECT_EQ(rcode(query("example.com", kDnsTypeIxfr)), DnsRcode::Refused);
  EXPECT_EQ(answers_in(answer(query("web", kDnsTypeAny))), 1u);
}

TEST_F(DnsTest, EdnsIsAnsweredWithEdns) {
  const auto plain = query("web", kDnsTypeAaaa);
  EXPECT_EQ(hex(answer(with_edns(plain, "00 0029 1000 00 00 8000 0000"))),  // DO is set.
            hex(bytes("1234 8580 0001 0000 0000 0001 03'web'00 001c 0001"
                      "00 0029 1000 00 00 8000 0000")));
  EXPECT_EQ(hex(answer(with_edns(plain, "00 0029 1000 00 01 0000 0000"))),  // Version 1.
            hex(bytes("1234 8180 0001 0000 0000 0001 03'web'00 001c 0001"
                      "00 0029 1000 01 00 0000 0000")));
}

TEST_F(DnsTest, OverUdpALongAnswerIsCutOverTcpItIsWhole) {
  crowd(100);
  const auto udp = answer(query("many", kDnsTypeA));
  EXPECT_TRUE(is_cut(udp));
  EXPECT_LE(udp.size(), 512u);
  EXPECT_EQ(answers_in(udp), (512u - 12 - 10) / 16);
  const auto edns = answer(with_edns(query("many", kDnsTypeA), "00 0029 1000 00 00 0000 0000"));
  EXPECT_FALSE(is_cut(edns));
  EXPECT_EQ(answers_in(edns), 100u);
  const auto tcp = answer(query("many", kDnsTypeA), DnsTransport::Tcp);
  EXPECT_FALSE(is_cut(tcp));
  EXPECT_EQ(answers_in(tcp), 100u);
}

TEST_F(DnsTest, AnAnswerHasABound) {
  crowd(5000);
  const auto edns = answer(with_edns(query("many", kDnsTypeA), "00 0029 ffff 00 00 0000 0000"));
  EXPECT_TRUE(is_cut(edns));
  EXPECT_LE(edns.size(), kDnsDatagramMax);
  EXPECT_EQ(answers_in(answer(query("many", kDnsTypeA), DnsTransport::Tcp)), kDnsAddressesMax);
}

TEST_F(DnsTest, OfServicesTheAddressesAreLeftOutFirst) {
  crowd(9);
  const auto udp = answer(query("_80._tcp.many", kDnsTypeSrv));
  EXPECT_LE(udp.size(), 512u);
  EXPECT_EQ(answers_in(udp), 9u);
  EXPECT_LT(count_at(udp, 10), 9u);
  EXPECT_FALSE(is_cut(udp));
  crowd(40);
  EXPECT_TRUE(is_cut(answer(query("_80._tcp.many", kDnsTypeSrv))));
}

TEST_F(DnsTest, WhatIsNoQueryIsIgnored) {
  EXPECT_TRUE(ignores(""));
  EXPECT_TRUE(ignores(bytes("1234 0100 0001 0000 0000 00")));
  EXPECT_TRUE(ignores(query("web", kDnsTypeA, bytes("1234 8180 0001 0000 0000 0000"))));
  EXPECT_TRUE(ignores(bytes("1234 8100 0000 0000 0000 0000")));
}

TEST_F(DnsTest, DamagedQueriesAreAFormatError) {
  const auto whole = query("web", kDnsTypeA);
  std::vector<std::string> damaged;
  for (size_t size = kDnsHeaderBytes; size < whole.size(); ++size) {
    damaged.push_back(whole.substr(0, size));
  }
  damaged.push_back(bytes("1234 0100 0000 0000 0000 0000"));  // No question.
  damaged.push_back(bytes("1234 0100 0002 0000 0000 0000 00 0001 0001 00 0001 0001"));
  damaged.push_back(bytes("1234 0100 0001 0000 0000 0000 c00c 0001 0001"));  // Loops.
  damaged.push_back(bytes("1234 0100 0001 0000 0000 0000 03'web'c00c 0001 0001"));
  damaged.push_back(bytes("1234 0100 0001 0000 0000 0000 c000 0001 0001"));
  damaged.push_back(bytes("1234 0100 0001 0001 0000 0000 00 0001 0001 c011 0001 0001"));
  damaged.push_back(bytes("1234 0100 0001 0000 0000 0000 40'web'00 0001 0001"));  // Label type.
  damaged.push_back(kHeader +
                    wire(std::string(63, 'a') + "." + std::string(63, 'a') + "." +
                         std::string(63, 'a') + "." + std::string(63, 'a')) +
                    bytes("0001 0001"));  // 257 bytes.
  damaged.push_back(std::string(kHeader) + std::string(65000, '\x01'));
  for (const auto& packet : damaged) {
    EXPECT_EQ(hex(answer(packet)), "123481810000000000000000") << hex(packet.substr(0, 40));
  }
}

TEST_F(DnsTest, AnAnswerFromOutsideIsToTheQuery) {
  const auto asked = query("Example.com", kDnsTypeA);
  const auto reply = query("eXAMPLE.com", kDnsTypeA, bytes("1234 8180 0001 0001 0000 0000")) +
                     bytes("c00c 0001 0001 00000000 0004 01020304");
  EXPECT_TRUE(is_dns_reply_to(reply, asked));
  EXPECT_FALSE(is_dns_reply_to(asked, asked));
  EXPECT_FALSE(is_dns_reply_to(reply, query("example.org", kDnsTypeA)));
  EXPECT_FALSE(is_dns_reply_to(reply, query("example.com", kDnsTypeAaaa)));
  EXPECT_FALSE(is_dns_reply_to(reply.substr(0, 20), asked));
  EXPECT_TRUE(is_dns_reply_to(bytes("1234 8181 0000 0000 0000 0000"), asked));
  EXPECT_FALSE(is_dns_reply_to(bytes("1234 8180 0000 0000 0000 0000"), asked));
  EXPECT_FALSE(is_dns_reply_to("", asked));
  EXPECT_FALSE(is_dns_reply_to(reply, ""));
  auto other = reply;
  set_dns_id(other, 0x4321);
  EXPECT_EQ(dns_id(other), 0x4321);
  EXPECT_FALSE(is_dns_reply_to(other, asked));
}

TEST_F(DnsTest, AFailureSaysTheQuestion) {
  EXPECT_EQ(hex(dns_failure(query("example.com", kDnsTypeA))),
            hex(bytes("1234 8182 0001 0000 0000 0000 07'example'03'com'00 0001 0001")));
}

}  // namespace
}  // namespace shoal::network
