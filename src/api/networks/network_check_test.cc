// Shoal's own: the kernel is compared with the plan.
#include "api/networks/network_check.h"

#include <gmock/gmock.h>

#include "api/testing_swarm.h"

namespace shoal::api {
namespace {

using nlohmann::json;

constexpr const char* kCheckPath = "/shoal/v1/networks/check";

class NetworkChecks : public SwarmFixture {
 protected:
  NetworkChecks() { api_.add_routes(router_); }

  netdriver::NetworkCheck found_{.networks = 2};
  os::Co<netdriver::NetworkCheck> look() { co_return found_; }
  NetworkCheckApi api_{{.look = [this] { return look(); }, .found = [] { return uint64_t{7}; }}};
};

TEST_F(NetworkChecks, SayWhatWasFoundAndWhatCouldNotBeDone) {
  EXPECT_EQ(json::parse(post(kCheckPath, "").body),
            json::parse(R"({"Networks":2,"Differences":0,"Descriptions":[],"SinceStart":7})"));
  found_.note("network bridge: add chain nat_in");
  found_.fail("network n1: no memory");
  const Answer answer = post(kCheckPath, "");
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(json::parse(answer.body), json::parse(R"({"Networks":2,"Differences":1,
                            "Descriptions":["network bridge: add chain nat_in"],
                            "Failure":"network n1: no memory","SinceStart":7})"));
}

}  // namespace
}  // namespace shoal::api
