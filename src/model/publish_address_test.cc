#include "model/publish_address.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace shoal::model {
namespace {

using testing::HasSubstr;

ServiceSpec publishing(Labels labels) {
  ServiceSpec spec;
  spec.annotations.labels = std::move(labels);
  spec.endpoint.emplace();
  spec.endpoint->ports = {{.name = "", .target_port = 80, .published_port = 8080},
                          {.name = "",
                           .protocol = PortProtocol::Udp,
                           .target_port = 53,
                           .published_port = 53,
                           .mode = PublishMode::Host},
                          {.name = "", .target_port = 90}};
  return spec;
}

std::string refusal(std::string label, std::string value) {
  const auto read = publish_addresses(publishing({{std::move(label), std::move(value)}}));
  return read ? "accepted" : read.error().message;
}

TEST(PublishAddress, LabelsNamePortsAndTheirAddresses) {
  const auto read = publish_addresses(publishing({{"shoal.publish.8080/tcp.ip", "10.0.0.5"},
                                                  {"shoal.publish.53/udp.ip", "fd00::1"},
                                                  {"other", "x"}}));
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(*read, (std::vector<PublishAddress>{{53, PortProtocol::Udp, "fd00::1"},
                                                {8080, PortProtocol::Tcp, "10.0.0.5"}}));
}

TEST(PublishAddress, APortIsBoundByTheLabelOfItsNumberAndProtocol) {
  const Labels labels{{"shoal.publish.08080/tcp.ip", "10.0.0.5"},
                      {"shoal.publish.53/udp.ip", "fd00::1"},
                      {"shoal.publish.90/tcp.ip", "eth0"},
                      {"shoal.publish./tcp.ip", "10.0.0.6"},
                      {"zone", "10.0.0.7"}};
  const auto at = [&](uint32_t number, PortProtocol protocol) {
    return publish_address(labels, {.protocol = protocol, .published_port = number});
  };
  EXPECT_EQ(at(8080, PortProtocol::Tcp), "10.0.0.5");
  EXPECT_EQ(at(53, PortProtocol::Udp), "fd00::1");
  EXPECT_EQ(at(8080, PortProtocol::Udp), "");
  EXPECT_EQ(at(90, PortProtocol::Tcp), "");
  EXPECT_EQ(at(0, PortProtocol::Tcp), "");
}

TEST(PublishAddress, WhatIsNoPublishedPortOrNoAddressIsRefusedByTheLabelsName) {
  EXPECT_EQ(refusal("shoal.publish.8080/tcp.ip", "eth0"),
            R"(label "shoal.publish.8080/tcp.ip": "eth0" is no IP address)");
  EXPECT_THAT(refusal("shoal.publish.8080/tcp.ip", ""), HasSubstr("\"\" is no IP address"));
  EXPECT_THAT(refusal("shoal.publish.8080/tcp.ip", "10.0.0.5:80"), HasSubstr("is no IP address"));
  EXPECT_EQ(refusal("shoal.publish.8080/udp.ip", "10.0.0.5"),
            R"(label "shoal.publish.8080/udp.ip": the service does not publish port 8080/udp)");
  EXPECT_THAT(refusal("shoal.publish.0/tcp.ip", "10.0.0.5"), HasSubstr("does not publish"));
  for (const char* port : {"8080", "x/tcp", "8080/", "8080/xyz", "-1/tcp", "99999999999/tcp"}) {
    EXPECT_THAT(refusal(fmt::format("shoal.publish.{}.ip", port), "10.0.0.5"),
                HasSubstr("is no port with its protocol"))
        << port;
  }
}

TEST(PublishAddress, OtherLabelsAreNoneOfIts) {
  EXPECT_TRUE(is_publish_address("shoal.publish.8080/tcp.ip"));
  EXPECT_FALSE(is_publish_address("shoal.publish..ip"));
  EXPECT_FALSE(is_publish_address("shoal.publish.8080/tcp.address"));
  EXPECT_FALSE(is_publish_address("shoal.restart.backoff"));
}

}  // namespace
}  // namespace shoal::model
