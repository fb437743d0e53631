// Services and their networks through the router: what is stored, and what clients get for what
// cannot be.
#include <gmock/gmock.h>

#include "api/services.h"
#include "api/testing_swarm.h"

namespace shoal::api {
namespace {

using nlohmann::json;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class ServiceNetworks : public SwarmFixture {
 protected:
  ServiceNetworks() {
    services_.add_routes(router_);
    write([](store::WriteTx& tx) -> Result<void> {
      for (const char* name : {"front", "back"}) {
        model::Network network;
        network.id = model::NetworkId::of(fmt::format("{}-id", name));
        network.spec.annotations.name = name;
        network.spec.driver.name = "overlay";
        RETURN_IF_ERROR(tx.create(std::move(network)));
      }
      return {};
    });
  }

  static std::string body(std::string_view name, std::string_view task, std::string_view rest) {
    return fmt::format(
        R"({{"Name":"{}","TaskTemplate":{{"ContainerSpec":{{"Image":"demo:v1"}}{}}}{}}})", name,
        task, rest);
  }
  Answer create(std::string_view name, std::string_view task, std::string_view rest = "") {
    return post("/services/create", body(name, task, rest));
  }
  Answer update(std::string_view name, std::string_view task, std::string_view more = "") {
    const auto version = store_.read().services().by_name(name)->meta.version;
    return post(fmt::format("/services/{}/update?version={}{}", name, version, more),
                body(name, task, ""));
  }
  std::vector<std::string> targets(std::string_view name) {
    std::vector<std::string> found;
    for (const auto& network : store_.read().services().by_name(name)->spec.task->networks) {
      found.push_back(network.target);
    }
    return found;
  }

  ServicesApi services_{context_};
};

TEST_F(ServiceNetworks, NamesAndBeginningsOfIdsAreStoredAsIds) {
  EXPECT_EQ(create("a", R"(,"Networks":[{"Target":"front","Aliases":["db"]},{"Target":"back-i"}])")
                .status,
            201);
  EXPECT_THAT(targets("a"), ElementsAre("front-id", "back-id"));
  const auto shown = json::parse(get("/services/a").body)["Spec"]["TaskTemplate"]["Networks"];
  EXPECT_EQ(shown, json::parse(R"([{"Target":"front-id","Aliases":["db"]},{"Target":"back-id"}])"));
  EXPECT_EQ(create("b", R"(,"Networks":[{"Target":"front-id"}])").status, 201);
  EXPECT_THAT(targets("b"), ElementsAre("front-id"));
}

TEST_F(ServiceNetworks, NetworksInTheOldPlaceMoveToTheTasks) {
  EXPECT_EQ(create("a", "", R"(,"Networks":[{"Target":"front"}])").status, 201);
  EXPECT_THAT(targets("a"), ElementsAre("front-id"));
  EXPECT_THAT(store_.read().services().by_name("a")->spec.networks, IsEmpty());
  EXPECT_EQ(create("b", R"(,"Networks":[{"Target":"back"}])", R"(,"Networks":[{"Target":"front"}])")
                .status,
            201);
  EXPECT_THAT(targets("b"), ElementsAre("back-id")) << "the new place wins, as in Docker";
}

TEST_F(ServiceNetworks, HostAndBridgeAreEveryNodesOwn) {
  EXPECT_EQ(create("a", R"(,"Networks":[{"Target":"host"}])").status, 201);
  EXPECT_EQ(create("b", R"(,"Networks":[{"Target":"bridge"},{"Target":"front"}])").status, 201);
  EXPECT_THAT(targets("a"), ElementsAre("host"));
  EXPECT_THAT(targets("b"), ElementsAre("bridge", "front-id"));
}

TEST_F(ServiceNetworks, SendingBackWhatWasShownNeedsNoNewTasks) {
  ASSERT_EQ(create("a", R"(,"Networks":[{"Target":"front"}])").status, 201);
  EXPECT_EQ(update("a", R"(,"Networks":[{"Target":"front-id"}])").status, 200);
  EXPECT_EQ(update("a", R"(,"Networks":[{"Target":"front"}])").status, 200);
  EXPECT_THAT(message(update("a", R"(,"Networks":[{"Target":"back"}])")),
              HasSubstr("rolling update"));
  EXPECT_EQ(update("a", R"(,"Networks":[{"Target":"front"}])", "&rollback=previous").status, 200);
  EXPECT_THAT(targets("a"), ElementsAre("front-id"));
}

TEST_F(ServiceNetworks, ARollbackToANetworkThatIsGoneIsRefused) {
  ASSERT_EQ(create("a", R"(,"Networks":[{"Target":"front"}])").status, 201);
  ASSERT_EQ(update("a", R"(,"Networks":[{"Target":"front"}])").status, 200);
  write([](store::WriteTx& tx) { return tx.remove(model::NetworkId::of("front-id")); });
  const Answer answer = update("a", "", "&rollback=previous");
  EXPECT_EQ(answer.status, 404);
  EXPECT_THAT(message(answer), HasSubstr("network front-id not found"));
}

TEST_F(ServiceNetworks, WhatCannotBeIsRefusedInDockersWords) {
  const struct {
    std::string_view task;
    std::string_view rest;
    int status;
    std::string_view message;
  } kCases[] = {
      {R"(,"Networks":[{"Target":"nope"}])", "", 404, "network nope not found"},
      {R"(,"Networks":[{"Target":"FRONT"}])", "", 404, "network FRONT not found"},
      {R"(,"Networks":[{"Target":""}])", "", 404, "network  not found"},
      {"", R"(,"Networks":[{"Target":"nope"}])", 404, "network nope not found"},
      {R"(,"Networks":[{"Target":"none"}])", "", 404,
       "could not find the corresponding predefined swarm network: network none not found"},
      {R"(,"Networks":[{"Target":"ingress"}])", "", 400,
       "rpc error: code = InvalidArgument desc = Service cannot be explicitly attached to the "
       "ingress network \"ingress\""},
      {R"(,"Networks":[{"Target":"front"},{"Target":"front"}])", "", 400,
       "rpc error: code = InvalidArgument desc = network front is attached twice"},
      {R"(,"Networks":[{"Target":"front"},{"Target":"front-id"}])", "", 400,
       "rpc error: code = InvalidArgument desc = network front-id is attached twice"},
      {R"(,"Networks":[{"Target":"host"},{"Target":"front"}])", "", 400,
       "rpc error: code = InvalidArgument desc = a service on the host's network cannot have other "
       "networks"},
      {R"(,"Networks":[{"Target":"host"}])",
       R"(,"EndpointSpec":{"Ports":[{"TargetPort":80,"PublishedPort":8080}]})", 400,
       "rpc error: code = InvalidArgument desc = a service on the host's network cannot publish "
       "ports in ingress mode: it has no address of its own"},
      {R"(,"Networks":[{"Target":"front","Aliases":["a b"]}])", "", 400,
       "rpc error: code = InvalidArgument desc = network front: alias \"a b\" is no valid host "
       "name"},
      {"", R"(,"EndpointSpec":{"Mode":"dnsrr","Ports":[{"TargetPort":80}]})", 400,
       "rpc error: code = InvalidArgument desc = EndpointSpec: port published with ingress mode "
       "can't be used with dnsrr mode"},
  };
  for (const auto& one : kCases) {
    const Answer answer = create("a", one.task, one.rest);
    EXPECT_EQ(answer.status, one.status) << one.task << one.rest;
    EXPECT_EQ(message(answer), one.message);
  }
  EXPECT_EQ(store_.read().services().size(), 0u);
  EXPECT_EQ(create("a", R"(,"Networks":[{"Target":"host"}])",
                   R"(,"EndpointSpec":{"Ports":[{"TargetPort":80,"PublishMode":"host"}]})")
                .status,
            201);
}

TEST_F(ServiceNetworks, PublishingNeedsAnIngressNetwork) {
  const std::string_view published = R"(,"EndpointSpec":{"Ports":[{"TargetPort":80}]})";
  ASSERT_EQ(create("a", "", published).status, 201);
  write([](store::WriteTx& tx) { return tx.remove(model::NetworkId::of("ingress-id")); });
  const Answer answer = create("b", "", published);
  EXPECT_EQ(answer.status, 400);
  EXPECT_EQ(message(answer),
            "rpc error: code = FailedPrecondition desc = service needs ingress network, but no "
            "ingress network is present");
  const auto version = store_.read().services().by_name("a")->meta.version;
  EXPECT_EQ(
      post(fmt::format("/services/a/update?version={}", version), body("a", "", published)).status,
      400);
  EXPECT_EQ(create("c", "", R"(,"EndpointSpec":{"Ports":[{"TargetPort":80,"PublishMode":"host"}]})")
                .status,
            201);
}

TEST_F(ServiceNetworks, ALabelBindsAPublishedPortToAnAddress) {
  const auto labelled = [](std::string_view label, std::string_view value) {
    return fmt::format(R"(,"Labels":{{"{}":"{}"}},"EndpointSpec":{{"Ports":[{{"TargetPort":80,)"
                       R"("PublishedPort":8080,"PublishMode":"host"}}]}})",
                       label, value);
  };
  const Answer made = create("a", "", labelled("shoal.publish.8080/tcp.ip", "10.0.0.5"));
  EXPECT_EQ(made.status, 201);
  EXPECT_FALSE(json::parse(made.body).contains("Warnings"));
  const Answer bad = create("b", "", labelled("shoal.publish.8080/tcp.ip", "eth0"));
  EXPECT_EQ(bad.status, 400);
  EXPECT_THAT(message(bad), HasSubstr(R"(label "shoal.publish.8080/tcp.ip": "eth0")"));
  EXPECT_EQ(create("b", "", labelled("shoal.publish.81/tcp.ip", "10.0.0.5")).status, 400);
  const Answer unknown = create("b", "", labelled("shoal.publish.8080/tcp.name", "x"));
  EXPECT_EQ(unknown.status, 201);
  EXPECT_THAT(json::parse(unknown.body)["Warnings"][0],
              HasSubstr(R"("shoal.publish.8080/tcp.name" means nothing)"));
}

}  // namespace
}  // namespace shoal::api
