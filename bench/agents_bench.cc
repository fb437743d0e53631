// bench-agents ADDRESS ROOTS TOKEN COUNT: COUNT agents of one swarm in this process, true to the
// node protocol over real TLS, each with a certificate and a connection of its own; their
// containers are pretended. For P11: how many agents one manager holds.
//
// ADDRESS is a manager's port, ROOTS a file with the swarm's root, TOKEN the workers' join token.
// Prints how long joining and the storm of connections took; then, for each line of its input, the
// latency of the heartbeats since the line before. Ends with its input. bench/agents-figures drives
// it.
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <vector>

#include "agent/certificate.h"
#include "agent/remotes.h"
#include "agent/rpc_link.h"
#include "agent/runner.h"
#include "base/log.h"
#include "crypto/random.h"
#include "os/file.h"
#include "support.h"

namespace shoal {
namespace {

// Requests for certificates, and first dials, under way at one time.
constexpr size_t kJoinsAtOnce = 64;

struct Heartbeats {
  std::vector<Duration> took;
  uint64_t failed = 0;
};

// An RpcLink whose heartbeats are timed.
class TimedLink final : public agent::Link {
 public:
  TimedLink(os::Loop& loop, agent::RpcLink& link, Heartbeats& beats)
      : loop_(loop), link_(link), beats_(beats) {}

  os::Co<Result<model::SessionId>> open(model::SessionRequest request,
                                        agent::Listener& listener) override {
    return link_.open(std::move(request), listener);
  }
  os::Co<Result<void>> subscribe(model::SessionId session) override {
    return link_.subscribe(session);
  }
  os::Co<Result<Duration>> heartbeat(model::SessionId session) override {
    const Time began = loop_.now();
    const Result<Duration> next = co_await link_.heartbeat(session);
    if (next) {
      beats_.took.push_back(loop_.now() - began);
    } else {
      ++beats_.failed;
    }
    co_return next;
  }
  os::Co<Result<void>> report(model::SessionId session,
                              std::vector<model::StatusUpdate> updates) override {
    return link_.report(session, std::move(updates));
  }
  os::Co<Result<void>> watch_networks(model::SessionId session) override {
    return link_.watch_networks(session);
  }
  os::Co<Result<void>> acknowledge(model::SessionId session, uint64_t version) override {
    return link_.acknowledge(session, version);
  }
  void close(model::SessionId session) override { link_.close(session); }

 private:
  os::Loop& loop_;
  agent::RpcLink& link_;
  Heartbeats& beats_;
};

// Does at once whatever is asked, with nothing.
class PretendingExecutor final : public agent::Executor {
 public:
  PretendingExecutor(os::Loop& loop, size_t number) : loop_(loop), number_(number) {}

  void on_outcome(std::function<void(agent::Outcome)> handler) override {
    handler_ = std::move(handler);
  }
  void on_node(const model::Ref<model::Node>&) override {}
  void on_task(const model::Ref<model::Task>&) override {}
  std::vector<agent::FoundContainer> found() override { return {}; }
  void run(agent::Operation operation) override {
    loop_.post([this, operation = std::move(operation)] {
      agent::Outcome outcome{operation.task_id, agent::Stopped{}};
      const model::ContainerStatus container{.container_id = operation.task_id.str()};
      if (operation.kind == agent::OperationKind::Prepare)
        outcome.result = agent::Prepared{container};
      if (operation.kind == agent::OperationKind::Start) {
        outcome.result = agent::Started{container, {}};
      }
      if (operation.kind == agent::OperationKind::Remove) outcome.result = agent::Removed{};
      handler_(std::move(outcome));
    });
  }
  os::Co<Result<void>> apply_networks(const model::NetworksMessage&) override {
    co_return Result<void>{};
  }
  os::Co<model::NodeDescription> describe() override {
    model::NodeDescription node;
    node.shoal_version = model::kShoalVersion;
    node.hostname = fmt::format("agent{}", number_);
    node.platform = {"x86_64", "linux"};
    node.resources.nano_cpus = 8'000'000'000;
    node.resources.memory_bytes = int64_t{32} << 30;
    co_return node;
  }

 private:
  os::Loop& loop_;
  const size_t number_;
  std::function<void(agent::Outcome)> handler_;
};

class NoLogs final : public agent::LogSource {
 public:
  os::Co<Result<void>> read(model::LogSubscription, Sink, os::StopToken) override {
    co_return Result<void>{};
  }
};

class NoReach final : public agent::ReachHost {
 public:
  os::Co<Result<void>> answer(model::ReachRequest, agent::ReachVisit&) override {
    co_return unavailable("nothing is here");
  }
};

struct Swarm {
  os::Loop loop{2};
  Rng rng{crypto::random_seed()};
  NullLog log;
  NoLogs logs;
  NoReach host;
  std::string address, roots, token;
  Heartbeats beats;
};

struct Agent {
  Agent(Swarm& swarm, size_t number, const rpc::CredentialsPem& pem)
      : executor(swarm.loop, number), remotes({swarm.address}) {
    rpc::ChannelOptions options;
    options.credentials = *rpc::Credentials::make(pem);
    // All of them may come at once.
    options.connect_timeout = 60s;
    link.emplace(swarm.loop, swarm.log, swarm.logs, swarm.host, std::move(options), remotes);
    timed.emplace(swarm.loop, *link, swarm.beats);
    runner.emplace(swarm.loop, *timed, executor, swarm.rng, swarm.log);
  }
  PretendingExecutor executor;
  agent::Remotes remotes;
  std::optional<agent::RpcLink> link;
  std::optional<TimedLink> timed;
  std::optional<agent::Runner> runner;
};

double seconds(Duration duration) {
  return double(duration.count()) / 1e9;
}

// Certificates for `count` nodes, over one connection.
os::Co<> join(Swarm& swarm, rpc::Channel& channel, size_t& next,
              std::vector<rpc::CredentialsPem>& all, os::Signal& changed) {
  while (next < all.size()) {
    const size_t mine = next++;
    model::IssueRequest request;
    request.token = swarm.token;
    std::string roots = swarm.roots;
    auto issued = co_await agent::request_certificate(swarm.loop, channel, std::move(roots),
                                                      std::move(request));
    if (!issued) {
      std::fprintf(stderr, "bench-agents: %s\n", issued.error().message.c_str());
      std::exit(1);
    }
    all[mine] = std::move(*issued);
  }
  changed.notify();
}

void say(Heartbeats& beats) {
  auto took = std::exchange(beats.took, {});
  std::sort(took.begin(), took.end());
  const auto at = [&](double share) {
    return took.empty() ? 0.0 : seconds(took[size_t(share * double(took.size() - 1))]) * 1e3;
  };
  std::printf("heartbeats %zu failed %lu p50_ms %.1f p99_ms %.1f max_ms %.1f\n", took.size(),
              static_cast<unsigned long>(std::exchange(beats.failed, 0)), at(0.5), at(0.99), at(1));
  std::fflush(stdout);
}

os::Co<> tell(Swarm& swarm, size_t count) {
  rpc::CredentialsPem trusted;
  trusted.roots = swarm.roots;
  rpc::ChannelOptions options;
  options.address = swarm.address;
  options.credentials = *rpc::Credentials::make(trusted);
  options.server_name = rpc::kCaName;
  rpc::Channel channel(swarm.loop, swarm.log, std::move(options));
  std::vector<rpc::CredentialsPem> pems(count);
  Time began = swarm.loop.now();
  size_t next = 0, ended = 0;
  os::Signal changed;
  for (size_t i = 0; i < kJoinsAtOnce; ++i) os::spawn(join(swarm, channel, next, pems, changed));
  while (ended < kJoinsAtOnce) {
    (void)co_await changed.wait();
    ++ended;
  }
  std::printf("joined %zu in_s %.2f\n", count, seconds(swarm.loop.now() - began));
  std::fflush(stdout);

  std::vector<std::unique_ptr<Agent>> agents;
  for (size_t i = 0; i < count; ++i) {
    agents.push_back(std::make_unique<Agent>(swarm, i + 1, pems[i]));
  }
  size_t met = 0;
  began = swarm.loop.now();
  for (const auto& agent : agents) {
    agent->runner->watch_sessions([&, seen = false](const model::SessionMessage&) mutable {
      if (!std::exchange(seen, true)) ++met;
      changed.notify();
    });
    agent->runner->start();
  }
  while (met < count) (void)co_await changed.wait();
  std::printf("sessions %zu in_s %.2f\n", count, seconds(swarm.loop.now() - began));
  std::fflush(stdout);
  swarm.beats = {};
  char byte = 0;
  while (co_await swarm.loop.readable(STDIN_FILENO)) {
    if (::read(STDIN_FILENO, &byte, 1) <= 0) break;
    if (byte == '\n') say(swarm.beats);
  }
  std::exit(0);  // As many machines go: at once.
}

}  // namespace
}  // namespace shoal

int main(int argc, char** argv) {
  using namespace shoal;
  if (argc != 5) {
    std::fprintf(stderr, "usage: bench-agents ADDRESS ROOTS TOKEN COUNT\n");
    return 2;
  }
  Swarm swarm;
  swarm.address = argv[1];
  const auto roots = os::read_file(argv[2]);
  if (!roots) {
    std::fprintf(stderr, "bench-agents: %s\n", roots.error().message.c_str());
    return 1;
  }
  swarm.roots = *roots;
  swarm.token = argv[3];
  const size_t count = size_t(std::strtoul(argv[4], nullptr, 10));
  swarm.loop.post([&] { os::spawn(tell(swarm, count)); });
  swarm.loop.run();
}
