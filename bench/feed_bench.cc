// bench-feed: what the network feed costs the control thread at its design point: 10,000 nodes,
// 1,000 networks, 10,000 services and 100,000 tasks; and the ingress network of as many nodes,
// before and after a service publishes on all of them.
#include <algorithm>

#include "dispatcher/network_feed.h"
#include "support.h"

namespace shoal {
namespace {

using bench::Clock;
using bench::figure;
using bench::Memory;
using bench::seconds_since;
using dispatcher::NetworkFeed;
using dispatcher::Outgoing;

constexpr size_t kNodes = 10'000, kNetworks = 1'000, kServices = 10'000, kTasks = 100'000;

template <class IdType>
IdType numbered(const char* kind, size_t number) {
  return IdType::of(fmt::format("{}{:06}", kind, number));
}
model::NodeId node_id(size_t number) {
  return numbered<model::NodeId>("n", number);
}
model::NetworkId network_id(size_t number) {
  return numbered<model::NetworkId>("net", number);
}
std::string address(int first, size_t number) {
  return fmt::format("{}.{}.{}.{}/8", first, number >> 16, (number >> 8) & 255, number & 255);
}

// A feed with everybody watching; each message is acknowledged when all are written.
class Bench {
 public:
  explicit Bench(bool ingress_alone) {
    for (size_t i = 0; i < (ingress_alone ? 0 : kNetworks); ++i) add_network(i, false);
    if (ingress_alone) add_network(0, true);
    for (size_t i = 0; i < kNodes; ++i) add_node(i, ingress_alone);
  }

  template <class T>
  void change(const model::Ref<T>& before, const model::Ref<T>& after) {
    feed_.on_change({.before = before, .after = after});
  }
  template <class T>
  model::Ref<T> create(T object) {
    auto ref = std::make_shared<const T>(std::move(object));
    change<T>(nullptr, ref);
    return ref;
  }

  void add_services() {
    for (size_t i = 0; i < kServices; ++i) {
      model::Service service;
      service.id = numbered<model::ServiceId>("s", i);
      service.spec.annotations.name = fmt::format("service{}", i);
      model::Endpoint endpoint;
      endpoint.virtual_ips = {{network_id(i % kNetworks), address(11, i)}};
      service.endpoint = std::make_shared<const model::Endpoint>(std::move(endpoint));
      create(std::move(service));
    }
  }
  model::Ref<model::Task> add_task(size_t number, size_t service, size_t network, size_t node) {
    model::Task task;
    task.id = numbered<model::TaskId>("t", number);
    task.service_id = numbered<model::ServiceId>("s", service);
    task.slot = 1;
    task.node_id = node_id(node);
    task.service_annotations = annotations_;
    task.status.state = model::TaskState::Running;
    task.networks = {
        {.network = network_id(network), .addresses = {address(12, number)}, .aliases = {}}};
    return create(std::move(task));
  }
  void stop(const model::Ref<model::Task>& before) {
    model::Task task = *before;
    task.desired_state = model::TaskState::Shutdown;
    change<model::Task>(before, std::make_shared<const model::Task>(std::move(task)));
  }
  void watch_all() {
    for (size_t i = 0; i < kNodes; ++i) feed_.watch(node_id(i), model::SessionId::of("session"));
  }

  // Everybody hears and answers, until there is nothing to say; prints what it took.
  void tell(const char* what, Clock::time_point since) {
    size_t messages = 0, records = 0, calls = 0;
    double longest = 0;
    std::vector<Outgoing> out;
    while (feed_.next_deadline()) {
      const auto began = Clock::now();
      feed_.write_messages(Time{1}, out);
      longest = std::max(longest, seconds_since(began));
      ++calls;
      messages += out.size();
      for (const Outgoing& outgoing : std::exchange(out, {})) {
        const auto& message = std::get<model::NetworksMessage>(outgoing.message);
        records += message.changes.size();
        bench::must(feed_.acknowledge(outgoing.node, message.version));
      }
    }
    figure("{}: {:.3f} s, {} messages with {} records, longest of {} calls {:.2f} ms", what,
           seconds_since(since), messages, records, calls, longest * 1e3);
  }

 private:
  void add_network(size_t number, bool ingress) {
    model::Network network;
    network.id = network_id(number);
    network.spec.annotations.name = fmt::format("network{}", number);
    network.spec.ingress = ingress;
    network.allocation = model::NetworkAllocation{.ipam = {}, .vni = uint32_t(4096 + number)};
    create(std::move(network));
  }
  void add_node(size_t number, bool gateway) {
    model::Node node;
    node.id = node_id(number);
    node.description.shoal_version = model::kShoalVersion;
    node.status = {.state = model::NodeState::Ready, .message = {}, .address = "192.168.0.1"};
    if (gateway) {
      node.attachments = {
          {.network = network_id(0), .addresses = {address(10, number)}, .aliases = {}}};
    }
    create(std::move(node));
  }

  NetworkFeed feed_;
  model::Ref<model::Annotations> annotations_ =
      std::make_shared<const model::Annotations>(model::Annotations{.name = "web", .labels = {}});
};

void run_overlays() {
  const Memory before;
  auto began = Clock::now();
  Bench bench(false);
  bench.add_services();
  std::vector<model::Ref<model::Task>> tasks;
  for (size_t i = 0; i < kTasks; ++i) {
    tasks.push_back(bench.add_task(i, i % kServices, i % kNetworks, i * 7919 % kNodes));
  }
  figure("overlays taken in: {:.2f} s, {} MB with the stored objects", seconds_since(began),
         (Memory().heap_bytes - before.heap_bytes) >> 20);
  began = Clock::now();
  bench.watch_all();
  bench.tell("everybody hears of everything", began);
  began = Clock::now();
  bench.stop(tasks[0]);
  bench.tell("one task is withdrawn", began);
  began = Clock::now();
  for (size_t i = 1; i <= 250; ++i) bench.stop(tasks[i * kServices % kTasks + i]);
  bench.tell("250 tasks are withdrawn", began);
}

void run_ingress() {
  const Memory before;
  auto began = Clock::now();
  Bench bench(true);
  bench.watch_all();
  bench.tell("ingress, nothing published", began);
  began = Clock::now();
  for (size_t i = 0; i < 3; ++i) bench.add_task(i, 0, 0, i);
  bench.tell("ingress, 3 tasks publish", began);
  began = Clock::now();
  for (size_t i = 3; i < kNodes; ++i) bench.add_task(i, 0, 0, i);
  bench.tell("ingress, a task on every node publishes", began);
  figure("ingress: {} MB", (Memory().heap_bytes - before.heap_bytes) >> 20);
}

}  // namespace
}  // namespace shoal

int main() {
  shoal::run_overlays();
  shoal::run_ingress();
}
