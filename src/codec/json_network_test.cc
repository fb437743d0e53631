// Networks as a Docker Engine was seen to print and to take them.
#include "codec/json_network.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "codec/json_objects.h"
#include "model/testing.h"

namespace shoal::codec {
namespace {

using testing::HasSubstr;
using testing::Not;

std::string shown(const NetworkResource& network) {
  JsonWriter json;
  encode_network(json, network);
  return json.take();
}

std::string refusal(std::string_view text) {
  const auto create = decode_network_create(text);
  return create ? "accepted" : create.error().message;
}

// net2 of a Docker Swarm, with the times of these tests.
model::Network net2() {
  model::Network network;
  network.id = model::NetworkId::of("kpp1w0ioa0fqg0g314zcipm4r");
  network.meta = {19, Time{1'700'000'000'495'229'880}, Time{1'700'000'000'496'132'151}};
  network.spec.annotations = {"net2", {{"a", "b"}}};
  network.spec.driver = {"overlay", {{"com.docker.network.driver.mtu", "1400"}}};
  network.spec.attachable = true;
  network.spec.ipam_driver.name = "default";
  network.spec.ipam = {{.subnet = "10.50.0.0/24",
                        .range = "10.50.0.128/25",
                        .gateway = "10.50.0.200",
                        .auxiliary = {}}};
  network.allocation = model::NetworkAllocation{.ipam = network.spec.ipam, .vni = 4098};
  return network;
}

TEST(NetworkJson, ANetworkOfTheSwarmIsPrintedAsDockerPrintsIt) {
  EXPECT_EQ(shown(resource_of(net2())),
            R"({"Name":"net2","Id":"kpp1w0ioa0fqg0g314zcipm4r",)"
            R"("Created":"2023-11-14T22:13:20.49522988Z","Scope":"swarm","Driver":"overlay",)"
            R"("EnableIPv4":true,"EnableIPv6":false,"IPAM":{)"
            R"("Driver":"default","Options":null,"Config":[{"Subnet":"10.50.0.0/24",)"
            R"("IPRange":"10.50.0.128/25","Gateway":"10.50.0.200"}]},"Internal":false,)"
            R"("Attachable":true,"Ingress":false,"ConfigFrom":{"Network":""},"ConfigOnly":false,)"
            R"("Containers":{},"Options":{"com.docker.network.driver.mtu":"1400",)"
            R"("com.docker.network.driver.overlay.vxlanid_list":"4098"},"Labels":{"a":"b"}})");
}

TEST(NetworkJson, ATaskShowsTheWholeNetworkAsDockerDoes) {
  const auto network = std::make_shared<const model::Network>(net2());
  model::Task task;
  task.id = model::TaskId::of("t");
  task.networks = {{.network = network->id, .addresses = {"10.50.0.131/24"}, .aliases = {"foo"}}};
  TaskEncoder encoder({{network->id, network}});
  JsonWriter json;
  encoder.encode(json, task);
  EXPECT_THAT(
      json.take(),
      HasSubstr(R"("NetworksAttachments":[{"Network":{"ID":"kpp1w0ioa0fqg0g314zcipm4r",)"
                R"("Version":{"Index":19},"CreatedAt":"2023-11-14T22:13:20.49522988Z",)"
                R"("UpdatedAt":"2023-11-14T22:13:20.496132151Z","Spec":{"Name":"net2",)"
                R"("Labels":{"a":"b"},"DriverConfiguration":{"Name":"overlay","Options":{)"
                R"("com.docker.network.driver.mtu":"1400"}},"Attachable":true,"IPAMOptions":{)"
                R"("Driver":{"Name":"default"},"Configs":[{"Subnet":"10.50.0.0/24",)"
                R"("Range":"10.50.0.128/25","Gateway":"10.50.0.200"}]},"Scope":"swarm"},)"
                R"("DriverState":{"Name":"overlay","Options":{)"
                R"("com.docker.network.driver.mtu":"1400",)"
                R"("com.docker.network.driver.overlay.vxlanid_list":"4098"}},"IPAMOptions":{)"
                R"("Driver":{"Name":"default"},"Configs":[{"Subnet":"10.50.0.0/24",)"
                R"("Range":"10.50.0.128/25","Gateway":"10.50.0.200"}]}},)"
                R"("Addresses":["10.50.0.131/24"]}])"));
}

TEST(NetworkJson, OfANetworkThatIsGoneATaskShowsTheId) {
  model::Task task;
  task.networks = {{.network = model::NetworkId::of("gone"), .addresses = {}, .aliases = {}}};
  TaskEncoder encoder;
  JsonWriter json;
  encoder.encode(json, task);
  EXPECT_THAT(json.take(), HasSubstr(R"("NetworksAttachments":[{"Network":{"ID":"gone"}}])"));
}

TEST(NetworkJson, WithoutAnAllocationWhatWasAskedForIsShownAndWhyThereIsNone) {
  model::Network network = net2();
  network.allocation.reset();
  network.error = "no subnet is free";
  const std::string text = shown(resource_of(network));
  EXPECT_THAT(text, HasSubstr(R"("Subnet":"10.50.0.0/24")"));
  EXPECT_THAT(text, HasSubstr(R"("shoal.error":"no subnet is free")"));
  EXPECT_THAT(text, Not(HasSubstr("vxlanid_list")));
  JsonWriter json;
  encode_network_object(json, network);
  EXPECT_THAT(json.take(), HasSubstr(R"("DriverState":{}})"));
}

TEST(NetworkJson, ContainersPeersAndServicesArePrintedAsDockerPrintsThem) {
  NetworkResource network = resource_of(net2());
  network.containers["71b0"] = {"web.1.t", "a0d2", "02:42:0a:32:00:83", "10.50.0.131/24", ""};
  network.peers = {{"a8c550dc91fd", "10.99.0.1"}};
  network.services.emplace();
  (*network.services)["web"] = {"10.50.0.130", {}, {{"web.1.t", "a0d2", "10.50.0.131", "h"}}};
  (*network.services)["names"] = {"", {"Target: 80, Publish: 8090"}, {}};
  const std::string text = shown(network);
  EXPECT_THAT(text, HasSubstr(R"("Containers":{"71b0":{"Name":"web.1.t","EndpointID":"a0d2",)"
                              R"("MacAddress":"02:42:0a:32:00:83","IPv4Address":"10.50.0.131/24",)"
                              R"("IPv6Address":""}})"));
  EXPECT_THAT(text, HasSubstr(R"("Peers":[{"Name":"a8c550dc91fd","IP":"10.99.0.1"}],"Services":{)"
                              R"("names":{"VIP":"<nil>","Ports":["Target: 80, Publish: 8090"],)"
                              R"("LocalLBIndex":0,"Tasks":[]},"web":{"VIP":"10.50.0.130",)"
                              R"("Ports":[],"LocalLBIndex":0,"Tasks":[{"Name":"web.1.t",)"
                              R"("EndpointID":"a0d2","EndpointIP":"10.50.0.131","Info":{)"
                              R"("Host IP":"h"}}]}})"));
}

TEST(NetworkJson, EveryFieldOfTheModelIsRead) {
  const auto create = decode_network_create(
      R"({"Name":"front","CheckDuplicate":true,"Labels":{"a":"b"},"Driver":"overlay","Options":{)"
      R"("o":"p"},"EnableIPv4":true,"EnableIPv6":true,"Internal":true,"Attachable":true,)"
      R"("Ingress":true,"Scope":"swarm","ConfigOnly":true,"ConfigFrom":{"Network":"x"},"IPAM":{)"
      R"("Driver":"default","Options":{"i":"j"},"Config":[{"Subnet":"10.9.0.0/24",)"
      R"("IPRange":"10.9.0.128/25","Gateway":"10.9.0.1","AuxiliaryAddresses":{)"
      R"("router":"10.9.0.3"}}]}})");
  ASSERT_TRUE(create) << create.error().message;
  const auto& [spec, scope, ipv4, config_only, config_from] = *create;
  EXPECT_EQ(scope, "swarm");
  EXPECT_TRUE(ipv4);
  EXPECT_TRUE(config_only);
  EXPECT_EQ(config_from, "x");
  model::NetworkSpec wanted = model::full_network().spec;
  wanted.annotations = {"front", {{"a", "b"}}};
  wanted.driver = {"overlay", {{"o", "p"}}};
  wanted.ipam_driver = {"default", {{"i", "j"}}};
  EXPECT_EQ(spec, wanted);
}

TEST(NetworkJson, WrongTypesAreNamedAsGoNamesThem) {
  EXPECT_EQ(refusal(R"({"Name":5})"),
            "invalid JSON: json: cannot unmarshal number into Go struct field "
            "NetworkCreateRequest.Name of type string");
  EXPECT_THAT(refusal(R"({"IPAM":{"Config":[{"Subnet":1}]}})"),
              HasSubstr("field IPAMConfig.IPAM.Config.Subnet of type string"));
  EXPECT_THAT(refusal(R"({"EnableIPv6":"yes"})"), HasSubstr("of type bool"));
  EXPECT_EQ(refusal(""), "invalid JSON: got EOF while reading request body");
}

}  // namespace
}  // namespace shoal::codec
