#include "api/store_events.h"

#include <gtest/gtest.h>

#include "store/testing.h"

namespace shoal::api {
namespace {

// What was posted since the last call: "service update web replicas.new=2 …".
class StoreEvents : public testing::Test {
 protected:
  StoreEvents() {
    watch_ = swarm_.store().watch(
        [this](const store::Batch& batch) { post_changes(batch, swarm_.now(), bus_); });
  }
  std::vector<std::string> heard() {
    std::vector<std::string> lines;
    auto listener = bus_.listen(Time{1});
    bool waiting = true;
    while (waiting) {
      waiting = false;
      os::spawn(take(*listener, lines, waiting));
    }
    lines.erase(lines.begin(), lines.begin() + long(heard_));
    heard_ += lines.size();
    return lines;
  }
  static os::Co<> take(EventBus::Listener& listener, std::vector<std::string>& lines, bool& more) {
    const os::StopSource stop;
    if (listener.queued_count() == 0) co_return;
    const auto event = co_await listener.next(stop.token());
    std::string line = fmt::format("{} {} {}", event->type, event->action, event->id);
    for (const auto& [key, value] : event->attributes) line += fmt::format(" {}={}", key, value);
    lines.push_back(std::move(line));
    more = true;
  }

  store::Swarm swarm_;
  EventBus bus_;
  size_t heard_ = 0;
  std::unique_ptr<store::Store::Watch> watch_;
};

using Lines = std::vector<std::string>;

TEST_F(StoreEvents, ServicesAreToldWithWhatChanged) {
  swarm_.service("web");
  EXPECT_EQ(heard(), Lines{"service create web name=web"});
  swarm_.edit_service("web", [](auto& one) { one.spec.mode = model::ReplicatedMode{2}; });
  EXPECT_EQ(heard(), Lines{"service update web name=web replicas.new=2 replicas.old=1"});
  swarm_.remove(model::ServiceId::of("web"));
  EXPECT_EQ(heard(), Lines{"service remove web name=web"});
}

TEST_F(StoreEvents, NodesAreToldWhenTheirStateOrSpecChangesAndTasksNever) {
  swarm_.node("n1");
  swarm_.edit_node("n1", [](auto& node) { node.status.state = model::NodeState::Down; });
  swarm_.edit_node("n1", [](auto& node) { node.description.engine_version = "2"; });
  swarm_.edit_node("n1", [](auto& node) { node.spec.availability = model::Availability::Drain; });
  swarm_.service("web").running_on({"n1"});
  EXPECT_EQ(heard(), (Lines{"node create n1 name=n1",
                            "node update n1 name=n1 state.new=down state.old=ready",
                            "node update n1 availability.new=drain availability.old=active name=n1",
                            "service create web name=web"}));
}

TEST_F(StoreEvents, NetworksAreToldWhenTheyComeAndGoButNotOfTheAllocatorsWork) {
  model::Network network;
  network.id = model::NetworkId::of("front-id");
  network.spec.annotations.name = "front";
  swarm_.create(network);
  EXPECT_EQ(heard(), Lines{"network create front-id name=front"});
  model::Network allocated = *swarm_.store().read().networks().get(network.id);
  allocated.allocation.emplace();
  swarm_.update(allocated);
  swarm_.remove(network.id);
  EXPECT_EQ(heard(), Lines{"network remove front-id name=front"});
}

TEST_F(StoreEvents, AListenerThatFallsTooFarBehindIsCutOff) {
  auto slow = bus_.listen();
  for (size_t n = 0; n <= kListenerQueueMax; ++n) bus_.post({.type = "node"});
  EXPECT_TRUE(slow->too_slow());
}

}  // namespace
}  // namespace shoal::api
