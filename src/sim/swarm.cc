#include "sim/swarm.h"

#include <utility>

#include "manager/core/bootstrap.h"
#include "scheduler/node_set.h"

namespace shoal::sim {
namespace {

constexpr Time kStart{1'700'000'000'000'000'000};
constexpr Duration kCutOffMax = 30s;
constexpr Duration kJoinPause = 30s;  // between two looks whether a node is to join
constexpr Duration kSetUp = 1s;       // from being known to the manager to the first session
constexpr Duration kLook = 1s;        // between two looks at breaches and convergence
constexpr Duration kRest = 15s;       // converged must stay converged so long
constexpr Duration kClearUpMax = 1min;
constexpr size_t kReportLines = 400;

}  // namespace

class Swarm::Containers final : public ContainerObserver {
 public:
  explicit Containers(Swarm& swarm) : swarm_(swarm) {}
  void on_started(const model::NodeId& node, const model::TaskId& task) override {
    ++swarm_.container_starts_;
    swarm_.slots_.on_started(node, task);
  }
  void on_ended(const model::NodeId& node, const model::TaskId& task) override {
    swarm_.slots_.on_ended(node, task);
  }

 private:
  Swarm& swarm_;
};

Swarm::Swarm(Options options)
    : options_(std::move(options)),
      loop_(kStart),
      rng_(options_.seed),
      trace_(loop_),
      slots_(loop_, trace_),
      states_(trace_),
      stops_(trace_),
      networks_(loop_, trace_, agents_),
      addresses_(trace_),
      containers_(std::make_unique<Containers>(*this)),
      manager_(loop_, rng_, faults_, trace_,
               [this](dispatcher::Outgoing outgoing) {
                 networks_.on_send(outgoing);
                 for (const auto& agent : agents_) {
                   if (agent->node() == outgoing.node) agent->receive(outgoing);
                 }
               }),
      user_(loop_, rng_, trace_, manager_) {
  manager_.add_observer(slots_);
  manager_.add_observer(states_);
  manager_.add_observer(stops_);
  manager_.add_observer(networks_);
  manager_.add_observer(addresses_);
  if (options_.on_lead) manager_.on_lead(options_.on_lead);
}

Swarm::~Swarm() = default;

void Swarm::run() {
  manager_.start();
  found();
  for (int i = 0; i < 3; ++i) user_.create_service();
  if (!passes(2 * kSetUp)) return;
  faults_ = options_.faults;
  plan_faults();
  user_.start();
  if (!passes(options_.troubled)) return;

  heal();
  const auto healed_within = converges();
  if (!healed_within) return;
  time_to_converge_ = *healed_within;
  // Nodes that failed a task often are given none for a while.
  if (!passes(scheduler::kFailureWindow)) return;
  user_.rebalance_all();
  if (!converges()) return;
  for (const std::string& problem : uneven(manager_.read())) trace_.breach("uneven: {}", problem);
  if (trace_.breaches().empty()) clear_up();
}

// Everything reaches its end, in the time for it, and stays there for a while. Returns after how
// long it was reached; nothing when a rule was broken.
std::optional<Duration> Swarm::converges() {
  const Time since = loop_.now();
  Duration reached{0};
  std::vector<std::string> problems;
  for (Time calm_since = loop_.now(); loop_.now() - calm_since < kRest;) {
    if (!passes(kLook)) return std::nullopt;
    problems = manager_.is_up() ? unconverged(manager_.read(), agents_)
                                : std::vector<std::string>{"no leader"};
    if (!problems.empty()) calm_since = loop_.now();
    reached = calm_since - since;
    if (loop_.now() - since > options_.healing_max) {
      for (const std::string& problem : problems) trace_.breach("not converged: {}", problem);
      return std::nullopt;
    }
  }
  return reached;
}

bool Swarm::until(Duration most, const std::function<bool()>& condition) {
  for (const Time end = loop_.now() + most; loop_.now() < end;) {
    if (!passes(kLook)) return false;
    if (manager_.is_up() && condition()) return true;
  }
  return false;
}

// Of what is held, nothing may be left but the addresses of the nodes.
void Swarm::clear_up() {
  user_.remove_all_services();
  if (!until(kClearUpMax, [this] { return manager_.read().tasks().size() == 0; })) {
    return trace_.breach("{} tasks outlive every service", manager_.read().tasks().size());
  }
  const auto networks = manager_.read().networks().all();
  for (const auto& [id, network] : networks) {
    const size_t nodes = network->spec.ingress ? manager_.read().nodes().size() : 0;
    if (addresses_.held_count(id) != nodes) {
      trace_.breach("{} addresses of {} are held by {} nodes", addresses_.held_count(id),
                    network->name(), nodes);
    }
    if (!network->allocation)
      trace_.breach("{} has no subnet: {}", network->name(), network->error);
    if (is_small(*network) && !fill(*network)) return;
  }
}

// Every address of the network can be had, and one more task says that there is none.
bool Swarm::fill(const model::Network& network) {
  ++filled_networks_;
  size_t attached = 0, refused = 0;
  const bool full = user_.fill(network) && until(kClearUpMax, [&] {
                      attached = refused = 0;
                      for (const auto& [id, task] : manager_.read().tasks().all()) {
                        attached +=
                            !task->networks.empty() && !model::is_terminal(task->status.state);
                        refused += task->status.error.starts_with("no available IPv4 addresses");
                      }
                      return attached == kSmallNetworkRoom && refused == 1;
                    });
  if (!full) {
    trace_.breach("{} tasks found an address in {} and {} did not", attached, network.name(),
                  refused);
  }
  user_.remove_all_services();
  return full && until(kClearUpMax, [this] { return manager_.read().tasks().size() == 0; });
}

void Swarm::found() {
  const auto name = [this] { return model::NodeId::of(fmt::format("n{}", ++nodes_made_)); };
  std::vector<model::NodeId> ids;
  const auto done = manager_.write([&](store::WriteTx& tx) -> Result<void> {
    manager::NewSwarm swarm;
    swarm.cluster_id = model::ClusterId::random(rng_);
    swarm.node_id = name();
    swarm.ingress_id = model::NetworkId::random(rng_);
    ids.push_back(swarm.node_id);
    RETURN_IF_ERROR(manager::create_swarm(tx, std::move(swarm)));
    while (ids.size() < options_.nodes) {
      model::Node node;
      node.id = name();
      ids.push_back(node.id);
      RETURN_IF_ERROR(tx.create(std::move(node)));
    }
    return {};
  });
  CHECK(done, "{}", done ? "" : done.error().message);
  for (const model::NodeId& id : ids) add_agent_soon(id);
}

// When its record is durable. A machine whose record is lost with the leadership hears so from the
// next one, and leaves.
void Swarm::add_agent_soon(model::NodeId node) {
  loop_.after(kSetUp, [this, node] {
    agents_.push_back(std::make_unique<AgentHost>(node, loop_, rng_, faults_, trace_, manager_,
                                                  *containers_, networks_));
    agents_.back()->start();
  });
}

void Swarm::join_if_few() {
  if (!manager_.is_up() || manager_.read().nodes().size() >= options_.nodes) return;
  model::Node node;
  node.id = model::NodeId::of(fmt::format("n{}", ++nodes_made_));
  trace_.note("{} joins", node.id);
  if (!manager_.write([&](store::WriteTx& tx) { return tx.create(node); })) return;
  add_agent_soon(node.id);
}

void Swarm::repeat(Duration mean, std::function<void()> fault) {
  if (mean == 0s) return;
  loop_.after(random_pause(rng_, mean), [this, mean, fault = std::move(fault)] {
    if (healed_) return;
    fault();
    repeat(mean, fault);
  });
}

void Swarm::plan_faults() {
  repeat(faults_.agent_restart, [this] { some_agent().restart(); });
  repeat(faults_.node_reboot, [this] { some_agent().reboot(); });
  repeat(faults_.partition, [this] { some_agent().cut_off(random_delay(rng_, kCutOffMax)); });
  repeat(faults_.manager_crash, [this] { manager_.crash(); });
  repeat(kJoinPause, [this] { join_if_few(); });
}

bool Swarm::passes(Duration time) {
  const Time end = loop_.now() + time;
  while (loop_.now() < end) {
    loop_.run_until(std::min(end, loop_.now() + kLook));
    if (!trace_.breaches().empty()) return false;
  }
  return true;
}

void Swarm::heal() {
  trace_.note("all faults stop");
  healed_ = true;
  faults_ = {};
  user_.stop();
  user_.tidy();
  for (const auto& agent : agents_) agent->heal();
}

std::string Swarm::report() const {
  std::string text = fmt::format("seed {}\n", options_.seed);
  text += trace_.tail(kReportLines);
  return text;
}

}  // namespace shoal::sim
