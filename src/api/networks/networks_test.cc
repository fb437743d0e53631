// Networks through the router: what clients see of them, and what they get for what cannot be.
#include "api/networks/networks.h"

#include <gmock/gmock.h>

#include "api/networks/network_check.h"
#include "api/testing_swarm.h"
#include "netdriver/testing.h"
#include "store/testing_attachments.h"

namespace shoal::api {
namespace {

using nlohmann::json;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

class Networks : public SwarmFixture {
 protected:
  Networks() {
    auto bridges = on_loop(node_.open());
    EXPECT_TRUE(bridges);
    EXPECT_TRUE(on_loop(network_.start({.bridges = std::move(*bridges)})));
    node_.on_started();
    node_.on_event([this](const containers::NetworkEvent& event) {
      events_.push_back(fmt::format("{} {} {}", event.action, event.name, event.driver));
    });
    networks_.add_routes(router_);
  }

  template <class T>
  T on_loop(os::Co<T> co) {
    std::optional<T> value;
    auto body = [](os::Loop& loop, os::Co<T> inner, std::optional<T>& out) -> os::Co<> {
      out.emplace(co_await inner);
      loop.stop();
    };
    loop_.post([&] { os::spawn(body(loop_, std::move(co), value)); });
    loop_.run();
    return std::move(*value);
  }

  template <class Edit>
  void add(std::string_view name, Edit edit) {
    model::Network network;
    network.id = model::NetworkId::of(fmt::format("{}-id", name));
    network.spec.annotations.name = name;
    network.spec.driver.name = "overlay";
    network.allocation.emplace();
    network.allocation->ipam = {
        {.subnet = "10.0.7.0/24", .range = "", .gateway = "10.0.7.1", .auxiliary = {}}};
    network.allocation->vni = 4099;
    edit(network);
    write([&](store::WriteTx& tx) { return tx.create(network); });
  }
  void add(std::string_view name) {
    add(name, [](model::Network&) {});
  }
  // A service on the network "<network>-id" with one running task on each node.
  void add_service(std::string_view name, std::string_view network) {
    write([&](store::WriteTx& tx) -> Result<void> {
      const auto id = model::NetworkId::of(fmt::format("{}-id", network));
      model::Service service;
      service.id = model::ServiceId::of(fmt::format("{}-id", name));
      service.spec.annotations.name = name;
      model::TaskSpec spec;
      spec.networks = {{.target = id.str(), .aliases = {}, .driver_options = {}}};
      service.spec.task = std::make_shared<const model::TaskSpec>(spec);
      model::Endpoint endpoint;
      endpoint.virtual_ips = {{.network = id, .address = "10.0.7.2/24"}};
      service.endpoint = std::make_shared<const model::Endpoint>(endpoint);
      RETURN_IF_ERROR(tx.create(service));
      for (uint64_t slot : {1, 2}) {
        model::Task task;
        task.id = model::TaskId::of(fmt::format("{}-t{}", name, slot));
        task.service_id = service.id;
        task.slot = slot;
        task.node_id = model::NodeId::of(slot == 1 ? "n1" : "n2");
        task.service_annotations =
            std::make_shared<const model::Annotations>(service.spec.annotations);
        task.status.state = model::TaskState::Running;
        task.networks = {
            {.network = id, .addresses = {fmt::format("10.0.7.{}/24", 2 + slot)}, .aliases = {}}};
        RETURN_IF_ERROR(tx.create(task));
      }
      return {};
    });
  }
  void publish(std::string_view service) {
    write([&](store::WriteTx& tx) -> Result<void> {
      model::Service changed = *tx.read().services().by_name(service);
      model::Endpoint endpoint = *changed.endpoint;
      endpoint.ports = {{.name = "", .target_port = 80, .published_port = 8090},
                        {.name = "",
                         .target_port = 81,
                         .published_port = 8091,
                         .mode = model::PublishMode::Host}};
      endpoint.virtual_ips.push_back(
          {.network = model::NetworkId::of("ingress-id"), .address = "10.0.0.9/24"});
      changed.spec.endpoint.emplace().ports = endpoint.ports;
      changed.endpoint = std::make_shared<const model::Endpoint>(endpoint);
      return tx.update(changed);
    });
  }

  Answer create(std::string_view rest) {
    return post("/networks/create", fmt::format(R"({{"Driver":"overlay",{}}})", rest));
  }
  model::Ref<model::Network> stored(std::string_view name) {
    return store_.read().networks().by_name(name);
  }
  static std::vector<std::string> names(const Answer& answer) {
    std::vector<std::string> found;
    const json body = json::parse(answer.body);
    if (!body.is_array()) return {message(answer)};
    for (const auto& network : body) found.push_back(network["Name"]);
    return found;
  }
  std::vector<std::string> listed(std::string_view filters) {
    return names(filtered("/networks", filters));
  }
  json shown(std::string_view ref) {
    return json::parse(get(fmt::format("/networks/{}", ref)).body);
  }
  std::string id_of(std::string_view name) { return shown(name)["Id"]; }
  void become_worker() { backend_.store_now = nullptr; }

  netdriver::testing::Host host_;
  Rng node_rng_{1};
  netdriver::NodeNetwork network_{
      loop_, log_, node_rng_, {.run_dir = host_.folder(), .ready_namespaces = 1}};
  std::vector<KnownNetwork> known_;
  containers::Networks node_{{loop_, log_, node_rng_, network_, nullptr, host_.folder() + "/data"}};
  std::vector<std::string> events_;
  std::map<std::string, codec::NetworkContainer> members_;  // of the bridge
  std::vector<std::string> told_;                           // to connect and disconnect
  NetworksApi networks_{
      context_,
      {.networks = node_,
       .members =
           [this](const std::string& id) {
             const bool bridge = (*node_.find(id))->name() == "bridge";
             return bridge ? members_ : std::map<std::string, codec::NetworkContainer>();
           },
       .find_container = [](const std::string& ref) -> Result<std::string> {
         if (ref == "c1") return std::string("c1-id");
         return not_found("No such container: {}", ref);
       },
       .connect = [this](std::string container,
                         model::NetworkConnection wish) -> os::Co<Result<void>> {
         const auto found = node_.find(wish.name);  // Else the swarm's.
         const std::string name = found ? (*found)->name() : wish.name;
         told_.push_back(fmt::format("{} joins {} as {} at {}", container, name,
                                     wish.aliases.size(), wish.address));
         co_return Result<void>{};
       },
       .disconnect = [this](std::string container, std::string network) -> os::Co<Result<void>> {
         const auto found = node_.find(network);
         told_.push_back(
             fmt::format("{} leaves {}", container, found ? (*found)->name() : network));
         co_return Result<void>{};
       },
       .known = [this] { return known_; }}};
};

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

TEST_F(Networks, AreCreatedWithAllThatTheClientSaid) {
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

TEST_F(Networks, AClientIsToldOnlyWhenTheChangeIsDurable) {
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

TEST_F(Networks, WhatCannotBeCreatedIsRefusedInDockersWords) {
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

TEST_F(Networks, OtherDriversAreRefusedByName) {
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

TEST_F(Networks, OnlyManagersCreateAndRemoveThem) {
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

TEST_F(Networks, ANetworkIsRemovedWhenNobodyUsesIt) {
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

TEST_F(Networks, AContainerOfAUserUsesItsNetworkFromTheBeginning) {
  add("front");
  write([](store::WriteTx& tx) { return tx.create(store::attachment("one", "n1", "front-id")); });
  EXPECT_EQ(message(del("/networks/front")),
            "rpc error: code = FailedPrecondition desc = network front-id is in use by task one");
  EXPECT_EQ(json::parse(post("/networks/prune", "").body)["NetworksDeleted"], nullptr);
  write([](store::WriteTx& tx) { return tx.remove(model::TaskId::of("one")); });
  EXPECT_EQ(del("/networks/front").status, 204);
}

TEST_F(Networks, TheIngressNetworkIsRemovedWhenNobodyPublishesAndMadeAgain) {
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

TEST_F(Networks, ThoseOfTheNodeStay) {
  for (const char* name : {"bridge", "host", "none"}) {
    const Answer answer = del(fmt::format("/networks/{}", name));
    EXPECT_EQ(answer.status, 403);
    EXPECT_EQ(message(answer),
              fmt::format("{} is a pre-defined network and cannot be removed", name));
  }
}

TEST_F(Networks, PruneTakesUnusedOnesButNeverTheIngressNetwork) {
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

TEST_F(Networks, PruneGoesOnOverManyTransactions) {
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

TEST_F(Networks, PruneRefusesFiltersThatCannotBeMeant) {
  const auto prune = [&](std::string_view filters) {
    return message(filtered("/networks/prune", filters, "POST"));
  };
  EXPECT_EQ(prune(R"({"foo":["x"]})"), "invalid filter 'foo'");
  EXPECT_EQ(prune(R"({"until":["abc"]})"), "invalid filter 'until=abc'");
  EXPECT_EQ(prune(R"({"until":["1h","2h"]})"), "more than one until filter specified");
}

TEST_F(Networks, ConnectingSaysWhyItCannotBe) {
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

TEST_F(Networks, ANewContainerIsToldWhyItCannotBeOnTheSwarmsNetworks) {
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

TEST_F(Networks, ContainersJoinAndLeaveByHand) {
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

TEST_F(Networks, ABridgeIsMadeShownAndRemoved) {
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

TEST_F(Networks, BridgesThatCannotBeAreRefusedInDockersWords) {
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

TEST_F(Networks, ABridgeWithAContainerStays) {
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

// ---- Shoal's own: the kernel is compared with the plan.

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
