#include "api/networks/networks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "netdriver/testing.h"

namespace shoal::api {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;

// Keeps the one whole answer that these handlers give.
class Answer final : public Responder {
 public:
  void header(std::string, std::string) override {}
  void reply(Response response) override { response_ = std::move(response); }
  os::Co<Result<void>> start(Response) override { co_return Result<void>{}; }
  os::Co<Result<void>> write(std::string) override { co_return Result<void>{}; }
  os::Co<Result<Hijacked*>> hijack(std::string) override {
    co_return unimplemented("no connection");
  }
  os::Co<Result<void>> reserve(size_t) override { co_return Result<void>{}; }
  bool started() const override { return false; }
  const Response& response() const { return response_; }

 private:
  Response response_;
};

class NetworksTest : public ::testing::Test {
 protected:
  NetworksTest() {
    EXPECT_TRUE(control_.run(control_.network.start({})));
    networks_.add_routes(router_);
  }

  Result<json> ask(std::string method, std::string path, Fields query = {}) {
    Request request{.method = method, .target = path, .path = path, .query = std::move(query)};
    Answer answer;
    const auto handled = control_.run(router_.handle(request, answer));
    if (!handled) return std::unexpected(handled.error());
    return json::parse(answer.response().body);
  }

  std::vector<std::string> names(const std::string& filters) {
    const auto listed = ask("GET", "/networks", {{"filters", filters}});
    std::vector<std::string> found;
    if (!listed) return {listed.error().message};
    for (const auto& network : *listed) found.push_back(network["Name"]);
    return found;
  }

  netdriver::testing::Host host_;
  netdriver::testing::Control control_{host_};
  NetworksApi networks_{control_.network, "node-1", Time{1}};
  Router router_{"Shoal/test (linux)"};
};

TEST_F(NetworksTest, ListsWhatEveryNodeHas) {
  EXPECT_THAT(names(""), ElementsAre("bridge", "host", "none"));
}

TEST_F(NetworksTest, FiltersAsDockerDoes) {
  EXPECT_THAT(names(R"({"driver":["bridge"]})"), ElementsAre("bridge"));
  EXPECT_THAT(names(R"({"name":["o"]})"), ElementsAre("host", "none"));
  EXPECT_THAT(names(R"({"driver":["host","null"],"scope":["local"]})"),
              ElementsAre("host", "none"));
  EXPECT_THAT(names(R"({"scope":["swarm"]})"), ElementsAre());
  EXPECT_THAT(names(R"({"type":["custom"]})"), ElementsAre());
  EXPECT_THAT(names(R"({"dangling":["true"]})"), ElementsAre());
  EXPECT_THAT(names(R"({"label":["x"]})"), ElementsAre());
  EXPECT_THAT(names(R"({"type":["x"]})"), ElementsAre("invalid filter: 'type'='x'"));
}

TEST_F(NetworksTest, ShowsTheBridgeWithItsContainers) {
  auto web = control_.run(
      control_.network.connect({.container_id = "0123456789abcdef", .container_name = "web"}));
  ASSERT_TRUE(web);
  const auto bridge = ask("GET", "/networks/bridge");
  ASSERT_TRUE(bridge);
  EXPECT_EQ((*bridge)["Id"], networks_.id_of("bridge"));
  EXPECT_EQ((*bridge)["IPAM"]["Config"],
            json::parse(R"([{"Subnet":"172.17.0.0/16","Gateway":"172.17.0.1"}])"));
  EXPECT_EQ((*bridge)["Options"]["com.docker.network.bridge.name"], "shoal0");
  EXPECT_EQ((*bridge)["Containers"]["0123456789abcdef"], (json{{"Name", "web"},
                                                               {"EndpointID", web->endpoint_id},
                                                               {"MacAddress", "02:42:ac:11:00:02"},
                                                               {"IPv4Address", "172.17.0.2/16"},
                                                               {"IPv6Address", ""}}));
}

TEST_F(NetworksTest, FindsByIdAndByItsBeginning) {
  const auto id = networks_.id_of("none");
  EXPECT_EQ(id.size(), 64u);
  EXPECT_EQ((*ask("GET", "/networks/" + id))["Driver"], "null");
  EXPECT_EQ((*ask("GET", "/networks/" + id.substr(0, 12)))["Name"], "none");
  EXPECT_EQ(ask("GET", "/networks/nothing").error().code, ErrorCode::NotFound);
  EXPECT_EQ(ask("GET", "/networks/none", {{"scope", "swarm"}}).error().code, ErrorCode::NotFound);
}

TEST_F(NetworksTest, RefusesToRemoveThemAndSaysWhatIsNotThere) {
  const auto removed = ask("DELETE", "/networks/bridge");
  EXPECT_EQ(removed.error().code, ErrorCode::PermissionDenied);
  EXPECT_EQ(removed.error().message, "bridge is a pre-defined network and cannot be removed");
  EXPECT_EQ(ask("DELETE", "/networks/nothing").error().code, ErrorCode::NotFound);
  const auto created = ask("POST", "/networks/create");
  EXPECT_EQ(created.error().code, ErrorCode::Unimplemented);
  EXPECT_EQ(created.error().message,
            "creating networks is not supported by this version of Shoal yet");
  EXPECT_EQ((*ask("POST", "/networks/prune"))["NetworksDeleted"], json::array());
}

}  // namespace
}  // namespace shoal::api
