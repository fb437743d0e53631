#include "containers/networks.h"

#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "containers/names.h"
#include "containers/network_record.h"
#include "containers/network_spec.h"
#include "os/file.h"

namespace shoal::containers {
namespace {

constexpr size_t kRecordBytesMax = size_t{1} << 20;
constexpr std::string_view kSuffix = ".json";
constexpr std::string_view kBridge = network::kOwnBridge;

struct Predefined {
  std::string_view name;
  std::string_view driver;
};
constexpr Predefined kPredefined[] = {{kBridge, "bridge"}, {"host", "host"}, {"none", "null"}};

// Blocks.
Result<std::vector<Result<Network>>> read_records(const std::string& folder) {
  RETURN_IF_ERROR(os::make_folders(folder, 0710));
  std::vector<std::string> paths;
  std::error_code error;
  for (const auto& item : std::filesystem::directory_iterator(folder, error)) {
    // Others are of a record that was being written.
    if (item.path().extension() == kSuffix) paths.push_back(item.path());
  }
  std::ranges::sort(paths);
  std::vector<Result<Network>> found;
  for (const auto& path : paths) {
    auto text = os::read_file(path, kRecordBytesMax);
    found.push_back(text ? parse_network(*text) : std::unexpected(text.error()));
  }
  return found;
}

// As it is stored: with what is chosen when the user leaves it out.
model::IpamConfig ipam_of(const model::NetworkSpec& spec, const network::Subnet& subnet) {
  model::IpamConfig ipam = asks_subnet(spec) ? spec.ipam.front() : model::IpamConfig{};
  ipam.subnet = network::Subnet{subnet.first(), subnet.length}.str();
  ipam.gateway = subnet.address.str();
  return ipam;
}

}  // namespace

std::string bridge_key(const model::NetworkConnection& connection) {
  return connection.name == kBridge ? std::string(kBridge) : connection.network;
}

std::string Networks::path_of(const std::string& id) const {
  return fmt::format("{}/{}{}", folder(), id, kSuffix);
}

os::Co<Result<std::vector<network::Bridge>>> Networks::open() {
  auto read = [path = folder()] { return read_records(path); };
  auto records = co_await machine_.loop.offload(std::move(read));
  if (!records) co_return std::unexpected(records.error());
  std::vector<network::Bridge> bridges;
  for (auto& record : *records) {
    if (!record) {
      machine_.log.warn("a network's record is damaged", {{"reason", record.error().message}});
      continue;
    }
    if (!record->predefined) {
      auto bridge = read_bridge(record->id, record->spec);
      if (!bridge) {
        machine_.log.warn("a network cannot be made",
                          {{"network", record->name()}, {"reason", bridge.error().message}});
        continue;
      }
      bridges.push_back(*std::move(bridge));
    }
    insert(std::make_shared<Network>(std::move(*record)));
  }
  CO_RETURN_IF_ERROR(co_await add_predefined());
  co_return bridges;
}

os::Co<Result<void>> Networks::add_predefined() {
  for (const auto& [name, driver] : kPredefined) {
    if (is_taken(name)) continue;
    auto network = std::make_shared<Network>();
    network->id = make_id(machine_.rng);
    network->created_at = machine_.loop.now();
    network->spec.annotations.name = name;
    network->spec.driver.name = driver;
    network->predefined = true;
    CO_RETURN_IF_ERROR(co_await write(network));
    insert(std::move(network));
  }
  co_return Result<void>{};
}

void Networks::on_started() {
  const auto found = find(kBridge);
  if (!found) return;
  auto bridge = std::make_shared<Network>(**found);
  const netdriver::NodeNetwork& network = machine_.network;
  bridge->link = network.bridge();
  bridge->spec.ipam = {ipam_of({}, network.subnet())};
  bridge->spec.driver.options = {{"com.docker.network.bridge.default_bridge", "true"},
                                 {"com.docker.network.bridge.enable_icc", "true"},
                                 {"com.docker.network.bridge.enable_ip_masquerade", "true"},
                                 {"com.docker.network.bridge.host_binding_ipv4", "0.0.0.0"},
                                 {"com.docker.network.bridge.name", network.bridge()},
                                 {"com.docker.network.driver.mtu", std::to_string(network.mtu())}};
  networks_[bridge->id] = std::move(bridge);
}

void Networks::on_event(std::function<void(const NetworkEvent&)> handler) {
  handlers_.push_back(std::move(handler));
}

void Networks::emit(const NetworkEvent& event) const {
  for (const auto& handler : handlers_) handler(event);
}

void Networks::emit(std::string_view action, const Network& network) const {
  emit({std::string(action), network.id, network.name(), network.driver(), {}});
}

void Networks::insert(NetworkRef network) {
  if (!network->predefined && machine_.names) {
    machine_.names->put_network(model::NetworkId::of(network->id), network->name());
  }
  networks_[network->id] = std::move(network);
}

bool Networks::is_taken(std::string_view name) const {
  return std::ranges::any_of(networks_,
                             [&](const auto& entry) { return entry.second->name() == name; });
}

Result<NetworkRef> Networks::find(std::string_view ref) const {
  if (const auto exact = networks_.find(ref); exact != networks_.end()) return exact->second;
  std::vector<NetworkRef> begin;
  for (const auto& [id, network] : networks_) {
    if (network->name() == ref) return network;
    if (!ref.empty() && id.starts_with(ref)) begin.push_back(network);
  }
  if (begin.empty()) return not_found("network {} not found", ref);
  if (begin.size() == 1) return begin.front();
  return invalid_argument("network {} is ambiguous ({} matches found based on ID prefix)", ref,
                          begin.size());
}

std::vector<NetworkRef> Networks::list() const {
  std::vector<NetworkRef> all;
  for (const auto& [id, network] : networks_) all.push_back(network);
  std::ranges::sort(all, {}, [](const NetworkRef& network) { return network->name(); });
  return all;
}

bool Networks::in_use(const Network& network) const {
  return machine_.network.has_endpoints(network.id);
}

os::Co<Result<NetworkRef>> Networks::create(model::NetworkSpec spec) {
  const auto held = co_await changing_.acquire();
  const std::string& name = spec.annotations.name;
  if (is_taken(name)) co_return already_exists("network with name {} already exists", name);
  auto network = std::make_shared<Network>();
  network->id = make_id(machine_.rng);
  network->created_at = machine_.loop.now();
  network->asked_subnet = asks_subnet(spec);
  CO_ASSIGN_OR_RETURN(network::Bridge bridge, read_bridge(network->id, spec));
  if (!network->asked_subnet) {
    CO_ASSIGN_OR_RETURN(bridge.config.subnet, co_await machine_.network.choose_subnet());
  }
  network->link = bridge.config.name;
  spec.driver.name = "bridge";
  spec.ipam = {ipam_of(spec, bridge.config.subnet)};
  network->spec = std::move(spec);
  // A daemon that ends in between leaves a bridge without a record, which the next one removes.
  CO_RETURN_IF_ERROR(co_await machine_.network.add_bridge(std::move(bridge)));
  const auto written = co_await write(network);
  if (!written) {
    (void)co_await machine_.network.remove_bridge(network->id);  // The first error counts.
    co_return std::unexpected(written.error());
  }
  insert(network);
  emit("create", *network);
  co_return network;
}

os::Co<Result<void>> Networks::remove(std::string ref) {
  const auto held = co_await changing_.acquire();
  CO_ASSIGN_OR_RETURN(const NetworkRef network, find(ref));
  if (network->predefined) {
    co_return permission_denied("{} is a pre-defined network and cannot be removed",
                                network->name());
  }
  if (in_use(*network)) {
    co_return permission_denied(
        "error while removing network: network {} id {} has active endpoints", network->name(),
        network->id);
  }
  CO_RETURN_IF_ERROR(co_await machine_.network.remove_bridge(network->id));
  CO_RETURN_IF_ERROR(co_await erase(network->id));
  networks_.erase(network->id);
  if (machine_.names) machine_.names->drop_network(model::NetworkId::of(network->id));
  emit("destroy", *network);
  co_return Result<void>{};
}

os::Co<Result<void>> Networks::write(NetworkRef network) {
  auto write_it = [path = path_of(network->id), text = network_text(*network)] {
    return os::write_file(path, text);
  };
  co_return co_await machine_.loop.offload(std::move(write_it));
}

os::Co<Result<void>> Networks::erase(std::string id) {
  auto remove_it = [path = path_of(id), at = folder()]() -> Result<void> {
    if (::unlink(path.c_str()) != 0 && errno != ENOENT) {
      return os::system_error("remove", path, errno);
    }
    return os::sync_folder(at);
  };
  co_return co_await machine_.loop.offload(std::move(remove_it));
}

}  // namespace shoal::containers
