// Containers that clients connect to networks by hand, and that are created on them.
#include "api/networks/networks_fixture.h"

namespace shoal::api {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

using NetworkConnections = NetworksFixture;

TEST_F(NetworkConnections, ConnectingSaysWhyItCannotBe) {
  add("front");
  add("open", [](model::Network& network) { network.spec.attachable = true; });
  const auto connect = [&](std::string_view network, std::string_view body) {
    return post(fmt::format("/networks/{}/connect", network), std::string(body));
  };
  const struct {
    std::string_view network;
    std::string_view body;
    int status;
    std::string_view message;
  } kCases[] = {
      {"front", "", 400, "got EOF"},
      {"front", "{}", 400, "invalid name or ID supplied: \"\""},
      {"front", R"({"Container":"x"})", 404, "No such container: x"},
      {"nope", R"({"Container":"c1"})", 404, "network nope not found"},
      {"front", R"({"Container":"c1"})", 403, "network front not manually attachable"},
      {"ingress", R"({"Container":"c1"})", 403, "network ingress not manually attachable"},
      {"bridge", R"({"Container":"c1","EndpointConfig":{"Links":["a"]}})", 501, "links"},
      {"bridge", R"({"Container":"c1","EndpointConfig":{"MacAddress":"02:42:00:00:00:01"}})", 501,
       "MAC address"},
      {"bridge", R"({"Container":"c1","EndpointConfig":{"IPAMConfig":{"IPv6Address":"::1"}}})", 501,
       "IPv6 address"},
  };
  for (const auto& one : kCases) {
    const Answer answer = connect(one.network, one.body);
    EXPECT_EQ(answer.status, one.status) << one.network << one.body;
    EXPECT_THAT(message(answer), HasSubstr(one.message));
  }
  EXPECT_EQ(post("/networks/bridge/disconnect", R"({"Container":"x"})").status, 404);
  EXPECT_THAT(told_, IsEmpty());
  EXPECT_EQ(post("/networks/open/connect", R"({"Container":"c1"})").status, 200);
  EXPECT_THAT(told_, ElementsAre(HasSubstr("joins open")));
}

TEST_F(NetworkConnections, ANewContainerIsToldWhyItCannotBeOnTheSwarmsNetworks) {
  add("front");
  add("open", [](model::Network& network) { network.spec.attachable = true; });
  const auto why = [this](std::string name) {
    model::ContainerConfig config;
    config.network_mode = std::move(name);
    const auto resolved = node_.resolve(config);
    return resolved ? std::string("resolved") : resolved.error().message;
  };
  EXPECT_THAT(why("front"), HasSubstr("network front not manually attachable"));
  EXPECT_EQ(why("open"), "resolved");  // By its manager, when it starts.
  EXPECT_EQ(why("nope"), "network nope not found");
  EXPECT_EQ(why("none"), "resolved");
}

TEST_F(NetworkConnections, ContainersJoinAndLeaveByHand) {
  EXPECT_EQ(post("/networks/bridge/connect", R"({"Container":"c1"})").status, 200);
  EXPECT_EQ(post("/networks/bridge/connect",
                 R"({"Container":"c1","EndpointConfig":{"Aliases":["a","b"],
                     "IPAMConfig":{"IPv4Address":"10.1.0.9"}}})")
                .status,
            200);
  EXPECT_EQ(post("/networks/bridge/disconnect", R"({"Container":"c1","Force":true})").status, 200);
  EXPECT_EQ(post("/networks/gone/disconnect", R"({"Container":"c1"})").status, 200);
  EXPECT_THAT(told_,
              ElementsAre("c1-id joins bridge as 0 at ", "c1-id joins bridge as 2 at 10.1.0.9",
                          "c1-id leaves bridge", "c1-id leaves gone"));
}

// --- bridges that users make

}  // namespace
}  // namespace shoal::api
