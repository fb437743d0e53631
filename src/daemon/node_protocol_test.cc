// The node protocol from end to end: a manager with its port, and the agent's link to it, over TLS
// on loopback.
#include <gmock/gmock.h>

#include "codec/wire/dispatcher.h"
#include "crypto/certificate.h"
#include "daemon/protocol_fixture.h"

namespace shoal::daemon {
namespace {
using model::TaskState;
using testing::ElementsAre;
using testing::HasSubstr;

using NodeProtocolTest = ProtocolFixture;
using T = NodeProtocolTest;

TEST_F(NodeProtocolTest, ATaskGoesOutAndItsStatusComesBack) {
  run([](T& t) -> os::Co<> {
    co_await t.open();
    co_await t.until([&] { return !t.ear.sessions.empty(); });
    EXPECT_EQ(t.ear.sessions[0].session, *t.session);
    EXPECT_EQ(t.ear.sessions[0].node->id, t.node);
    EXPECT_EQ(t.ear.sessions[0].managers.size(), 1u);
    EXPECT_EQ(t.stored_node()->status.state, model::NodeState::Ready);

    EXPECT_TRUE(co_await t.link->subscribe(*t.session));
    co_await t.until([&] { return t.ear.assignments.size() == 1; });
    EXPECT_EQ(t.ear.assignments[0].type, model::AssignmentsType::Complete);
    const model::TaskId task = t.assign("task");
    co_await t.until([&] { return t.ear.assignments.size() == 2; });
    EXPECT_EQ(t.ear.assignments[1].changes.at(0).task->spec->container.image, "web:1");

    const Result<Duration> period = co_await t.link->heartbeat(*t.session);
    EXPECT_EQ(period.value_or(Duration{0}), 1s);
    std::vector<model::StatusUpdate> updates(1);
    updates[0].task = task;
    updates[0].status.state = TaskState::Running;
    EXPECT_TRUE(co_await t.link->report(*t.session, std::move(updates)));
    const store::Store* store = t.manager->store();
    os::Signal changed;
    const auto watch = t.manager->store()->watch([&](const store::Batch&) { changed.notify(); });
    while (store->read().tasks().get(task)->status.state != TaskState::Running) {
      (void)co_await changed.wait();
    }
  });
}

TEST_F(NodeProtocolTest, ADescriptionIsRenewedWithinTheSession) {
  run([](T& t) -> os::Co<> {
    co_await t.open();
    EXPECT_TRUE(co_await t.link->subscribe(*t.session));
    co_await t.until([&] { return t.ear.assignments.size() == 1; });
    model::SessionRequest request;
    request.description.hostname = "renamed";
    request.previous = *t.session;
    const auto again = co_await t.link->open(std::move(request), t.ear);
    EXPECT_EQ(again.value_or(model::SessionId()), *t.session);
    co_await t.until([&] { return t.ear.sessions.size() >= 2; });
    t.assign("task");
    co_await t.until([&] { return t.ear.assignments.size() == 2; });
    EXPECT_THAT(t.ear.ends, ElementsAre());
  });
}

TEST_F(NodeProtocolTest, ARenewalThatFindsNoManagerEndsTheSession) {
  run([](T& t) -> os::Co<> {
    co_await t.open();
    EXPECT_TRUE(co_await t.link->subscribe(*t.session));
    co_await t.until([&] { return t.ear.assignments.size() == 1; });
    // The streams break while the renewal is on its way, and the renewal fails.
    co_await t.protocol->close();
    model::SessionRequest request;
    request.previous = *t.session;
    const auto again = co_await t.link->open(std::move(request), t.ear);
    EXPECT_EQ(again.error().code, ErrorCode::Unavailable);
    co_await t.until([&] { return t.ear.ends.size() == 1; });
    co_await t.link->finished();
  });
}

TEST_F(NodeProtocolTest, ASessionEndsWithTheTermAndANewOneBegins) {
  run([](T& t) -> os::Co<> {
    co_await t.open();
    EXPECT_TRUE(co_await t.link->subscribe(*t.session));
    co_await t.until([&] { return t.ear.assignments.size() == 1; });
    t.disk.fail(Error{ErrorCode::Unavailable, "disk full"});
    t.assign("lost");
    co_await t.until([&] { return t.ear.ends.size() == 1; });
    EXPECT_THAT(t.ear.ends[0].message, HasSubstr("disk full"));
    while (!t.manager->store()) (void)co_await t.loop.sleep(10ms);
    t.session.reset();
    co_await t.open();
    EXPECT_EQ(t.ear.ends.size(), 1u);
  });
}

// A network that this node takes part in, with a running task of its own.
model::TaskId attach(T& t, const char* name) {
  const model::TaskId id = t.assign(name);
  CHECK(t.manager->store()->update(t.loop.now(), [&](store::WriteTx& tx) -> Result<void> {
    model::Network network;
    network.id = model::NetworkId::of("net1");
    network.spec.annotations.name = "front";
    network.allocation = model::NetworkAllocation{.ipam = {}, .vni = 4100};
    if (!tx.read().networks().get(network.id)) RETURN_IF_ERROR(tx.create(network));
    model::Task task = *tx.read().tasks().get(id);
    task.networks = {{.network = network.id, .addresses = {"10.0.1.2/24"}, .aliases = {}}};
    task.status.state = TaskState::Running;
    return tx.update(std::move(task));
  }));
  return id;
}

TEST_F(NodeProtocolTest, ANodeHearsOfItsNetworksAndATaskIsWithdrawnBeforeItStops) {
  run([](T& t) -> os::Co<> {
    co_await t.open(model::kShoalVersion);
    EXPECT_TRUE(co_await t.link->subscribe(*t.session));
    EXPECT_TRUE(co_await t.link->watch_networks(*t.session));
    co_await t.until([&] { return t.ear.networks.size() == 1; });
    EXPECT_TRUE(t.ear.networks[0].complete);
    EXPECT_TRUE(co_await t.link->acknowledge(*t.session, t.ear.networks[0].version));
    const model::TaskId id = attach(t, "task");
    co_await t.until([&] { return t.ear.networks.size() == 2; });
    EXPECT_TRUE(std::holds_alternative<model::NetworkView>(*t.ear.networks[1].changes.at(0)));
    EXPECT_TRUE(std::get<model::EndpointView>(*t.ear.networks[1].changes.at(1)).serving);
    EXPECT_TRUE(co_await t.link->acknowledge(*t.session, t.ear.networks[1].version));

    const size_t before = t.ear.assignments.size();
    CHECK(t.manager->store()->update(t.loop.now(), [&](store::WriteTx& tx) {
      model::Task task = *tx.read().tasks().get(id);
      task.desired_state = TaskState::Shutdown;
      return tx.update(std::move(task));
    }));
    co_await t.until([&] { return t.ear.networks.size() == 3; });
    EXPECT_FALSE(std::get<model::EndpointView>(*t.ear.networks[2].changes.at(0)).serving);
    for (size_t i = 0; i < t.ear.assignments.size(); ++i) {
      for (const auto& change : t.ear.assignments[i].changes) {
        EXPECT_EQ(change.task->desired_state, TaskState::Running) << i << " of " << before;
      }
    }
    EXPECT_TRUE(co_await t.link->acknowledge(*t.session, t.ear.networks[2].version));
    co_await t.until([&] {
      const auto& last = t.ear.assignments.back().changes;
      return last.size() == 1 && last[0].task->desired_state == TaskState::Shutdown;
    });
  });
}

TEST_F(NodeProtocolTest, AnswersThatFitNothingAreRefused) {
  run([](T& t) -> os::Co<> {
    const auto early = co_await t.link->acknowledge(model::SessionId::of("nobody"), 1);
    EXPECT_EQ(early.error().code, ErrorCode::NotFound);
    co_await t.open(model::kShoalVersion);
    const auto unwatched = co_await t.link->acknowledge(*t.session, 1);
    EXPECT_EQ(unwatched.error().code, ErrorCode::FailedPrecondition);
    EXPECT_TRUE(co_await t.link->watch_networks(*t.session));
    co_await t.until([&] { return t.ear.networks.size() == 1; });
    const auto unsent = co_await t.link->acknowledge(*t.session, 1'000'000);
    EXPECT_EQ(unsent.error().code, ErrorCode::InvalidArgument);
    EXPECT_THAT(t.ear.ends, ElementsAre());
  });
}

TEST_F(NodeProtocolTest, ASecondWatchBeginsAnewAndAStaleOneEndsTheSession) {
  run([](T& t) -> os::Co<> {
    co_await t.open(model::kShoalVersion);
    for (size_t i = 1; i <= 2; ++i) {
      EXPECT_TRUE(co_await t.link->watch_networks(*t.session));
      co_await t.until([&] { return t.ear.networks.size() == i; });
      EXPECT_TRUE(t.ear.networks.back().complete);
    }
    EXPECT_THAT(t.ear.ends, ElementsAre());
    t.manager->dispatcher()->end_session(t.node, *t.session);
    EXPECT_TRUE(co_await t.link->watch_networks(*t.session));
    co_await t.until([&] { return t.ear.ends.size() == 1; });
    EXPECT_EQ(t.ear.ends[0].message, "node not registered");
    t.session.reset();
  });
}

// A Docker manager: it knows the Dispatcher's calls and nothing of ours.
TEST_F(NodeProtocolTest, AManagerThatHasNoNetworksIsTolerated) {
  run([](T& t) -> os::Co<> {
    rpc::Server docker(t.loop, t.log, t.credentials);
    docker.stream("/docker.swarmkit.v1.Dispatcher/Session",
                  [](rpc::Call& call) -> os::Co<Result<void>> {
                    (void)co_await call.read();
                    std::string first =
                        wire::encode(model::SessionMessage{.session = model::SessionId::of("s1")});
                    CO_RETURN_IF_ERROR(co_await call.write(std::move(first)));
                    os::OneShot<bool> over;
                    const auto guard = call.cancelled().on_stop([over] { over.set(true); });
                    (void)co_await over;
                    co_return Result<void>{};
                  },
                  {});
    CHECK(docker.listen("127.0.0.1:0"));
    agent::Remotes there({"127.0.0.1:" + std::to_string(docker.port())});
    rpc::ChannelOptions options = t.to_manager(t.credentials);
    agent::RpcLink to_docker(t.loop, t.log, t.logs, t.host, std::move(options), there);
    model::SessionRequest request;
    const auto opened = co_await to_docker.open(std::move(request), t.ear);
    EXPECT_EQ(opened.value_or(model::SessionId()), model::SessionId::of("s1"));
    EXPECT_TRUE(co_await to_docker.watch_networks(*opened));
    // The answer of another call of the same connection comes after the refusal of the watch.
    const auto beat = co_await to_docker.heartbeat(*opened);
    EXPECT_EQ(beat.error().code, ErrorCode::Unimplemented);
    EXPECT_THAT(t.ear.ends, ElementsAre());
    EXPECT_THAT(t.ear.networks, ElementsAre());
    to_docker.close(*opened);
    co_await to_docker.finished();
    co_await docker.close();
  });
}

// A worker of the swarm with a link of its own.
struct Worker {
  Worker(T& t, const char* name) : id(model::NodeId::of(name)) {
    CHECK(t.manager->store()->update(t.loop.now(), [&](store::WriteTx& tx) {
      model::Node node;
      node.id = id;
      return tx.create(std::move(node));
    }));
    const auto shown = *make_own_certificate(founding_cluster(t.root), id, t.loop.now());
    rpc::ChannelOptions options = t.to_manager(*rpc::Credentials::make(shown));
    remotes.emplace(std::vector{options.address});
    link.emplace(t.loop, t.log, t.logs, t.host, std::move(options), *remotes);
  }

  const model::NodeId id;
  std::optional<agent::Remotes> remotes;
  std::optional<agent::RpcLink> link;
};

void add_network(T& t, const char* name, bool attachable) {
  CHECK(t.manager->store()->update(t.loop.now(), [&](store::WriteTx& tx) {
    model::Network network;
    network.id = model::NetworkId::of(name);
    network.spec.annotations.name = name;
    network.spec.driver.name = "overlay";
    network.spec.attachable = attachable;
    network.spec.ipam = {{.subnet = "10.7.0.0/24", .range = "", .gateway = "", .auxiliary = {}}};
    return tx.create(std::move(network));
  }));
}

// The network "front" has its addresses, and the node has said what it is.
os::Co<> until_known(T& t, const model::NodeId node) {
  os::Signal changed;
  const auto watch = t.manager->store()->watch([&](const store::Batch&) { changed.notify(); });
  const store::Tables& tables = t.manager->store()->read();
  const auto known = [&] {
    return tables.networks().get(model::NetworkId::of("front"))->allocation &&
           tables.nodes().get(node)->description.shoal_version > 0;
  };
  while (!known()) (void)co_await changed.wait();
}

model::AttachRequest attach_request(const char* network, char digit, std::string address = "") {
  model::AttachRequest request;
  request.network.target = network;
  request.network.aliases = {"db"};
  if (!address.empty()) request.network.addresses = {std::move(address)};
  request.container_id = std::string(64, digit);
  return request;
}

const model::Task* assigned(const T& t, const model::TaskId& id) {
  for (const auto& message : t.ear.assignments) {
    for (const auto& change : message.changes) {
      if (change.task_id == id && change.task) return change.task.get();
    }
  }
  return nullptr;
}

bool was_removed(const T& t, const model::TaskId& id) {
  if (t.ear.assignments.empty() || t.ear.assignments.back().changes.empty()) return false;
  const auto& last = t.ear.assignments.back().changes.back();
  return last.task_id == id && last.action == model::AssignmentAction::Remove;
}

// Takes in all that comes until the endpoint is told of as it should be, or as gone.
os::Co<> until_endpoint(T& t, const model::TaskId id, bool serving, bool gone) {
  size_t seen = 0;
  for (bool found = false; !found;) {
    co_await t.until([&] { return t.ear.networks.size() > seen; });
    const model::NetworksMessage message = t.ear.networks[seen++];
    for (const auto& change : message.changes) {
      const auto* view = std::get_if<model::EndpointView>(change.get());
      const auto* end = std::get_if<model::EndpointGone>(change.get());
      found |= view && view->task == id && view->serving == serving && !gone;
      found |= gone && end && end->task == id;
    }
    (void)co_await t.link->acknowledge(*t.session, message.version);
  }
}

TEST_F(NodeProtocolTest, AContainerIsAttachedFoundByTheOthersAndDetached) {
  run([](T& t) -> os::Co<> {
    add_network(t, "front", true);
    co_await t.open(model::kShoalVersion);
    EXPECT_TRUE(co_await t.link->subscribe(*t.session));
    EXPECT_TRUE(co_await t.link->watch_networks(*t.session));
    co_await until_known(t, t.node);

    auto request = attach_request("front", 'a', "10.7.0.9");
    const auto id = co_await t.link->attach_network(request);
    CHECK(id, "{}", id.error().message);
    co_await t.until([&] { return assigned(t, *id) != nullptr; });
    const model::Task& task = *assigned(t, *id);
    EXPECT_EQ(task.spec->attachment.value().container_id, std::string(64, 'a'));
    EXPECT_THAT(task.networks.at(0).addresses, ElementsAre("10.7.0.9/24"));
    EXPECT_THAT(task.networks.at(0).aliases, ElementsAre("db"));
    const auto again = co_await t.link->attach_network(request);
    EXPECT_EQ(again.value_or(model::TaskId()), *id);

    // The node is told of its own container, too.
    std::vector<model::StatusUpdate> updates(1);
    updates[0].task = *id;
    updates[0].status.state = TaskState::Running;
    EXPECT_TRUE(co_await t.link->report(*t.session, std::move(updates)));
    co_await until_endpoint(t, *id, true, false);

    EXPECT_TRUE(co_await t.link->detach_network(*id));
    co_await t.until([&] { return was_removed(t, *id); });
    auto other = attach_request("front", 'b', "10.7.0.9");
    const auto next = co_await t.link->attach_network(other);
    EXPECT_TRUE(next) << "its address is free: " << next.error().message;
  });
}

TEST_F(NodeProtocolTest, AnotherNodeHearsOfAnAttachedContainerAndOfItsEnd) {
  run([](T& t) -> os::Co<> {
    add_network(t, "front", true);
    co_await t.open(model::kShoalVersion);
    EXPECT_TRUE(co_await t.link->subscribe(*t.session));
    EXPECT_TRUE(co_await t.link->watch_networks(*t.session));
    Worker worker(t, "n2");
    Ear heard;
    model::SessionRequest hello;
    hello.description.shoal_version = model::kShoalVersion;
    const auto theirs = co_await worker.link->open(std::move(hello), heard);
    CHECK(theirs, "{}", theirs.error().message);
    co_await until_known(t, t.node);
    co_await until_known(t, worker.id);

    auto first = attach_request("front", 'a');
    const auto own = co_await t.link->attach_network(first);  // Who is in it hears of it.
    auto second = attach_request("front", 'b');
    const auto id = co_await worker.link->attach_network(second);
    CHECK(own && id);
    EXPECT_NE(*own, *id);
    std::vector<model::StatusUpdate> updates(1);
    updates[0].task = *id;
    updates[0].status.state = TaskState::Running;
    // A node reports what it was told to run.
    os::Signal changed;
    const auto watch = t.manager->store()->watch([&](const store::Batch&) { changed.notify(); });
    const store::Tables& tables = t.manager->store()->read();
    while (tables.tasks().get(*id)->status.state != TaskState::Assigned) {
      (void)co_await changed.wait();
    }
    EXPECT_TRUE(co_await worker.link->report(*theirs, std::move(updates)));
    co_await until_endpoint(t, *id, true, false);

    const auto foreign = co_await t.link->detach_network(*id);
    EXPECT_EQ(foreign.error(),
              (Error{ErrorCode::PermissionDenied,
                     fmt::format("attachment {} doesn't belong to this node", *id)}));
    EXPECT_TRUE(co_await worker.link->detach_network(*id));
    co_await until_endpoint(t, *id, false, true);
    const auto twice = co_await worker.link->detach_network(*id);
    EXPECT_EQ(twice.error().code, ErrorCode::NotFound);
    worker.link->close(*theirs);
    co_await worker.link->finished();
  });
}

TEST_F(NodeProtocolTest, WhatCannotBeAttachedIsRefusedWithTheReason) {
  run([](T& t) -> os::Co<> {
    add_network(t, "front", true);
    co_await t.open(model::kShoalVersion);
    co_await until_known(t, t.node);
    const store::Tables& tables = t.manager->store()->read();

    auto first = attach_request("front", 'a', "10.7.0.9");
    EXPECT_TRUE(co_await t.link->attach_network(first));
    const size_t tasks = tables.tasks().size();
    struct Case {
      const char* network;
      std::string address;
      Error expected;
    };
    const std::vector<Case> cases{
        {"nope", "", {ErrorCode::NotFound, "network nope not found"}},
        {"ingress", "", {ErrorCode::PermissionDenied, "network ingress not manually attachable"}},
        {"front", "x", {ErrorCode::InvalidArgument, "invalid address \"x\""}},
        {"front", "10.7.0.9", {ErrorCode::FailedPrecondition, "Address already in use"}},
        {"front",
         "10.9.0.1",
         {ErrorCode::FailedPrecondition,
          "Invalid address 10.9.0.1: It does not belong to any of this network's subnets"}},
    };
    for (const Case& one : cases) {
      auto request = attach_request(one.network, 'b', one.address);
      const auto refused = co_await t.link->attach_network(std::move(request));
      EXPECT_EQ(refused ? Error{} : refused.error(), one.expected);
    }
    EXPECT_EQ(tables.tasks().size(), tasks) << "nothing stays of a refusal";
    rpc::CredentialsPem roots_only;
    roots_only.roots = t.root.certificate_pem;
    rpc::Channel nobody(t.loop, t.log, t.to_manager(*rpc::Credentials::make(roots_only)));
    const auto unknown =
        co_await nobody.call("/docker.swarmkit.v1.ResourceAllocator/AttachNetwork", std::string());
    EXPECT_EQ(unknown.error().code, ErrorCode::Unauthenticated);
  });
}

TEST_F(NodeProtocolTest, StaleSessionsAndForeignTasksAreRefused) {
  run([](T& t) -> os::Co<> {
    const auto unknown = co_await t.link->heartbeat(model::SessionId::of("nobody"));
    EXPECT_EQ(unknown.error().code, ErrorCode::NotFound);
    co_await t.open();
    const auto stale = co_await t.link->heartbeat(model::SessionId::of("nobody"));
    EXPECT_EQ(stale.error().code, ErrorCode::InvalidArgument);
    EXPECT_EQ(stale.error().message, "session invalid");
  });
}

TEST_F(NodeProtocolTest, LogsAreReadFollowedAndTakenBack) {
  run([](T& t) -> os::Co<> {
    t.assign("task");
    co_await t.open();
    model::LogSelector web;
    web.services = {model::ServiceId::of("web")};
    const os::StopToken never;
    auto reader = t.manager->log_broker().read(web, {});
    const auto first = co_await (*reader)->next(never);
    EXPECT_EQ(first.value().at(0).data, "line 0\n");
    const auto end = co_await (*reader)->next(never);
    EXPECT_TRUE(end.value().empty());
    EXPECT_THAT((*reader)->missing(), ElementsAre());

    const model::LogOptions follow{.follow = true, .tail = {}, .since = {}};
    auto follower = t.manager->log_broker().read(web, follow);
    (void)co_await (*follower)->next(never);
    t.logs.pushed.notify();
    const auto second = co_await (*follower)->next(never);
    EXPECT_EQ(second.value().at(0).data, "line 1\n");
    follower->reset();
    while (t.logs.stopped == 0) (void)co_await t.logs.changed.wait();
  });
}

TEST_F(NodeProtocolTest, ACertificateIsRenewedWhileTheSessionGoesOn) {
  run([](T& t) -> os::Co<> {
    co_await t.open();
    model::IssueRequest request;
    const auto fresh = co_await agent::request_certificate(t.loop, t.link->channel(), t.mine.roots,
                                                           std::move(request));
    EXPECT_TRUE(fresh) << fresh.error().message;
    EXPECT_NE(fresh->key, t.mine.key);
    EXPECT_TRUE(check_own_certificate(*fresh, t.node, t.loop.now()));
    EXPECT_TRUE(t.credentials->replace(*fresh));
    EXPECT_TRUE(co_await t.link->heartbeat(*t.session));
    EXPECT_THAT(t.ear.ends, ElementsAre());
  });
}

TEST_F(NodeProtocolTest, AMachineJoinsWithTheWorkersToken) {
  run([](T& t) -> os::Co<> {
    rpc::CredentialsPem roots_only;
    roots_only.roots = t.root.certificate_pem;
    rpc::ChannelOptions options = t.to_manager(*rpc::Credentials::make(roots_only));
    options.server_name = rpc::kCaName;
    rpc::Channel channel(t.loop, t.log, std::move(options));
    model::IssueRequest request;
    request.token = t.cluster()->join_token_worker;
    const auto joined =
        co_await agent::request_certificate(t.loop, channel, t.mine.roots, std::move(request));
    EXPECT_TRUE(joined) << joined.error().message;
    const auto info = crypto::read_certificate(joined->certificates);
    EXPECT_EQ(info->identity.role, model::NodeRole::Worker);
    EXPECT_NE(t.manager->store()->read().nodes().get(info->identity.node_id), nullptr);

    model::IssueRequest wrong;
    wrong.token = t.token();
    const auto refused =
        co_await agent::request_certificate(t.loop, channel, t.mine.roots, std::move(wrong));
    EXPECT_EQ(refused.error().code, ErrorCode::InvalidArgument);
    model::IssueRequest second_manager;
    second_manager.token = t.cluster()->join_token_manager;
    const auto second = co_await agent::request_certificate(t.loop, channel, t.mine.roots,
                                                            std::move(second_manager));
    EXPECT_EQ(second.error().code, ErrorCode::FailedPrecondition);
  });
}

TEST_F(NodeProtocolTest, ANodeThatWasRemovedAndOneOfAnotherSwarmAreRefused) {
  run([](T& t) -> os::Co<> {
    const auto gone =
        *make_own_certificate(founding_cluster(t.root), model::NodeId::of("gone"), t.loop.now());
    rpc::Channel removed(t.loop, t.log, t.to_manager(*rpc::Credentials::make(gone)));
    const auto unknown =
        co_await removed.call("/docker.swarmkit.v1.Dispatcher/Heartbeat", std::string());
    EXPECT_EQ(unknown.error().code, ErrorCode::NotFound);

    model::Cluster other = founding_cluster(t.root);
    other.id = model::ClusterId::of("other");
    const auto foreign = *make_own_certificate(other, t.node, t.loop.now());
    rpc::Channel stranger(t.loop, t.log, t.to_manager(*rpc::Credentials::make(foreign)));
    const auto refused =
        co_await stranger.call("/docker.swarmkit.v1.Dispatcher/Heartbeat", std::string());
    EXPECT_EQ(refused.error().code, ErrorCode::PermissionDenied);
  });
}

}  // namespace
}  // namespace shoal::daemon
