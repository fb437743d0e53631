// bench-overlays: what a node's overlay networks cost: making them, connecting a container, a
// change of a service's backends among many services (P12), and finding everything again after a
// restart. Makes machines of its own in network namespaces; needs root.
#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "netdriver/flow_testing.h"
#include "netdriver/overlay_testing.h"

namespace shoal::netdriver {
namespace {

using namespace network;
using Clock = std::chrono::steady_clock;
using testing::Fabric;
using testing::Machine;

constexpr auto kNet = "net1";
constexpr size_t kBackends = 10;

double milliseconds_since(Clock::time_point begin) {
  return std::chrono::duration<double, std::milli>(Clock::now() - begin).count();
}

void print(std::string_view what, std::vector<double> times) {
  std::ranges::sort(times);
  fmt::print("{}: p50 {:.2f} ms, p95 {:.2f} ms, max {:.2f} ms\n", what, times[times.size() / 2],
             times[times.size() * 95 / 100], times.back());
  std::fflush(stdout);
}

template <class T>
void expect(const Result<T>& result) {
  if (result) return;
  fmt::print(stderr, "{}\n", result.error().message);
  std::exit(1);
}

void measure_networks(Fabric& fabric, Machine& machine) {
  constexpr uint32_t kCount = 1000;
  std::vector<OverlayChange> puts;
  std::vector<OverlayChange> drops;
  for (uint32_t i = 0; i < kCount; ++i) {
    const auto id = fmt::format("many{}", i);
    const auto subnet = fmt::format("10.{}.{}.1/24", 64 + i / 256, i % 256);
    puts.push_back(PutOverlay{testing::overlay(id, 10'000 + i, {subnet})});
    drops.push_back(DropOverlay{id});
  }
  auto begin = Clock::now();
  fabric.apply(machine, puts);
  fmt::print("{} networks made: {:.0f} ms\n", kCount, milliseconds_since(begin));
  fabric.end_daemon(machine);
  begin = Clock::now();
  fabric.begin_daemon(machine);
  fmt::print("{} networks found by the next daemon: {:.0f} ms\n", kCount,
             milliseconds_since(begin));
  begin = Clock::now();
  expect(fabric.control.run(machine.overlays->replace(puts)));
  fmt::print("{} networks compared: {:.0f} ms\n", kCount, milliseconds_since(begin));
  begin = Clock::now();
  fabric.apply(machine, drops);
  fmt::print("{} networks removed: {:.0f} ms\n", kCount, milliseconds_since(begin));
}

void measure_containers(Fabric& fabric, Machine& machine) {
  constexpr int kRounds = 100;
  std::vector<double> connects;
  std::vector<double> disconnects;
  for (int i = 0; i < kRounds; ++i) {
    const auto container = fabric.add_container(machine, fmt::format("container{}", i));
    auto begin = Clock::now();
    expect(fabric.connect(container, kNet, {"10.8.0.9/13"}));
    connects.push_back(milliseconds_since(begin));
    begin = Clock::now();
    expect(fabric.control.run(machine.overlays->disconnect(container.id)));
    disconnects.push_back(milliseconds_since(begin));
    Fabric::remove_container(container);
  }
  print("connect", connects);
  print("disconnect", disconnects);
}

IpAddress virtual_ip(uint32_t number) {
  return IpAddress::v4(10, 9, 0, 0).plus(number);
}
IpAddress backend(uint32_t number) {
  return IpAddress::v4(10, 10, 0, 0).plus(number % 60'000);
}

OverlayChange service(uint32_t number, uint32_t shift, uint32_t backends = kBackends) {
  OverlayService service{.id = fmt::format("service{}", number)};
  service.virtual_ips = {virtual_ip(number)};
  for (uint32_t i = 0; i < backends; ++i) service.backends.push_back(backend(number + shift + i));
  return PutOverlayService{kNet, service};
}

// What a busy node has besides: flows to the first service.
void begin_flows(Fabric& fabric, const Machine& machine, uint32_t count) {
  std::vector<testing::NewFlow> flows;
  for (uint32_t i = 0; i < count; ++i) {
    flows.push_back({{.client = IpAddress::v4(10, 8, 1, 0).plus(i / 50'000),
                      .asked = virtual_ip(0),
                      .asked_port = 80,
                      .server = backend(i % kBackends),
                      .server_port = 80,
                      .protocol = PortProtocol::Tcp},
                     uint16_t(10'000 + i % 50'000)});
  }
  fabric.in_network(machine, kNet, [&] { testing::begin_flows(flows); });
}

template <class F>
void measure_changes(std::string_view what, Fabric& fabric, Machine& machine, F change) {
  constexpr uint32_t kChanges = 200;
  std::vector<double> changes;
  for (uint32_t i = 0; i < kChanges; ++i) {
    const auto begin = Clock::now();
    fabric.apply(machine, {change(i)});
    changes.push_back(milliseconds_since(begin));
  }
  print(what, changes);
}

// P12: one backend of one service changes among so many. Flows to the old one are looked for too.
void measure_services(Fabric& fabric, Machine& machine, uint32_t services) {
  constexpr uint32_t kFlows = 10'000;
  std::vector<OverlayChange> all{PutOverlay{testing::overlay(kNet, 4097, {"10.8.0.1/13"})}};
  for (uint32_t i = 0; i < services; ++i) all.push_back(service(i, 0));
  auto begin = Clock::now();
  expect(fabric.control.run(machine.overlays->replace(all)));
  fmt::print("{} services of {} backends, first load: {:.1f} ms\n", services, kBackends,
             milliseconds_since(begin));
  begin_flows(fabric, machine, kFlows);
  const auto leave_and_come = [&](uint32_t i) {
    return service(i / 2 % services, 0, i % 2 == 0 ? kBackends - 1 : kBackends);
  };
  measure_changes(fmt::format("one backend leaves or comes among {} services", services), fabric,
                  machine, leave_and_come);
  measure_changes(fmt::format("one backend changed among {} services", services), fabric, machine,
                  [&](uint32_t i) { return service(i % services, i / services + 1); });
  begin = Clock::now();
  const auto checked = fabric.control.run(machine.overlays->check());
  fmt::print("{} services compared with the kernel: {:.1f} ms, {} differences {}\n", services,
             milliseconds_since(begin), checked.differences, checked.failure);
}

}  // namespace
}  // namespace shoal::netdriver

// bench-overlays [SERVICES…]: only changes among so many services.
int main(int argc, char** argv) {
  using namespace shoal::netdriver;
  testing::Host host;
  testing::Fabric fabric(host);
  auto& machine = fabric.add_machine();
  std::vector<uint32_t> counts{1, 100, 1000, 10'000};
  if (argc > 1) counts.clear();
  for (int i = 1; i < argc; ++i) counts.push_back(uint32_t(std::max(std::atoi(argv[i]), 1)));
  for (const auto services : counts) measure_services(fabric, machine, services);
  if (argc > 1) return 0;
  measure_containers(fabric, machine);
  measure_networks(fabric, machine);
}
