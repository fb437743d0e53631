#include "daemon/service.h"

#include "api/containers/container_api.h"
#include "api/containers/service_logs.h"
#include "api/events.h"
#include "api/http/ping.h"
#include "api/http/server.h"
#include "api/images/images.h"
#include "api/missing.h"
#include "api/networks/network_check.h"
#include "api/networks/networks.h"
#include "api/nodes.h"
#include "api/reach/reached_api.h"
#include "api/reach/remote_containers.h"
#include "api/rebalance.h"
#include "api/services.h"
#include "api/store_events.h"
#include "api/swarm.h"
#include "api/system.h"
#include "api/tasks.h"
#include "codec/json_writer.h"
#include "crypto/random.h"
#include "os/file.h"

namespace shoal::daemon {
namespace {

constexpr std::string_view kUnix = "unix://";
constexpr std::string_view kTcp = "tcp://";

// The engine's own id, made once: monitoring tells machines apart by it.
std::string engine_id(const std::string& data_root, Log& log) {
  const std::string path = data_root + "/engine-id";
  if (const auto text = os::read_file(path)) return *text;
  std::string id;
  for (const unsigned char byte : crypto::random_bytes(16)) {
    if (id.size() == 8 || id.size() == 13 || id.size() == 18 || id.size() == 23) id += '-';
    id += fmt::format("{:02x}", byte);
  }
  const auto written = os::write_file(path, id, 0644);
  if (!written) log.warn("the engine's id is not kept", {{"reason", written.error().message}});
  return id;
}

api::SystemFacts system_facts(const Flags& flags, const Machine& machine, Log& log) {
  const engine::HostFacts& host = machine.facts;
  api::SystemFacts facts;
  facts.daemon_id = engine_id(flags.data_root, log);
  facts.hostname = host.hostname;
  facts.shoal_version = kVersion;
  facts.root_dir = flags.data_root;
  facts.kernel_version = host.kernel_version;
  facts.operating_system = host.operating_system;
  facts.os_version = host.os_version;
  facts.architecture = host.architecture;
  facts.cpu_count = host.cpu_count;
  facts.memory_bytes = host.memory_bytes;
  facts.cgroup_version = host.cgroup_layout == engine::CgroupLayout::V2 ? 2 : 1;
  facts.swap_limit = host.swap_limit;
  facts.seccomp = host.seccomp;
  facts.debug = flags.log_level == LogLevel::Debug;
  for (const auto& [key, value] : flags.labels) facts.labels.push_back(key + "=" + value);
  facts.insecure_registries = flags.insecure_registries;
  return facts;
}

api::SystemCounts count(const Machine& machine) {
  api::SystemCounts counts;
  for (const auto& container : machine.containers->list()) {
    ++counts.containers;
    counts.running += container->state.status == containers::Status::Running;
    counts.paused += container->state.status == containers::Status::Paused;
  }
  counts.stopped = counts.containers - counts.running - counts.paused;
  const auto images = machine.images->list({});
  counts.images = images ? int64_t(images->size()) : 0;
  return counts;
}

std::vector<images::ImageUser> users_of(const Machine& machine, const std::string& image_id) {
  std::vector<images::ImageUser> users;
  for (const auto& container : machine.containers->list()) {
    if (container->image_id == image_id) {
      users.push_back({container->id, container->state.is_running()});
    }
  }
  return users;
}

api::RemoteContainers::Here containers_here(containers::Containers& containers) {
  return {
      .has_container =
          [&containers](const std::string& ref) {
            const auto found = containers.find(ref);
            return found || found.error().code != ErrorCode::NotFound;
          },
      .has_exec =
          [&containers](const std::string& id) { return containers.execs().find(id).has_value(); }};
}

// Those of this node's containers that are connected to the network.
std::map<std::string, codec::NetworkContainer> members_of(const Machine& machine,
                                                          const std::string& network) {
  std::map<std::string, codec::NetworkContainer> members;
  for (const auto& container : machine.containers->list()) {
    if (!container->state.is_running()) continue;
    for (const auto& endpoint : container->networks) {
      if (endpoint.network_id != network) continue;
      codec::NetworkContainer member{.name = container->name,
                                     .endpoint_id = endpoint.endpoint_id,
                                     .mac = endpoint.mac,
                                     .ipv4 = {},
                                     .ipv6 = {}};
      if (!endpoint.address.empty()) {
        member.ipv4 = fmt::format("{}/{}", endpoint.address, endpoint.prefix_length);
      }
      if (!endpoint.address6.empty()) {
        member.ipv6 = fmt::format("{}/{}", endpoint.address6, endpoint.prefix_length6);
      }
      members.emplace(container->id, std::move(member));
    }
  }
  return members;
}

api::NetworksApi::Node node_of(Machine& machine, const agent::NodeNetworks& overlays) {
  const auto find_container = [&machine](const std::string& ref) -> Result<std::string> {
    ASSIGN_OR_RETURN(const auto container, machine.containers->find(ref));
    return container->id;
  };
  const auto members = [&machine](const std::string& id) { return members_of(machine, id); };
  const auto connect = [&machine](std::string container, model::NetworkConnection connection) {
    return machine.containers->connect_network(std::move(container), std::move(connection));
  };
  const auto disconnect = [&machine](std::string container, std::string network) {
    return machine.containers->disconnect_network(std::move(container), std::move(network));
  };
  const auto known = [&machine, &overlays] {
    std::vector<api::KnownNetwork> networks;
    for (auto& view : overlays.known()) {
      auto containers = members_of(machine, view.id.str());
      networks.push_back({std::move(view), std::move(containers)});
    }
    return networks;
  };
  return {.networks = machine.containers->networks(),
          .members = members,
          .find_container = find_container,
          .connect = connect,
          .disconnect = disconnect,
          .known = known};
}

}  // namespace

struct Service::Handlers {
  Handlers(const Flags& flags, Machine& machine, const agent::NodeNetworks& overlays,
           SwarmNode& node, agent::NetworkChecker& checker, Log& log)
      : context{machine.loop, log, node},
        swarm(context),
        services(context),
        tasks(context),
        nodes(context),
        rebalance(context),
        service_logs(node),
        system(context, bus, system_facts(flags, machine, log),
               [&machine] { return count(machine); }),
        events(machine.loop, bus),
        containers(machine.loop, *machine.containers, *machine.images, bus),
        images(
            machine.loop, *machine.images,
            [&machine](const std::string& image) { return users_of(machine, image); }, bus),
        networks(context, node_of(machine, overlays)),
        network_check({.look = [&checker] { return checker.look(); },
                       .found = [&checker] { return checker.found(); }}),
        remote_containers(containers_here(*machine.containers), node),
        reached(log, [this](auto& request, auto& responder) { return handle(request, responder); }),
        server(machine.loop, log,
               [this](auto& request, auto& responder) { return handle(request, responder); }) {
    node.on_change([this, &machine](const store::Batch& batch) {
      api::post_changes(batch, machine.loop.now(), bus);
    });
    machine.containers->networks().on_event([this](const containers::NetworkEvent& event) {
      bus.post(api::event_of(event, context.loop.now()));
    });
    api::add_ping(router, [&node] { return api::swarm_header(node); });
    swarm.add_routes(router);
    services.add_routes(router);
    tasks.add_routes(router);
    nodes.add_routes(router);
    rebalance.add_routes(router);
    service_logs.add_routes(router);
    system.add_routes(router);
    events.add_routes(router);
    containers.add_routes(router);
    images.add_routes(router);
    networks.add_routes(router);
    network_check.add_routes(router);
    api::add_missing_routes(router);
    remote_containers.add_to(router);
    node.answer_with(reached);
  }

  os::Co<Result<void>> handle(api::Request& request, api::Responder& responder) {
    codec::JsonWriter::show_times_with(context.loop.wall_lead());
    return router.handle(request, responder);
  }

  api::Context context;
  api::EventBus bus;
  api::Router router{fmt::format("Shoal/{} (linux)", kVersion)};
  api::SwarmApi swarm;
  api::ServicesApi services;
  api::TasksApi tasks;
  api::NodesApi nodes;
  api::RebalanceApi rebalance;
  api::ServiceLogApi service_logs;
  api::SystemApi system;
  api::EventsApi events;
  api::ContainerApi containers;
  api::ImagesApi images;
  api::NetworksApi networks;
  api::NetworkCheckApi network_check;
  api::RemoteContainers remote_containers;
  api::ReachedApi reached;
  api::Server server;
};

Service::Service(const Flags& flags, Machine& machine, const agent::NodeNetworks& networks,
                 SwarmNode& swarm, agent::NetworkChecker& checker, Log& log)
    : flags_(flags),
      handlers_(std::make_unique<Handlers>(flags, machine, networks, swarm, checker, log)) {}

Service::~Service() = default;

Result<void> Service::listen() {
  for (const auto& host : flags_.hosts) {
    const bool is_unix = host.starts_with(kUnix);
    const std::string address = host.substr(is_unix ? kUnix.size() : kTcp.size());
    RETURN_IF_ERROR(is_unix ? handlers_->server.listen_unix(address, flags_.group)
                            : handlers_->server.listen_tcp(address));
  }
  return {};
}

os::Co<> Service::close() {
  return handlers_->server.close();
}

}  // namespace shoal::daemon
