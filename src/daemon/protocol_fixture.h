// For the tests of the node protocol from end to end: a manager with its port on loopback over a
// store in memory, an agent's link to it, and what hears what they say.
#pragma once

#include <gtest/gtest.h>

#include "agent/certificate.h"
#include "agent/rpc_link.h"
#include "ca/join_token.h"
#include "crypto/random.h"
#include "crypto/root_ca.h"
#include "daemon/own_certificate.h"
#include "manager/core/bootstrap.h"
#include "manager/serve/node_protocol.h"
#include "store/memory_engine.h"

namespace shoal::daemon {

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
  void on_networks(const model::NetworksMessage& message) override {
    networks.push_back(message);
    changed.notify();
  }
  void on_end(const Error& reason) override {
    ends.push_back(reason);
    changed.notify();
  }

  std::vector<model::SessionMessage> sessions;
  std::vector<model::AssignmentsMessage> assignments;
  std::vector<model::NetworksMessage> networks;
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

// Answers by what the path says: "/echo" gives back what comes in, "/pour" writes without end,
// "/wait" waits for the end of the visit, "/fail" breaks off, everything else answers with itself.
class FakeHost final : public agent::ReachHost {
 public:
  os::Co<Result<void>> answer(model::ReachRequest request, agent::ReachVisit& visit) override {
    ++begun;
    changed.notify();
    model::ReachOutput head;
    head.head = model::ReachHead{.form = model::ReachForm::Raw, .content_type = "text/plain"};
    head.bytes = request.path;
    Result<void> answered = co_await visit.write(std::move(head));
    if (answered && request.path == "/echo") answered = co_await echo(visit);
    if (answered && request.path == "/pour") answered = co_await pour(visit);
    if (answered && request.path == "/fail") answered = internal_error("it fails");
    if (answered && request.path == "/wait") {
      answered = cancelled("it was waited for");
      while (!visit.over().stopped()) (void)co_await changed.wait(visit.over());
    }
    ++ended;
    changed.notify();
    co_return answered;
  }

  int begun = 0;
  int ended = 0;
  size_t poured_bytes = 0;
  os::Signal changed;

 private:
  static os::Co<Result<void>> echo(agent::ReachVisit& visit) {
    for (;;) {
      CO_ASSIGN_OR_RETURN(auto bytes, co_await visit.read(visit.over()));
      model::ReachOutput output;
      output.end = bytes.empty();
      output.bytes = std::move(bytes);
      const bool last = output.end;
      CO_RETURN_IF_ERROR(co_await visit.write(std::move(output)));
      if (last) co_return Result<void>{};
    }
  }
  os::Co<Result<void>> pour(agent::ReachVisit& visit) {
    for (;;) {
      model::ReachOutput output;
      output.bytes.assign(model::kReachPieceMax, 'x');
      CO_RETURN_IF_ERROR(co_await visit.write(std::move(output)));
      poured_bytes += model::kReachPieceMax;
      changed.notify();
    }
  }
};

inline model::Cluster founding_cluster(const crypto::RootCa& root) {
  model::Cluster cluster;
  cluster.id = model::ClusterId::of("cluster");
  cluster.root_ca = root.tls;
  cluster.root_ca_key = root.key_pem;
  return cluster;
}

struct ProtocolFixture : testing::Test {
  ProtocolFixture() {
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
    rpc::ChannelOptions options = to_manager(credentials);
    remotes.emplace(std::vector{options.address});
    link.emplace(loop, log, logs, host, std::move(options), *remotes);
  }

  void found() {
    manager::NewSwarm swarm;
    swarm.cluster_id = model::ClusterId::of("cluster");
    swarm.node_id = node;
    swarm.ingress_id = model::NetworkId::random(rng);
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
    task.status.state = model::TaskState::Assigned;
    CHECK(
        manager->store()->update(loop.now(), [&](store::WriteTx& tx) { return tx.create(task); }));
    return task.id;
  }

  // Runs the test's story on the loop, and stops everything after it.
  template <class Story>
  void run(Story story) {
    auto body = [](ProtocolFixture& t, Story& tell) -> os::Co<> {
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
  os::Co<> open(uint32_t shoal_version = 0) {
    model::SessionRequest request;
    request.description.hostname = "host";
    request.description.shoal_version = shoal_version;
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
  FakeHost host;
  std::optional<agent::Remotes> remotes;
  std::optional<agent::RpcLink> link;
  std::optional<model::SessionId> session;
  bool finished = false;
};

}  // namespace shoal::daemon
