// Containers on networks that users made: names, addresses, ways out, joining and leaving.
#include "containers/networks.h"

#include <gmock/gmock.h>

#include "containers/support_test.h"
#include "os/file.h"

namespace shoal::containers {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::IsSupersetOf;

class NetworksTest : public testing::NodeTest {
 protected:
  model::ContainerConfig on(std::vector<std::string> networks, std::string name) {
    auto wanted = config({"sleep", "1000"}, std::move(name));
    for (auto& network : networks) wanted.networks.emplace_back().name = std::move(network);
    if (!wanted.networks.empty()) wanted.network_mode = wanted.networks.front().name;
    return wanted;
  }
  Result<void> join(const std::string& container, const std::string& network,
                    std::string address = "", std::vector<std::string> aliases = {}) {
    model::NetworkConnection wish;
    wish.name = network;
    wish.address = std::move(address);
    wish.aliases = std::move(aliases);
    return run(containers().connect_network(container, std::move(wish)));
  }
  Result<void> leave(const std::string& container, const std::string& network) {
    return run(containers().disconnect_network(container, network));
  }
  // "10.5.0.2" …, of whoever has the name in that network.
  std::vector<std::string> found(const std::string& network, std::string_view name) {
    const network::NameClient client{.networks = {model::NetworkId::of(network)}, .own = {}};
    std::vector<std::string> addresses;
    const auto all = daemon_->names.find(client, name, network::Family::V4, 10, daemon_->rng);
    for (const auto& address : all.addresses) addresses.push_back(address.str());
    std::ranges::sort(addresses);
    return addresses;
  }
  // "front 10.5.0.2 via 10.5.0.1", of each network it is on.
  std::vector<std::string> seen(const std::string& ref) {
    std::vector<std::string> lines;
    for (const auto& one : find(ref)->networks) {
      lines.push_back(fmt::format("{} {} via {}", one.network, one.address, one.gateway));
    }
    return lines;
  }
  // What the container prints when it runs the command.
  std::string routes(const std::string& ref) {
    const auto pid = find(ref)->state.pid;
    const auto text = os::read_file(fmt::format("/proc/{}/net/route", pid));
    return text.value_or("");
  }
  std::string file(const std::string& ref, const std::string& name) {
    return os::read_file(find(ref)->folder + "/" + name).value_or("");
  }
};

TEST_F(NetworksTest, AContainerIsFoundByItsNamesInItsNetwork) {
  const auto front = make_network("front", "10.5.0.0/24");
  auto wanted = on({"front"}, "web");
  wanted.networks[0].aliases = {"www"};
  const auto id = start(std::move(wanted));
  EXPECT_THAT(seen("web"), ElementsAre("front 10.5.0.2 via 10.5.0.1"));
  for (const auto& name : {std::string("web"), std::string("www"), id.substr(0, 12)}) {
    EXPECT_THAT(found(front, name), ElementsAre("10.5.0.2")) << name;
  }
  EXPECT_THAT(file("web", "resolv.conf"), HasSubstr("nameserver 127.0.0.11"));
  ASSERT_TRUE(run(containers().rename("web", "web2")));
  EXPECT_THAT(found(front, "web"), IsEmpty());
  EXPECT_THAT(found(front, "web2"), ElementsAre("10.5.0.2"));
  auto second = on({"front"}, "second");
  second.networks[0].aliases = {"www"};
  start(std::move(second));
  EXPECT_THAT(found(front, "www"), ElementsAre("10.5.0.2", "10.5.0.3"));
  remove("web2");
  EXPECT_THAT(found(front, "www"), ElementsAre("10.5.0.3"));
  EXPECT_THAT(daemon_->network_events,
              ElementsAre("create front", "connect front", "connect front", "disconnect front"));
}

TEST_F(NetworksTest, AnAddressThatIsAskedForIsHad) {
  make_network("front", "10.5.0.0/24");
  auto wanted = on({"front"}, "web");
  wanted.networks[0].address = "10.5.0.77";
  start(wanted);
  EXPECT_THAT(seen("web"), ElementsAre("front 10.5.0.77 via 10.5.0.1"));
  wanted.name = "second";
  const auto second = create(wanted);
  EXPECT_EQ(run(containers().start(second)).error().message, "Address already in use");
  remove("web");
  EXPECT_TRUE(run(containers().start(second)));
}

TEST_F(NetworksTest, OneThatRunsJoinsAndLeaves) {
  const auto front = make_network("front", "10.5.0.0/24");
  const auto back = make_network("back", "10.6.0.0/24");
  start(on({}, "web"));
  EXPECT_THAT(file("web", "resolv.conf"), ::testing::Not(HasSubstr("127.0.0.11")));
  ASSERT_TRUE(join("web", "front", "10.5.0.9", {"www"}));
  ASSERT_TRUE(join("web", back));
  EXPECT_THAT(seen("web"),
              ElementsAre("bridge 172.17.0.2 via 172.17.0.1", "front 10.5.0.9 via 10.5.0.1",
                          "back 10.6.0.2 via 10.6.0.1"));
  EXPECT_THAT(found(front, "www"), ElementsAre("10.5.0.9"));
  EXPECT_THAT(found(back, "web"), ElementsAre("10.6.0.2"));
  EXPECT_THAT(file("web", "resolv.conf"), HasSubstr("nameserver 127.0.0.11"));
  EXPECT_THAT(file("web", "hosts"), HasSubstr("10.6.0.2\t"));
  EXPECT_THAT(routes("web"), HasSubstr("eth0\t00000000\t010011AC"));

  ASSERT_TRUE(leave("web", "bridge"));  // Its way out: the next one takes over.
  EXPECT_THAT(routes("web"), HasSubstr("eth1\t00000000\t0100050A"));
  ASSERT_TRUE(leave("web", "front"));
  EXPECT_THAT(seen("web"), ElementsAre("back 10.6.0.2 via 10.6.0.1"));
  EXPECT_THAT(found(front, "www"), IsEmpty());
  ASSERT_TRUE(leave("web", "back"));
  EXPECT_THAT(seen("web"), IsEmpty());
  EXPECT_EQ(daemon_->network->endpoints().size(), 0u);
  ASSERT_TRUE(join("web", "front"));
  EXPECT_THAT(seen("web"), ElementsAre("front 10.5.0.2 via 10.5.0.1"));
  EXPECT_THAT(routes("web"), HasSubstr("eth0\t00000000\t0100050A"));
}

TEST_F(NetworksTest, PortsMoveWithTheWayOut) {
  make_network("front", "10.5.0.0/24");
  auto wanted = on({}, "web");
  wanted.ports = {{.container_port = 80}};
  start(std::move(wanted));
  const auto before = find("web")->ports;
  ASSERT_EQ(before.size(), 1u);
  ASSERT_TRUE(join("web", "front"));
  ASSERT_TRUE(leave("web", "bridge"));
  EXPECT_EQ(find("web")->ports, before);
}

TEST_F(NetworksTest, OnInternalNetworksAloneThereIsNoWayOut) {
  make_network("inside", "10.5.0.0/24", true);
  make_network("front", "10.6.0.0/24");
  start(on({"inside"}, "web"));
  EXPECT_THAT(routes("web"), ::testing::Not(HasSubstr("\t00000000\t0100")));
  ASSERT_TRUE(join("web", "front"));
  EXPECT_THAT(routes("web"), HasSubstr("eth1\t00000000\t0100060A"));
  ASSERT_TRUE(leave("web", "front"));
  EXPECT_THAT(routes("web"), ::testing::Not(HasSubstr("\t00000000\t0100")));
}

TEST_F(NetworksTest, OneThatIsStoppedJoinsWhenItStarts) {
  make_network("front", "10.5.0.0/24");
  create(on({}, "web"));
  ASSERT_TRUE(join("web", "front", "10.5.0.9"));
  ASSERT_TRUE(join("web", "front", "10.5.0.10"));  // Asked again: the last counts.
  ASSERT_TRUE(leave("web", "bridge"));
  EXPECT_THAT(seen("web"), ElementsAre("front  via "));
  ASSERT_TRUE(run(containers().start("web")));
  EXPECT_THAT(seen("web"), ElementsAre("front 10.5.0.10 via 10.5.0.1"));
}

TEST_F(NetworksTest, WhatCannotBeConnectedSaysWhy) {
  make_network("front", "10.5.0.0/24");
  make_network("any");
  start(on({"front"}, "web"));
  start(on({"host"}, "host"));
  start(on({"none"}, "none"));
  auto shares = on({}, "shares");
  shares.network_mode = "container:web";
  start(std::move(shares));
  start(on({}, "plain"));
  const auto why = [](const Result<void>& result) {
    return result ? std::string("done") : result.error().message;
  };
  EXPECT_EQ(why(join("web", "front")), "endpoint with name web already exists in network front");
  EXPECT_EQ(why(join("web", "nope")), "network nope not found");
  EXPECT_EQ(why(join("nope", "front")), "No such container: nope");
  EXPECT_EQ(why(join("web", "host")),
            "container cannot be disconnected from host network or connected to host network");
  for (const auto* name : {"host", "shares"}) {
    EXPECT_THAT(why(join(name, "front")), HasSubstr("container sharing network namespace")) << name;
  }
  EXPECT_THAT(why(join("none", "front")), HasSubstr("in private (none) mode"));
  EXPECT_THAT(why(join("plain", "none")), HasSubstr("in private (none) mode"));
  EXPECT_EQ(why(join("plain", "front", "10.6.0.1")),
            "Invalid address 10.6.0.1: It does not belong to any of this network's subnets");
  EXPECT_EQ(why(join("plain", "front", "10.5.0.2")), "Address already in use");
  EXPECT_EQ(why(join("plain", "front", "10.5.0.1")),
            "Invalid address 10.5.0.1: It does not belong to any of this network's subnets");
  EXPECT_EQ(why(join("plain", "front", "junk")), "invalid IPv4 address: junk");
  EXPECT_THAT(why(join("plain", "any", "172.18.0.9")), HasSubstr("user configured subnets"));
  EXPECT_EQ(seen("plain").size(), 1u);
  EXPECT_EQ(why(leave("plain", "front")),
            fmt::format("container {} is not connected to the network front", find("plain")->id));
  EXPECT_THAT(why(leave("host", "host")), HasSubstr("disconnected from host network"));
}

TEST_F(NetworksTest, WhatCannotBeCreatedSaysWhy) {
  make_network("front", "10.5.0.0/24");
  const auto why = [&](model::ContainerConfig wanted) {
    const auto created = run(containers().create(std::move(wanted)));
    return created ? std::string("created") : created.error().message;
  };
  EXPECT_EQ(why(on({"nope"}, "")), "network nope not found");
  EXPECT_EQ(why(on({"front", "front"}, "")), "network front is named twice");
  EXPECT_THAT(why(on({"host", "front"}, "")), HasSubstr("container sharing network namespace"));
  EXPECT_THAT(why(on({"front", "none"}, "")), HasSubstr("in private (none) mode"));
  auto aliased = on({"bridge"}, "");
  aliased.networks[0].aliases = {"www"};
  EXPECT_THAT(why(aliased), HasSubstr("network-scoped alias is supported only"));
  auto addressed = on({"bridge"}, "");
  addressed.networks[0].address = "172.17.0.9";
  EXPECT_THAT(why(addressed), HasSubstr("supported on user defined networks only"));
}

TEST_F(NetworksTest, ACrashOfTheDaemonChangesNothing) {
  const auto front = make_network("front", "10.5.0.0/24");
  const auto back = make_network("back");
  start(on({"front"}, "web"));
  ASSERT_TRUE(join("web", "back"));
  const auto before = seen("web");
  const auto routed = routes("web");
  const auto shown = containers().networks().list();
  crash_and_restart();
  EXPECT_EQ(seen("web"), before);
  EXPECT_EQ(routes("web"), routed);
  ASSERT_TRUE(leave("web", "back"));  // After it was adopted.
  EXPECT_THAT(found(front, "web"), ElementsAre("10.5.0.2"));
  const auto again = containers().networks().list();
  ASSERT_EQ(again.size(), shown.size());
  for (size_t i = 0; i < again.size(); ++i) {
    EXPECT_EQ(again[i]->id, shown[i]->id);
    EXPECT_EQ(again[i]->spec, shown[i]->spec);
  }
  EXPECT_TRUE(run(containers().networks().remove(back)));
  EXPECT_EQ(run(containers().networks().remove(front)).error().code, ErrorCode::PermissionDenied);
}

TEST_F(NetworksTest, ARebootBringsNetworksBackAndContainersOntoThem) {
  const auto front = make_network("front", "10.5.0.0/24");
  auto wanted = on({"front"}, "web");
  wanted.restart = model::ContainerRestart::Always;
  start(std::move(wanted));
  reboot();
  await_status("web", Status::Running);
  EXPECT_THAT(found(front, "web"), ElementsAre("10.5.0.2"));
}

TEST_F(NetworksTest, AContainerOfANetworkThatIsGoneSaysSoAndMayLeaveIt) {
  const auto front = make_network("front", "10.5.0.0/24");
  create(on({"front"}, "web"));
  ASSERT_TRUE(run(containers().networks().remove("front")));
  const auto started = run(containers().start("web"));
  EXPECT_EQ(started.error().message, fmt::format("network {} not found", front));
  ASSERT_TRUE(leave("web", "front"));
  ASSERT_TRUE(join("web", "bridge"));
  EXPECT_TRUE(run(containers().start("web")));
}

TEST_F(NetworksTest, ADamagedRecordCostsOnlyItsNetwork) {
  const auto front = make_network("front", "10.5.0.0/24");
  make_network("back");
  ASSERT_TRUE(os::write_file(folder_ + "/data/networks/" + front + ".json", "nonsense"));
  crash_and_restart();
  EXPECT_EQ(containers().networks().find("front").error().code, ErrorCode::NotFound);
  EXPECT_TRUE(containers().networks().find("back"));
  make_network("front", "10.5.0.0/24");
}

}  // namespace
}  // namespace shoal::containers
