// bench-netdriver: what a container waits for from the network of its node, and what a change of
// published ports costs. Makes a host of its own in network namespaces; needs root.
#include <fmt/core.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <algorithm>
#include <chrono>
#include <future>
#include <vector>

#include "netdriver/socket_address.h"
#include "netdriver/testing.h"

namespace shoal::netdriver {
namespace {

using network::Backend;
using network::IngressPort;
using network::IpAddress;
using Clock = std::chrono::steady_clock;
using enum network::PortProtocol;

double milliseconds_since(Clock::time_point begin) {
  return std::chrono::duration<double, std::milli>(Clock::now() - begin).count();
}

void print(std::string_view what, std::vector<double> times) {
  std::ranges::sort(times);
  fmt::print("{}: p50 {:.2f} ms, p95 {:.2f} ms, max {:.2f} ms\n", what, times[times.size() / 2],
             times[times.size() * 95 / 100], times.back());
}

template <class T>
void expect(const Result<T>& result) {
  if (result) return;
  fmt::print(stderr, "{}\n", result.error().message);
  std::exit(1);
}

// One after the other, with a port each, as tasks come and go on a quiet node.
void measure_endpoints(testing::Control& control) {
  constexpr int kRounds = 100;
  std::vector<double> connects;
  std::vector<double> disconnects;
  for (int i = 0; i < kRounds; ++i) {
    const auto id = fmt::format("container{}", i);
    auto begin = Clock::now();
    auto connected = control.run(control.network.connect(
        {.container_id = id, .container_name = id, .ports = {{Tcp, {}, 8081, 80}}}));
    connects.push_back(milliseconds_since(begin));
    expect(connected);
    begin = Clock::now();
    expect(control.run(control.network.disconnect(id)));
    disconnects.push_back(milliseconds_since(begin));
  }
  print("connect, one port, bridge", connects);
  print("disconnect", disconnects);
}

void measure_many(testing::Control& control) {
  constexpr int kCount = 30;
  const auto begin = Clock::now();
  std::vector<std::future<void>> waits;
  for (int i = 0; i < kCount; ++i) {
    waits.push_back(std::async(std::launch::async, [&control, i] {
      const auto id = fmt::format("many{}", i);
      expect(control.run(control.network.connect({.container_id = id, .container_name = id})));
    }));
  }
  for (auto& wait : waits) wait.get();
  fmt::print("connect, {} at once: {:.2f} ms in all\n", kCount, milliseconds_since(begin));
  for (int i = 0; i < kCount; ++i) {
    expect(control.run(control.network.disconnect(fmt::format("many{}", i))));
  }
}

std::vector<Backend> backends(size_t count, size_t shift) {
  std::vector<Backend> all;
  for (size_t i = 0; i < count; ++i) {
    all.push_back({IpAddress::v4(172, 17, 1, 0).plus((i + shift) % 250), 80});
  }
  return all;
}

// P12: one backend of one service changes among so many.
void measure_services(testing::Control& control, size_t services) {
  constexpr size_t kBackends = 10;
  constexpr size_t kChanges = 200;
  std::vector<IngressPort> ports;
  for (size_t i = 0; i < services; ++i) {
    ports.push_back({Tcp, uint16_t(10000 + i), backends(kBackends, 0)});
  }
  const auto begin = Clock::now();
  expect(control.run(control.network.set_ports(ports)));
  fmt::print("{} services of {} backends, first load: {:.1f} ms\n", services, kBackends,
             milliseconds_since(begin));
  std::vector<double> changes;
  for (size_t i = 0; i < kChanges; ++i) {
    std::vector<IngressPort> put{{Tcp, uint16_t(10000 + i % services), backends(kBackends, i + 1)}};
    const auto change = Clock::now();
    expect(control.run(control.network.change_ports(std::move(put), {})));
    changes.push_back(milliseconds_since(change));
  }
  print(fmt::format("one backend changed among {} services", services), changes);
  expect(control.run(control.network.set_ports({})));
}

// Bytes a second from the outside host into a container, by the published port and by routing.
void measure_throughput(testing::Host& host, testing::Control& control) {
  constexpr size_t kBytes = size_t{4} << 30;
  auto web = control.run(control.network.connect(
      {.container_id = "web", .container_name = "web", .ports = {{Tcp, {}, 8081, 80}}}));
  expect(web);
  os::Fd listener;
  testing::in_namespace(web->netns_path, [&] {
    listener = os::Fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  });
  const auto any = SocketAddress::of(IpAddress{}, 80);
  ::bind(listener.get(), any.get(), any.size());
  ::listen(listener.get(), 1);
  auto received = std::async(std::launch::async, [&] {
    const os::Fd client(::accept(listener.get(), nullptr, nullptr));
    std::vector<char> buffer(size_t{1} << 20);
    while (::recv(client.get(), buffer.data(), buffer.size(), 0) > 0) {
    }
  });
  testing::in_namespace(host.outside(), [&] {
    const os::Fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const auto to = SocketAddress::of(*IpAddress::parse(testing::kHostAddress), 8081);
    if (::connect(fd.get(), to.get(), to.size()) != 0) return;
    const std::vector<char> buffer(size_t{1} << 20);
    const auto begin = Clock::now();
    for (size_t sent = 0; sent < kBytes;) {
      const ssize_t count = ::send(fd.get(), buffer.data(), buffer.size(), MSG_NOSIGNAL);
      if (count <= 0) return;
      sent += size_t(count);
    }
    fmt::print("published port, one stream: {:.1f} Gbit/s\n",
               double(kBytes) * 8 / 1e6 / milliseconds_since(begin));
  });
  received.get();
}

}  // namespace
}  // namespace shoal::netdriver

int main() {
  using namespace shoal::netdriver;
  rlimit files{};
  ::getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;  // Two listeners a service port.
  ::setrlimit(RLIMIT_NOFILE, &files);
  testing::Host host;
  testing::Control control(host, 8);
  expect(control.run(control.network.start({})));
  measure_endpoints(control);
  measure_many(control);
  for (const size_t services : {1, 100, 1000, 9000}) measure_services(control, services);
  measure_throughput(host, control);
}
