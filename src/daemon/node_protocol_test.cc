// The node protocol from end to end: a manager with its port, and the agent's link to it, over TLS
// on loopback.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent/certificate.h"
#include "agent/rpc_link.h"
#include "ca/join_token.h"
#include "crypto/certificate.h"
#include "crypto/random.h"
#include "crypto/root_ca.h"
#include "daemon/own_certificate.h"
#include "manager/core/bootstrap.h"
#include "manager/serve/node_protocol.h"
#include "store/memory_engine.h"

namespace shoal::daemon {
namespace {
using model::TaskState;
using testing::ElementsAre;
using testing::HasSubstr;

// What a disk would be: outlives the engines over it.
class LoopEngine final : public store::Engine {
 public:
  LoopEngine(os::Loop& loop, store::MemoryEngine& disk) : loop_(loop), disk_(disk) {}
  Result<Contents> load() override { return disk_.load(); }
  void commit(std::shared_ptr<const store::Batch> batch, Done done) override {
    disk_.commit(std::move(batch), std::move(done));
    loop_.post([this] { disk_.flush_one(); });
  }

 private:
  os::Loop& loop_;
  store::MemoryEngine& disk_;
};

// Writes down what the link hears.
class Ear final : public agent::Listener {
 public:
  void on_session(const model::SessionMessage& message) override {
    sessions.push_back(message);
    changed.notify();
  }
  void on_assignments(const model::AssignmentsMessage& message) override {
    assignments.push_back(message);
    changed.notify();
  }
  void on_end(const Error& reason) override {
    ends.push_back(reason);
    changed.notify();
  }

  std::vector<model::SessionMessage> sessions;
  std::vector<model::AssignmentsMessage> assignments;
  std::vector<Error> ends;
  os::Signal changed;
};

// One line for every reading, and for a follower another one at each push().
class FakeLogs final : public agent::LogSource {
 public:
  os::Co<Result<void>> read(model::LogSubscription what, Sink sink, os::StopToken stop) override {
    asked.push_back(what);
    for (int i = 0;; ++i) {
      std::vector<model::LogMessage> lines{{.service = what.selector.services.front(),
                                            .node = node,
                                            .task = {},
                                            .time = Time{i + 1},
                                            .stream = model::LogStream::Stdout,
                                            .data = "line " + std::to_string(i) + "\n",
                                            .attributes = {}}};
      CO_RETURN_IF_ERROR(co_await sink(std::move(lines)));
      if (!what.options.follow) co_return Result<void>{};
      if (!co_await pushed.wait(stop)) {
        ++stopped;
        changed.notify();
        co_return cancelled("stopped");
      }
    }
  }

  model::NodeId node;
  std::vector<model::LogSubscription> asked;
  os::Signal pushed, changed;
  int stopped = 0;
};

model::Cluster founding_cluster(const crypto::RootCa& root) {
  model::Cluster cluster;
  cluster.id = model::ClusterId::of("cluster");
  cluster.root_ca = root.tls;
  cluster.root_ca_key = root.key_pem;
  return cluster;
}

struct NodeProtocolTest : testing::Test {
  NodeProtocolTest() {
    root = *crypto::make_root_ca(loop.now());
    mine = *make_own_certificate(founding_cluster(root), node, loop.now());
    credentials = *rpc::Credentials::make(mine);
    manager.emplace(loop, rng, log, [this]() -> Result<std::unique_ptr<store::Engine>> {
      return std::make_unique<LoopEngine>(loop, disk);
    });
    CHECK(manager->open());
    found();
    protocol.emplace(loop, rng, log, *manager, credentials);
    CHECK(protocol->listen("127.0.0.1:0"));
    logs.node = node;
    link.emplace(loop, log, logs, to_manager(credentials));
  }

  void found() {
    manager::NewSwarm swarm;
    swarm.cluster_id = model::ClusterId::of("cluster");
    swarm.node_id = node;
    swarm.manager_address = "127.0.0.1:2377";
    swarm.join_token_worker = token();
    swarm.join_token_manager = token();
    swarm.root_ca = root.tls;
    swarm.root_ca_key = root.key_pem;
    CHECK(manager->store()->update(
        loop.now(), [&](store::WriteTx& tx) { return manager::create_swarm(tx, swarm); }));
  }
  std::string token() {
    return ca::make_join_token(crypto::sha256(root.certificate_pem),
                               crypto::random_bytes(ca::kSecretBytes));
  }
  rpc::ChannelOptions to_manager(std::shared_ptr<rpc::Credentials> with) {
    rpc::ChannelOptions options;
    options.address = "127.0.0.1:" + std::to_string(protocol->port());
    options.credentials = std::move(with);
    return options;
  }
  model::Ref<model::Cluster> cluster() {
    return manager->store()->read().clusters().by_name(manager::kClusterName);
  }
  model::Ref<model::Node> stored_node() { return manager->store()->read().nodes().get(node); }

  // A task that runs nowhere yet, for this node.
  model::TaskId assign(const char* name) {
    auto spec = std::make_shared<model::TaskSpec>();
    spec->container.image = "web:1";
    model::Task task;
    task.id = model::TaskId::of(name);
    task.service_id = model::ServiceId::of("web");
    task.slot = 1;
    task.node_id = node;
    task.spec = spec;
    task.service_annotations = std::make_shared<model::Annotations>();
    task.status.state = TaskState::Assigned;
    CHECK(
        manager->store()->update(loop.now(), [&](store::WriteTx& tx) { return tx.create(task); }));
    return task.id;
  }

  // Runs the test's story on the loop, and stops everything after it.
  template <class Story>
  void run(Story story) {
    auto body = [](NodeProtocolTest& t, Story& tell) -> os::Co<> {
      co_await tell(t);
      if (t.session) t.link->close(*t.session);
      co_await t.link->finished();
      co_await t.protocol->close();
      t.finished = true;
      t.loop.stop();
    };
    const auto bound = loop.at(loop.now() + 60s, [this] { loop.stop(); });
    loop.post([&] { os::spawn(body(*this, story)); });
    loop.run();
    ASSERT_TRUE(finished) << "it hangs";
  }
  os::Co<> open() {
    model::SessionRequest request;
    request.description.hostname = "host";
    auto opened = co_await link->open(std::move(request), ear);
    EXPECT_TRUE(opened) << opened.error().message;
    if (opened) session = *opened;
  }
  template <class Condition>
  os::Co<> until(Condition condition) {
    while (!condition()) (void)co_await ear.changed.wait();
  }

  os::Loop loop{2};
  Rng rng{crypto::random_seed()};
  NullLog log;
  store::MemoryEngine disk;
  const model::NodeId node = model::NodeId::of("n1");
  crypto::RootCa root;
  rpc::CredentialsPem mine;
  std::shared_ptr<rpc::Credentials> credentials;
  std::optional<manager::Manager> manager;
  std::optional<manager::NodeProtocol> protocol;
  Ear ear;
  FakeLogs logs;
  std::optional<agent::RpcLink> link;
  std::optional<model::SessionId> session;
  bool finished = false;
};
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
