#include "netdriver/overlay_testing.h"

#include <sched.h>

#include "base/check.h"
#include "netdriver/links.h"
#include "netdriver/sysctl.h"
#include "os/file.h"

namespace shoal::netdriver::testing {
namespace {

using network::IpAddress;
using network::LinkPlan;
using network::OverlayChange;
using network::Subnet;

constexpr auto kSwitch = "switch0";

template <class T>
T must(Result<T> result) {
  CHECK(result, "{}", result ? "" : result.error().message);
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

os::Fd new_namespace() {
  os::Fd made;
  std::thread([&] {
    CHECK(::unshare(CLONE_NEWNET) == 0, "errno {}", errno);
    made = must(current_namespace());
  }).join();
  return made;
}

}  // namespace

IpAddress ip(const std::string& text) {
  return must(IpAddress::parse(text));
}

network::OverlayNetwork overlay(const std::string& id, uint32_t vni,
                                const std::vector<std::string>& subnets) {
  network::OverlayNetwork network{.id = id, .vni = vni};
  for (const auto& text : subnets) network.subnets.push_back(must(Subnet::parse(text)));
  return network;
}

Fabric::Fabric(const Host& host, int mtu) : host_(host), mtu_(mtu) {
  in_namespace(host_.inside(), [&] {
    auto route = must(NetlinkSocket::open(NETLINK_ROUTE));
    must(add_bridge(route, kSwitch, {.mtu = mtu, .address = *Subnet::parse("10.98.0.254/24")}));
    // The switch only passes frames on.
    (void)write_sysctl("net/bridge/bridge-nf-call-iptables", "0");
    (void)write_sysctl("net/bridge/bridge-nf-call-ip6tables", "0");
    (void)write_sysctl("net/bridge/bridge-nf-call-arptables", "0");
  });
}

Fabric::~Fabric() {
  control.call([this] {
    for (auto& machine : machines) machine->overlays.reset();
  });
}

Machine& Fabric::add_machine() {
  auto machine = std::make_unique<Machine>();
  machine->number = int(machines.size()) + 1;
  machine->space = new_namespace();
  machine->address = IpAddress::v4(10, 98, 0, uint8_t(machine->number));
  machine->run_dir = fmt::format("{}/machine{}", host_.folder(), machine->number);
  must(os::make_folders(machine->run_dir + "/netns"));
  const auto port = fmt::format("machine{}", machine->number);
  in_namespace(host_.inside(), [&] {
    auto route = must(NetlinkSocket::open(NETLINK_ROUTE));
    const LinkPlan pair{
        .kind = LinkPlan::Kind::Veth,
        .mtu = mtu_,
        .peer = network::PeerPlan{"eth0", network::MacAddress::of(machine->address), {}, {}}};
    const auto bridge = must(find_link(route, kSwitch));
    must(add_veth(route, port, pair, bridge.index, machine->space.get()));
  });
  in_namespace(machine->space, [&] {
    auto route = must(NetlinkSocket::open(NETLINK_ROUTE));
    must(set_up(route, 1));
    must(configure_link(route, "eth0", {{machine->address, 24}}));
    must(find_link(route, "eth0"));
  });
  in_namespace(host_.inside(), [&] {
    auto route = must(NetlinkSocket::open(NETLINK_ROUTE));
    must(find_link(route, port));  // Asking makes the kernel see at once that it is up.
  });
  begin_daemon(*machine);
  machines.push_back(std::move(machine));
  return *machines.back();
}

void Fabric::begin_daemon(Machine& machine) {
  in_namespace(machine.space, [&] {  // Its threads are the machine's.
    machine.overlays = std::make_unique<Overlays>(control.loop, control.log,
                                                  OverlaysOptions{.run_dir = machine.run_dir});
  });
  must(control.run(machine.overlays->start()));
  must(control.run(machine.overlays->set_host(machine.address, 4789)));
}

void Fabric::end_daemon(Machine& machine) {
  control.call([&] { machine.overlays.reset(); });
}

Container Fabric::add_container(Machine& machine, const std::string& id) {
  auto ready = must(stock_.take());
  Container container{id, machine.run_dir + "/netns/" + id, &machine};
  must(hold_namespace(ready.fd, container.netns_path));
  return container;
}

void Fabric::remove_container(const Container& container) {
  must(release_namespace(container.netns_path));
}

Result<OverlayEndpoint> Fabric::connect(const Container& container, const std::string& network,
                                        const std::vector<std::string>& addresses) {
  network::OverlayAttachment attachment{.network = network, .addresses = {}, .link = "eth0"};
  for (const auto& text : addresses) attachment.addresses.push_back(must(Subnet::parse(text)));
  return control.run(container.machine->overlays->connect(container.id, container.netns_path,
                                                          std::move(attachment)));
}

void Fabric::apply(const std::vector<OverlayChange>& changes) {
  for (auto& machine : machines) apply(*machine, changes);
}

void Fabric::apply(Machine& machine, std::vector<OverlayChange> changes) {
  must(try_apply(machine, std::move(changes)));
}

Result<void> Fabric::try_apply(Machine& machine, std::vector<OverlayChange> changes) {
  return control.run(machine.overlays->apply(std::move(changes)));
}

void Fabric::in_network(const Machine& machine, const std::string& network,
                        const std::function<void()>& work) {
  in_namespace(machine.run_dir + "/overlay/" + network, work);
}

}  // namespace shoal::netdriver::testing
