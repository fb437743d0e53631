// Networks through the router: what clients see of them.
#include "api/networks/networks_fixture.h"

namespace shoal::api {
namespace {

using nlohmann::json;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

using Networks = NetworksFixture;

TEST_F(Networks, ThoseOfTheNodeAndOfTheSwarmAreListed) {
  EXPECT_THAT(names(get("/networks")), ElementsAre("bridge", "host", "none", "ingress"));
  backend_.store_now = nullptr;
  backend_.state_now = LocalNodeState::Inactive;
  EXPECT_THAT(names(get("/networks")), ElementsAre("bridge", "host", "none"));
}

TEST_F(Networks, FiltersAreDockers) {
  add("front", [](model::Network& network) { network.spec.annotations.labels["a"] = "b"; });
  add("back");
  add_service("web", "back");
  EXPECT_THAT(listed(R"({"driver":["bridge"]})"), ElementsAre("bridge"));
  EXPECT_THAT(listed(R"({"driver":["overlay"]})"),
              UnorderedElementsAre("ingress", "front", "back"));
  EXPECT_THAT(listed(R"({"name":["o"]})"), UnorderedElementsAre("host", "none", "front"));
  EXPECT_THAT(listed(R"({"name":["^fro"]})"), ElementsAre("front"));
  EXPECT_THAT(listed(R"({"id":["front-i"]})"), ElementsAre("front"));
  EXPECT_THAT(listed(R"({"driver":["host","null"],"scope":["local"]})"),
              ElementsAre("host", "none"));
  EXPECT_THAT(listed(R"({"scope":["swarm"]})"), UnorderedElementsAre("ingress", "front", "back"));
  EXPECT_THAT(listed(R"({"scope":["global"]})"), IsEmpty());
  EXPECT_THAT(listed(R"({"type":["builtin"]})"), ElementsAre("bridge", "host", "none"));
  EXPECT_THAT(listed(R"({"type":["custom"]})"), UnorderedElementsAre("ingress", "front", "back"));
  EXPECT_THAT(listed(R"({"label":["a"]})"), ElementsAre("front"));
  EXPECT_THAT(listed(R"({"label":["a=c"]})"), IsEmpty());
  EXPECT_THAT(listed(R"({"dangling":["true"]})"), ElementsAre("front"));
  EXPECT_THAT(listed(R"({"dangling":["0"],"scope":["swarm"]})"),
              UnorderedElementsAre("ingress", "back"));
}

TEST_F(Networks, FiltersThatCannotBeMeantAreRefused) {
  EXPECT_THAT(listed(R"({"type":["x"]})"), ElementsAre("invalid filter: 'type'='x'"));
  EXPECT_THAT(listed(R"({"dangling":["x"]})"),
              ElementsAre("invalid value for filter 'dangling', must be \"true\" (or \"1\"), or "
                          "\"false\" (or \"0\")"));
  EXPECT_THAT(listed(R"({"dangling":["true","false"]})"),
              ElementsAre("got more than one value for filter key \"dangling\""));
  EXPECT_THAT(listed(R"({"foo":["x"]})"), ElementsAre("invalid filter 'foo'"));
  EXPECT_EQ(filtered("/networks", "garbage").status, 400);
}

TEST_F(Networks, TheBridgeIsShownWithItsContainers) {
  const codec::NetworkContainer web{.name = "web",
                                    .endpoint_id = "e1",
                                    .mac = "02:42:ac:11:00:02",
                                    .ipv4 = "172.17.0.2/16",
                                    .ipv6 = {}};
  members_ = {{"0123456789abcdef", web}};
  const json bridge = shown("bridge");
  EXPECT_EQ(bridge["Id"], id_of("bridge"));
  EXPECT_EQ(bridge["Scope"], "local");
  EXPECT_EQ(bridge["IPAM"]["Config"],
            json::parse(R"([{"Subnet":"172.17.0.0/16","Gateway":"172.17.0.1"}])"));
  EXPECT_EQ(bridge["Options"]["com.docker.network.bridge.name"], "shoal0");
  EXPECT_EQ(bridge["Containers"]["0123456789abcdef"], (json{{"Name", "web"},
                                                            {"EndpointID", "e1"},
                                                            {"MacAddress", "02:42:ac:11:00:02"},
                                                            {"IPv4Address", "172.17.0.2/16"},
                                                            {"IPv6Address", ""}}));
  EXPECT_THAT(shown("host")["Containers"], IsEmpty());
}

TEST_F(Networks, AreFoundByIdByNameAndByTheBeginningOfTheId) {
  add("front");
  const std::string none = id_of("none");
  EXPECT_EQ(none.size(), 64u);
  EXPECT_EQ(shown(none)["Driver"], "null");
  EXPECT_EQ(shown(none.substr(0, 12))["Name"], "none");
  EXPECT_EQ(shown("front-id")["Name"], "front");
  EXPECT_EQ(shown("front-")["Name"], "front");
  EXPECT_EQ(shown("front")["Id"], "front-id");
  for (const char* path : {"/networks/nope", "/networks/FRONT", "/networks/front?scope=local",
                           "/networks/front?scope=foo", "/networks/none?scope=swarm"}) {
    EXPECT_EQ(get(path).status, 404) << path;
  }
  EXPECT_EQ(message(get("/networks/nope")), "network nope not found");
  EXPECT_EQ(get("/networks/front?scope=swarm").status, 200);
  add("front2");
  EXPECT_EQ(message(get("/networks/fro")),
            "network fro is ambiguous (2 matches found based on ID prefix)");
  EXPECT_EQ(get("/networks/fro").status, 400);
}

// The docker client asks for these two before it creates a service with `--network host`.
TEST_F(Networks, HostAndBridgeCanBeNamedByServices) {
  const Answer host = get("/networks/host?scope=swarm");
  EXPECT_EQ(host.status, 200);
  EXPECT_EQ(json::parse(host.body)["Id"], "host");
  EXPECT_EQ(json::parse(host.body)["Scope"], "swarm");
  EXPECT_EQ(json::parse(get("/networks/bridge?scope=swarm").body)["Driver"], "bridge");
  become_worker();
  EXPECT_EQ(get("/networks/host?scope=swarm").status, 404);
}

TEST_F(Networks, AWorkerShowsThoseThatItTakesPartIn) {
  become_worker();
  KnownNetwork front;
  front.view = {
      .id = model::NetworkId::of("front-id"),
      .name = "front",
      .vni = 4097,
      .ipam = {{.subnet = "10.0.1.0/24", .range = "", .gateway = "10.0.1.1", .auxiliary = {}}},
      .internal = true,
      .ingress = false,
      .options = {{"com.docker.network.driver.mtu", "1400"}}};
  front.containers["c"] = {"web.1.t", "e", "02:42:0a:00:01:03", "10.0.1.3/24", ""};
  known_ = {front};
  EXPECT_THAT(names(get("/networks")), ElementsAre("bridge", "host", "none", "front"));
  for (const char* ref : {"front", "front-id", "fro"}) {
    const json seen = shown(ref);
    EXPECT_EQ(seen["Scope"], "swarm") << ref;
    EXPECT_EQ(seen["Internal"], true);
    EXPECT_EQ(seen["IPAM"]["Config"][0]["Subnet"], "10.0.1.0/24");
    EXPECT_EQ(seen["Options"]["com.docker.network.driver.overlay.vxlanid_list"], "4097");
    EXPECT_EQ(seen["Containers"]["c"]["IPv4Address"], "10.0.1.3/24");
  }
  EXPECT_THAT(listed(R"({"dangling":["true"]})"), IsEmpty()) << "it has a container";
}

TEST_F(Networks, AManagerShowsItsOwnContainersAndThePeers) {
  add("front");
  add_service("web", "front");
  write([](store::WriteTx& tx) -> Result<void> {
    model::Node node = *tx.read().nodes().get(model::NodeId::of("n1"));
    node.status.address = "10.99.0.1";
    RETURN_IF_ERROR(tx.update(node));
    node = *tx.read().nodes().get(model::NodeId::of("n2"));
    node.status.address = "10.99.0.2";
    node.description.data_path_address = "10.88.0.2";
    return tx.update(node);
  });
  known_ = {{.view = {.id = model::NetworkId::of("front-id"), .name = "front"},
             .containers = {{"c", {"web.1.web-t1", "e", "m", "10.0.7.3/24", ""}}}}};
  const json seen = shown("front");
  EXPECT_EQ(seen["Containers"]["c"]["Name"], "web.1.web-t1");
  EXPECT_EQ(seen["Peers"],
            json::parse(R"([{"Name":"n1","IP":"10.99.0.1"},{"Name":"n2","IP":"10.88.0.2"}])"));
  EXPECT_FALSE(seen.contains("Services"));
  EXPECT_EQ(shown("ingress").contains("Peers"), false);

  const json services = json::parse(get("/networks/front?verbose=true").body)["Services"];
  EXPECT_EQ(services,
            json::parse(R"({"web":{"VIP":"10.0.7.2","Ports":[],"LocalLBIndex":0,"Tasks":[)"
                        R"({"Name":"web.1.web-t1","EndpointID":"web-t1","EndpointIP":"10.0.7.3",)"
                        R"("Info":{"Host IP":"10.99.0.1"}},{"Name":"web.2.web-t2",)"
                        R"("EndpointID":"web-t2","EndpointIP":"10.0.7.4","Info":{)"
                        R"("Host IP":"10.88.0.2"}}]}})"));
}

TEST_F(Networks, VerboseShowsOnlyTasksThatCanBeReached) {
  add("front");
  add_service("web", "front");
  write([](store::WriteTx& tx) -> Result<void> {
    model::Node node = *tx.read().nodes().get(model::NodeId::of("n2"));
    node.status.state = model::NodeState::Down;
    RETURN_IF_ERROR(tx.update(node));
    model::Task task = *tx.read().tasks().get(model::TaskId::of("web-t1"));
    task.status.state = model::TaskState::Failed;
    return tx.update(task);
  });
  const json seen = json::parse(get("/networks/front?verbose=1").body);
  EXPECT_THAT(seen["Services"]["web"]["Tasks"], IsEmpty());
  EXPECT_FALSE(seen.contains("Peers"));
}

TEST_F(Networks, TheIngressNetworkShowsPublishedPortsAndEveryNode) {
  add("front");
  add_service("web", "front");
  add_service("db", "front");
  publish("web");
  write([](store::WriteTx& tx) -> Result<void> {
    model::Node node = *tx.read().nodes().get(model::NodeId::of("n1"));
    node.status.address = "10.99.0.1";
    node.attachments = {{.network = model::NetworkId::of("ingress-id"),
                         .addresses = {"10.0.0.2/24"},
                         .aliases = {}}};
    return tx.update(node);
  });
  const json seen = json::parse(get("/networks/ingress?verbose=true").body);
  EXPECT_EQ(seen["Peers"], json::parse(R"([{"Name":"n1","IP":"10.99.0.1"}])"));
  EXPECT_EQ(seen["Services"], json::parse(R"({"web":{"VIP":"10.0.0.9","Ports":[)"
                                          R"("Target: 80, Publish: 8090"],"LocalLBIndex":0,)"
                                          R"("Tasks":[]}})"));
}

}  // namespace
}  // namespace shoal::api
