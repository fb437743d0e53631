// Networks made, removed and pruned through the router, and what clients get for what cannot be.
#include "api/networks/networks_fixture.h"
#include "store/testing_attachments.h"

namespace shoal::api {
namespace {

using nlohmann::json;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::UnorderedElementsAre;

using NetworkChanges = NetworksFixture;

TEST_F(NetworkChanges, AreCreatedWithAllThatTheClientSaid) {
  const Answer made = create(
      R"("Name":"front","CheckDuplicate":true,"Attachable":true,"Internal":true,"Scope":"swarm",)"
      R"("Labels":{"a":"b"},"Options":{"com.docker.network.driver.mtu":"1400","x":"y"},"IPAM":{)"
      R"("Driver":"default","Config":[{"Subnet":"10.50.0.0/24","IPRange":"10.50.0.128/25",)"
      R"("Gateway":"10.50.0.200","AuxiliaryAddresses":{"r":"10.50.0.5"}}]})");
  EXPECT_EQ(made.status, 201) << made.body;
  EXPECT_EQ(json::parse(made.body)["Warning"], "");
  const auto network = stored("front");
  ASSERT_TRUE(network);
  EXPECT_EQ(json::parse(made.body)["Id"], network->id.view());
  EXPECT_FALSE(network->allocation) << "the allocator's";
  const json seen = shown("front");
  EXPECT_EQ(seen["Attachable"], true);
  EXPECT_EQ(seen["Internal"], true);
  EXPECT_EQ(seen["Labels"], (json{{"a", "b"}}));
  EXPECT_EQ(seen["Options"], (json{{"com.docker.network.driver.mtu", "1400"}, {"x", "y"}}));
  EXPECT_EQ(seen["IPAM"]["Config"],
            json::parse(R"([{"Subnet":"10.50.0.0/24","IPRange":"10.50.0.128/25",)"
                        R"("Gateway":"10.50.0.200","AuxiliaryAddresses":{"r":"10.50.0.5"}}])"));
}

TEST_F(NetworkChanges, AClientIsToldOnlyWhenTheChangeIsDurable) {
  engine_.inner().fail({ErrorCode::Unavailable, "disk is full"});
  const Answer answer = create(R"("Name":"front")");
  EXPECT_EQ(answer.status, 503);
  EXPECT_THAT(message(answer), HasSubstr("disk is full"));
}

struct Refused {
  std::string_view body;
  int status;
  std::string_view message;
};

TEST_F(NetworkChanges, WhatCannotBeCreatedIsRefusedInDockersWords) {
  ASSERT_EQ(create(R"("Name":"front","IPAM":{"Config":[{"Subnet":"10.50.0.0/24"}]})").status, 201);
  const Refused kCases[] = {
      {R"("Name":"front")", 409, "network with name front already exists"},
      {R"("Name":"FRONT")", 409, "name conflicts with an existing object: network FRONT already"},
      {R"("Name":"host")", 409, "network with name host already exists"},
      {R"("Name":"bridge")", 409, "network with name bridge already exists"},
      {R"("Name":"none")", 403, "operation is not permitted on predefined none network"},
      {R"("Name":"default")", 403, "operation is not permitted on predefined default network"},
      {R"("Name":"")", 400, "meta: name must be provided"},
      {R"("Name":"a b")", 400,
       "rpc error: code = InvalidArgument desc = name must be valid as a DNS name component"},
      {R"("Name":"a","Ingress":true)", 409,
       "rpc error: code = AlreadyExists desc = ingress network (ingress-id) is already present"},
      {R"("Name":"a","Ingress":true,"Attachable":true)", 400,
       "ingress network cannot be attachable"},
      {R"("Name":"a","Scope":"local")", 403, "cannot downgrade network scope for overlay networks"},
      {R"("Name":"a","ConfigOnly":true)", 501, "--config-only"},
      {R"("Name":"a","ConfigFrom":{"Network":"x"})", 501, "--config-from"},
      {R"("Name":"a","EnableIPv4":false)", 400, "IPv4 cannot be disabled"},
      {R"("Name":"a","Options":{"encrypted":""})", 501, "cannot be encrypted"},
      {R"("Name":"a","Options":{"com.docker.network.driver.mtu":"x"})", 400, "must be a number"},
      {R"("Name":"a","IPAM":{"Driver":"foo"})", 400, "error during lookup of plugin foo"},
      {R"("Name":"a","IPAM":{"Config":[{"Subnet":"garbage"}]})", 400, "garbage"},
      {R"("Name":"a","IPAM":{"Config":[{"Gateway":"10.1.0.1"}]})", 400, "subnet"},
      {R"("Name":"a","IPAM":{"Config":[{"Subnet":"10.50.0.0/25"}]})", 403, "overlaps"},
      {R"("Name":"a","IPAM":{"Config":[{"Subnet":"127.0.0.0/8"}]})", 400, "127.0.0.0/8"},
      {R"("Name":"a","IPAM":{"Config":[{"Subnet":"10.70.0.0/24","Gateway":"10.71.0.1"}]})", 400,
       "gateway 10.71.0.1"},
      {R"("Name":5)", 400, "NetworkCreateRequest.Name of type string"},
  };
  for (const auto& [body, status, text] : kCases) {
    const Answer answer = create(body);
    EXPECT_EQ(answer.status, status) << body << answer.body;
    EXPECT_THAT(message(answer), HasSubstr(text)) << body;
  }
  EXPECT_EQ(store_.read().networks().size(), 2u);
}

TEST_F(NetworkChanges, OtherDriversAreRefusedByName) {
  const Refused kCases[] = {
      {R"({"Name":"a","Scope":"swarm"})", 501, "bridge networks of the whole swarm"},
      {R"({"Name":"a","EnableIPv4":false})", 501, "bridge networks without IPv4"},
      {R"({"Name":"a","Driver":"macvlan","Scope":"swarm"})", 501, "networks of driver macvlan"},
      {R"({"Name":"a","Driver":"host"})", 403, "only one instance of \"host\" network is allowed"},
      {R"({"Name":"a","Driver":"foo"})", 404, "plugin \"foo\" not found"},
      {"", 400, "invalid JSON: got EOF while reading request body"},
      {"nonsense", 400, "invalid JSON: invalid character"},
  };
  for (const auto& [body, status, text] : kCases) {
    const Answer answer = post("/networks/create", std::string(body));
    EXPECT_EQ(answer.status, status) << body;
    EXPECT_THAT(message(answer), HasSubstr(text)) << body;
  }
}

TEST_F(NetworkChanges, OnlyManagersCreateAndRemoveThem) {
  become_worker();
  EXPECT_EQ(create(R"("Name":"a")").status, 403);
  EXPECT_EQ(message(create(R"("Name":"a")")),
            "Cannot create a multi-host network from a worker node. Please create the network from "
            "a manager node.");
  known_ = {{.view = {.id = model::NetworkId::of("known-id"), .name = "known"}, .containers = {}}};
  EXPECT_EQ(del("/networks/known").status, 503);
  EXPECT_THAT(message(del("/networks/known")), HasSubstr("Worker nodes can't be used"));
  EXPECT_EQ(del("/networks/ingress").status, 404);
  EXPECT_EQ(post("/networks/prune", "").body, R"({"NetworksDeleted":null})");
  backend_.state_now = LocalNodeState::Inactive;
  EXPECT_EQ(create(R"("Name":"a")").status, 503);
  EXPECT_THAT(message(create(R"("Name":"a")")), HasSubstr("This node is not a swarm manager."));
}

TEST_F(NetworkChanges, ANetworkIsRemovedWhenNobodyUsesIt) {
  add("front");
  add_service("web", "front");
  const Answer in_use = del("/networks/front");
  EXPECT_EQ(in_use.status, 400);
  EXPECT_EQ(message(in_use),
            "rpc error: code = FailedPrecondition desc = network front-id is in use by service "
            "web-id");
  write([](store::WriteTx& tx) { return tx.remove(model::ServiceId::of("web-id")); });
  EXPECT_EQ(
      message(del("/networks/front")),
      "rpc error: code = FailedPrecondition desc = network front-id is in use by task web-t1");
  write([](store::WriteTx& tx) -> Result<void> {
    for (const char* id : {"web-t1", "web-t2"}) {
      model::Task task = *tx.read().tasks().get(model::TaskId::of(id));
      task.desired_state = model::TaskState::Remove;
      RETURN_IF_ERROR(tx.update(task));
    }
    return {};
  });
  const Answer removed = del("/networks/front");
  EXPECT_EQ(removed.status, 204);
  EXPECT_EQ(removed.body, "");
  EXPECT_EQ(stored("front"), nullptr);
  EXPECT_EQ(del("/networks/front").status, 404);
}

TEST_F(NetworkChanges, AContainerOfAUserUsesItsNetworkFromTheBeginning) {
  add("front");
  write([](store::WriteTx& tx) { return tx.create(store::attachment("one", "n1", "front-id")); });
  EXPECT_EQ(message(del("/networks/front")),
            "rpc error: code = FailedPrecondition desc = network front-id is in use by task one");
  EXPECT_EQ(json::parse(post("/networks/prune", "").body)["NetworksDeleted"], nullptr);
  write([](store::WriteTx& tx) { return tx.remove(model::TaskId::of("one")); });
  EXPECT_EQ(del("/networks/front").status, 204);
}

TEST_F(NetworkChanges, TheIngressNetworkIsRemovedWhenNobodyPublishesAndMadeAgain) {
  add("front");
  add_service("web", "front");
  publish("web");
  EXPECT_EQ(del("/networks/ingress").status, 400);
  EXPECT_EQ(message(del("/networks/ingress")),
            "rpc error: code = FailedPrecondition desc = ingress network cannot be removed because "
            "service web-id depends on it");
  write([](store::WriteTx& tx) -> Result<void> {
    model::Service service = *tx.read().services().by_name("web");
    service.spec.endpoint.reset();
    return tx.update(service);
  });
  EXPECT_EQ(del("/networks/ingress").status, 204);
  EXPECT_EQ(create(R"("Name":"mesh","Ingress":true)").status, 201);
  EXPECT_TRUE(stored("mesh")->spec.ingress);
}

TEST_F(NetworkChanges, ThoseOfTheNodeStay) {
  for (const char* name : {"bridge", "host", "none"}) {
    const Answer answer = del(fmt::format("/networks/{}", name));
    EXPECT_EQ(answer.status, 403);
    EXPECT_EQ(message(answer),
              fmt::format("{} is a pre-defined network and cannot be removed", name));
  }
}

TEST_F(NetworkChanges, PruneTakesUnusedOnesButNeverTheIngressNetwork) {
  for (const char* name : {"used", "free", "kept", "task"}) {
    add(name, [](model::Network& network) {
      if (network.name() == "kept") network.spec.annotations.labels["keep"] = "yes";
    });
  }
  add_service("web", "used");
  add_service("gone", "task");
  write([](store::WriteTx& tx) { return tx.remove(model::ServiceId::of("gone-id")); });
  const auto prune = [&](std::string_view filters) {
    return json::parse(filtered("/networks/prune", filters, "POST").body)["NetworksDeleted"];
  };
  EXPECT_EQ(prune(R"({"label":["nothing"]})"), nullptr);
  EXPECT_EQ(prune(R"({"until":["1h"]})"), nullptr);
  EXPECT_EQ(prune(R"({"label!":["keep=yes"]})"), json::parse(R"(["free"])"));
  EXPECT_EQ(prune(R"({"until":["0s"],"label":["keep"]})"), json::parse(R"(["kept"])"));
  EXPECT_EQ(prune("{}"), nullptr);
  EXPECT_TRUE(stored("ingress"));
  EXPECT_TRUE(stored("used"));
  EXPECT_TRUE(stored("task"));
}

TEST_F(NetworkChanges, PruneGoesOnOverManyTransactions) {
  write([](store::WriteTx& tx) -> Result<void> {
    for (int n = 0; n < 600; ++n) {
      model::Network network;
      network.id = model::NetworkId::of(fmt::format("n{}", n));
      network.spec.annotations.name = fmt::format("name{}", n);
      RETURN_IF_ERROR(tx.create(std::move(network)));
    }
    return {};
  });
  const Answer answer = post("/networks/prune", "");
  EXPECT_EQ(json::parse(answer.body)["NetworksDeleted"].size(), 600u);
  EXPECT_EQ(store_.read().networks().size(), 1u);
}

TEST_F(NetworkChanges, PruneRefusesFiltersThatCannotBeMeant) {
  const auto prune = [&](std::string_view filters) {
    return message(filtered("/networks/prune", filters, "POST"));
  };
  EXPECT_EQ(prune(R"({"foo":["x"]})"), "invalid filter 'foo'");
  EXPECT_EQ(prune(R"({"until":["abc"]})"), "invalid filter 'until=abc'");
  EXPECT_EQ(prune(R"({"until":["1h","2h"]})"), "more than one until filter specified");
}

TEST_F(NetworkChanges, ABridgeIsMadeShownAndRemoved) {
  const Answer made = post("/networks/create", R"({"Name":"a b","Internal":true,
      "Labels":{"k":"v"},"Options":{"com.docker.network.driver.mtu":"1400"},
      "IPAM":{"Config":[{"Subnet":"10.5.0.0/24","IPRange":"10.5.0.128/25"}]}})");
  ASSERT_EQ(made.status, 201) << made.body;
  const std::string id = json::parse(made.body)["Id"];
  EXPECT_EQ(id.size(), 64u);
  for (const std::string& ref : {id, id.substr(0, 12), std::string("a%20b")}) {
    const json seen = shown(ref);
    EXPECT_EQ(seen["Name"], "a b");
    EXPECT_EQ(seen["Driver"], "bridge");
    EXPECT_EQ(seen["Scope"], "local");
    EXPECT_EQ(seen["Internal"], true);
    EXPECT_EQ(seen["Labels"], json::parse(R"({"k":"v"})"));
    EXPECT_EQ(seen["IPAM"]["Config"],
              json::parse(R"([{"Subnet":"10.5.0.0/24","IPRange":"10.5.0.128/25",
                               "Gateway":"10.5.0.1"}])"));
  }
  EXPECT_THAT(listed(R"({"type":["custom"],"scope":["local"]})"), ElementsAre("a b"));
  EXPECT_EQ(del("/networks/" + id).status, 204);
  EXPECT_EQ(message(get("/networks/" + id)), fmt::format("network {} not found", id));
  EXPECT_THAT(events_, ElementsAre("create a b bridge", "destroy a b bridge"));
}

TEST_F(NetworkChanges, BridgesThatCannotBeAreRefusedInDockersWords) {
  add("front");
  ASSERT_EQ(post("/networks/create", R"({"Name":"there"})").status, 201);
  const Refused kCases[] = {
      {R"({"Name":"there"})", 409, "network with name there already exists"},
      {R"({"Name":"front"})", 409, "network with name front already exists"},
      {R"({"Name":"there","Driver":"overlay"})", 409, "network with name there already exists"},
      {R"({"Name":" "})", 400, "invalid name: name is empty"},
      {R"({"Name":"a","Ingress":true})", 403, "Ingress network can only be global scope network"},
      {R"({"Name":"a","EnableIPv6":true})", 501, "IPv6 on bridge networks"},
      {R"({"Name":"a","IPAM":{"Driver":"foo"}})", 400, "error during lookup of plugin foo"},
      {R"({"Name":"a","IPAM":{"Config":[{"Subnet":"x"}]}})", 400, "invalid subnet x"},
      {R"({"Name":"a","IPAM":{"Config":[{"Subnet":"10.6.0.5/24"}]}})", 400,
       "it should be 10.6.0.0/24"},
      {R"({"Name":"a","IPAM":{"Config":[{"Subnet":"10.6.0.0/24"},{"Subnet":"10.7.0.0/24"}]}})", 403,
       "bridge driver doesn't support multiple subnets"},
      {R"({"Name":"a","IPAM":{"Config":[{"Subnet":"172.17.5.0/24"}]}})", 403,
       "Pool overlaps with other one on this address space"},
      {R"({"Name":"a","IPAM":{"Config":[{"Subnet":"10.6.0.0/24","Gateway":"10.7.0.1"}]}})", 400,
       "gateway 10.7.0.1"},
      {R"({"Name":"a","Options":{"com.docker.network.driver.mtu":"x"}})", 400, "value: x"},
      {R"({"Name":"a","Options":{"com.docker.network.driver.mtu":"-5"}})", 400,
       "invalid MTU number: -5"},
      {R"({"Name":"a","Options":{"com.docker.network.bridge.name":"averyveryverylong"}})", 400,
       "invalid name of a link"},
      {R"({"Name":"a","Options":{"com.docker.network.bridge.name":"eth0"}})", 409,
       "the link eth0 exists on this host"},
      {R"({"Name":"a","Options":{"com.docker.network.bridge.enable_icc":"false"}})", 501,
       "enable_icc=false"},
  };
  for (const auto& [body, status, text] : kCases) {
    const Answer answer = post("/networks/create", std::string(body));
    EXPECT_EQ(answer.status, status) << body << answer.body;
    EXPECT_THAT(message(answer), HasSubstr(text)) << body;
  }
  EXPECT_EQ(message(del("/networks/bridge")),
            "bridge is a pre-defined network and cannot be removed");
  EXPECT_THAT(listed(R"({"type":["custom"],"scope":["local"]})"), ElementsAre("there"));
}

TEST_F(NetworkChanges, ABridgeWithAContainerStays) {
  ASSERT_EQ(post("/networks/create", R"({"Name":"used"})").status, 201);
  ASSERT_EQ(post("/networks/create", R"({"Name":"free"})").status, 201);
  ASSERT_EQ(post("/networks/create", R"({"Name":"kept","Labels":{"a":"b"}})").status, 201);
  const std::string id = id_of("used");
  ASSERT_TRUE(on_loop(network_.connect({.container_id = "c1", .network = id})));
  const Answer refused = del("/networks/used");
  EXPECT_EQ(refused.status, 403);
  EXPECT_EQ(
      message(refused),
      fmt::format("error while removing network: network used id {} has active endpoints", id));
  EXPECT_THAT(listed(R"({"dangling":["true"],"scope":["local"]})"),
              UnorderedElementsAre("free", "kept"));
  const Answer pruned = filtered("/networks/prune", R"({"label!":["a=b"]})", "POST");
  EXPECT_EQ(json::parse(pruned.body)["NetworksDeleted"], json::parse(R"(["free"])"));
  EXPECT_THAT(listed(R"({"type":["custom"],"scope":["local"]})"),
              UnorderedElementsAre("kept", "used"));
}

}  // namespace
}  // namespace shoal::api
