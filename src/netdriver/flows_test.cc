#include "netdriver/flows.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "netdriver/flow_testing.h"
#include "netdriver/testing.h"

namespace shoal::netdriver {
namespace {

using network::Flow;
using network::IpAddress;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAreArray;
using enum network::PortProtocol;

IpAddress ip(std::string_view text) {
  return *IpAddress::parse(text);
}

Flow flow(std::string_view client, std::string_view asked, std::string_view server,
          network::PortProtocol protocol, uint16_t port = 80) {
  return {.client = ip(client),
          .asked = ip(asked),
          .asked_port = port,
          .server = ip(server),
          .server_port = uint16_t(port + 8000),
          .protocol = protocol};
}

std::string text_of(const Flow& flow) {
  return fmt::format("{} asks {}:{}/{}, {}:{} answers", flow.client.str(), flow.asked.str(),
                     flow.asked_port, flow.protocol ? network::to_text(*flow.protocol) : "other",
                     flow.server.str(), flow.server_port);
}

class FlowsTest : public ::testing::Test {
 protected:
  FlowsTest() {
    uint16_t client_port = 40'000;
    for (const auto& one : all_) testing::begin_flows({{one, client_port++}});
  }

  std::vector<std::string> left() {
    std::vector<std::string> found;
    const auto looked = flows_.end_if([&](const Flow& one) {
      found.push_back(text_of(one));
      return false;
    });
    EXPECT_TRUE(looked) << looked.error().message;
    return found;
  }

  // What is left is exactly what no filter matches.
  void end_and_expect_the_rest(const std::vector<FlowFilter>& filters) {
    const auto ended = flows_.end(filters);
    ASSERT_TRUE(ended) << ended.error().message;
    std::vector<std::string> rest;
    for (const auto& one : all_) {
      const auto hits = [&](const FlowFilter& filter) { return network::matches(one, filter); };
      if (std::ranges::none_of(filters, hits)) rest.push_back(text_of(one));
    }
    ASSERT_LT(rest.size(), all_.size());
    EXPECT_THAT(left(), UnorderedElementsAreArray(rest));
  }

  testing::Host host_;
  Flows flows_ = *Flows::open();
  const std::vector<Flow> all_{
      flow("10.0.1.9", "10.0.1.5", "10.0.1.21", Tcp),
      flow("10.0.1.9", "10.0.1.5", "10.0.1.21", Udp),
      flow("10.0.1.9", "10.0.1.5", "10.0.1.22", Udp),
      flow("10.0.1.8", "10.0.1.6", "10.0.1.21", Udp),
      flow("10.0.1.8", "10.0.1.6", "10.0.1.21", Udp, 81),
      flow("10.0.1.8", "10.0.1.21", "10.0.1.21", Udp, 81),
      flow("fd00:1::9", "fd00:1::5", "fd00:1::21", Udp),
      flow("fd00:1::8", "fd00:1::5", "fd00:1::22", Udp),
  };
};

TEST_F(FlowsTest, EndsAServersFlows) {
  end_and_expect_the_rest({{.server = ip("10.0.1.21")}});
}

TEST_F(FlowsTest, EndsAClientsFlows) {
  end_and_expect_the_rest({{.client = ip("10.0.1.8")}});
}

TEST_F(FlowsTest, EndsTheDatagramsOfOneBackendOfOneService) {
  end_and_expect_the_rest({{.server = ip("10.0.1.21"), .asked = ip("10.0.1.5"), .protocol = Udp}});
}

TEST_F(FlowsTest, EndsWhatGoesToOnePort) {
  end_and_expect_the_rest(
      {{.server = ip("10.0.1.21"), .protocol = Udp, .server_port = uint16_t(8081)}});
}

TEST_F(FlowsTest, EndsWhatAskedOnePortAtAnyAddress) {
  end_and_expect_the_rest({{.protocol = Udp, .asked_port = uint16_t(81)}});
}

TEST_F(FlowsTest, EndsTheDatagramsOfOneIpv6BackendOfOneService) {
  end_and_expect_the_rest(
      {{.server = ip("fd00:1::21"), .asked = ip("fd00:1::5"), .protocol = Udp}});
}

TEST_F(FlowsTest, EndsAnIpv6ServersFlows) {
  end_and_expect_the_rest({{.server = ip("fd00:1::21")}});
}

TEST_F(FlowsTest, EndsWhatOneOfSeveralFiltersMatches) {
  end_and_expect_the_rest({{.server = ip("10.0.1.22")}, {.client = ip("10.0.1.8")}});
}

// More than the kernel is asked to look for by itself.
TEST_F(FlowsTest, EndsWhatOneOfManyFiltersMatches) {
  std::vector<FlowFilter> filters{{.server = ip("10.0.1.22")}, {.client = ip("fd00:1::8")}};
  for (uint8_t i = 100; i < 150; ++i) filters.push_back({.server = IpAddress::v4(10, 0, 1, i)});
  end_and_expect_the_rest(filters);
}

TEST_F(FlowsTest, EndsTheFlowsThatThePredicateNames) {
  ASSERT_TRUE(flows_.end_if([](const Flow& one) { return one.protocol == Udp; }));
  EXPECT_THAT(left(), ElementsAre(text_of(all_[0])));
  ASSERT_TRUE(flows_.end_if([](const Flow&) { return true; }));
  EXPECT_THAT(left(), IsEmpty());
  ASSERT_TRUE(flows_.end_if([](const Flow&) { return true; }));
}

TEST_F(FlowsTest, EndsNothingWithoutAFilter) {
  ASSERT_TRUE(flows_.end(std::vector<FlowFilter>{}));
  EXPECT_THAT(left(), SizeIs(all_.size()));
}

}  // namespace
}  // namespace shoal::netdriver
