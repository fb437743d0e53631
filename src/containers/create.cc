// Containers::create: from what was asked for to a container that can be started.
#include <sys/stat.h>

#include "containers/check.h"
#include "containers/endpoint.h"
#include "containers/files.h"
#include "containers/impl.h"
#include "containers/merge.h"
#include "containers/names.h"
#include "containers/records.h"
#include "engine/engine.h"
#include "images/image_store.h"
#include "os/file.h"

namespace shoal::containers {
namespace {

constexpr size_t kShortIdLength = 12;
constexpr int kNameTriesMax = 6;
constexpr std::string_view kTaskLabel = "com.docker.swarm.task.id";

// Frees a reserved name when the container is not made after all.
class NameReservation {
 public:
  NameReservation(Table& table, std::string name, std::string id)
      : table_(table), name_(std::move(name)), id_(std::move(id)) {}
  NameReservation(const NameReservation&) = delete;
  NameReservation& operator=(const NameReservation&) = delete;
  ~NameReservation() {
    if (!kept_) table_.release(name_, id_);
  }
  void keep() { kept_ = true; }

 private:
  Table& table_;
  std::string name_, id_;
  bool kept_ = false;
};

Result<std::string> take_name(Table& table, Rng& rng, const std::string& asked,
                              const std::string& id) {
  if (!asked.empty()) {
    ASSIGN_OR_RETURN(std::string name, check_container_name(asked));
    RETURN_IF_ERROR(table.reserve(name, id));
    return name;
  }
  for (int attempt = 0; attempt < kNameTriesMax; ++attempt) {
    std::string name = make_up_name(rng, attempt);
    if (table.reserve(name, id)) return name;
  }
  const std::string name = id.substr(0, kShortIdLength);  // Unique as the id is.
  RETURN_IF_ERROR(table.reserve(name, id));
  return name;
}

// See containers.h, "What survives".
bool is_durable(const model::ContainerConfig& config) {
  return !config.auto_remove && !config.spec.labels.contains(std::string(kTaskLabel));
}

bool keeps_log(const model::ContainerConfig& config) {
  return !config.log_driver || config.log_driver->name != "none";
}

// The source of a bind mount: it must be there, or is made when that was asked for (-v). Blocks.
Result<void> check_bind_source(const model::Mount& mount) {
  struct stat info{};
  if (::stat(mount.source.c_str(), &info) == 0) return {};
  if (mount.bind_create_mountpoint) return os::make_folders(mount.source, 0755);
  return invalid_argument(
      "invalid mount config for type \"bind\": bind source path does not exist: {}", mount.source);
}

Result<void> check_bind_sources(const std::vector<model::Mount>& mounts, bool serves_api) {
  for (const auto& mount : mounts) {
    if (serves_api && is_docker_socket(mount.source)) continue;
    if (mount.type == model::MountType::Bind) RETURN_IF_ERROR(check_bind_source(mount));
  }
  return {};
}

// The other container's mounts, where none of our own is. "ID", "ID:ro" or "ID:rw".
Result<void> add_volumes_from(const Table& table, const std::string& source,
                              std::vector<model::Mount>& mounts) {
  const auto colon = source.find(':');
  const std::string mode = colon == std::string::npos ? "rw" : source.substr(colon + 1);
  if (mode != "ro" && mode != "rw") {
    return invalid_argument("invalid mode for volumes-from: {}", mode);
  }
  ASSIGN_OR_RETURN(const auto other, table.find(source.substr(0, colon)));
  for (const auto& point : other->mounts) {
    const bool covered = std::any_of(mounts.begin(), mounts.end(),
                                     [&](const auto& m) { return m.target == point.target; });
    if (covered || point.type == model::MountType::Tmpfs) continue;
    mounts.push_back({.type = point.type,
                      .source = point.name.empty() ? point.source : point.name,
                      .target = point.target,
                      .read_only = point.read_only || mode == "ro",
                      .propagation = point.propagation});
  }
  return {};
}

}  // namespace

// Names of other containers become ids: they may be renamed before the start.
Result<void> Containers::Impl::resolve_references(model::ContainerConfig& config) const {
  constexpr std::string_view kPrefix = "container:";
  for (std::string* mode : {&config.network_mode, &config.pid_mode, &config.ipc_mode}) {
    if (!mode->starts_with(kPrefix)) continue;
    ASSIGN_OR_RETURN(const auto other, table.find(std::string_view(*mode).substr(kPrefix.size())));
    *mode = fmt::format("{}{}", kPrefix, other->id);
  }
  RETURN_IF_ERROR(networks.resolve(config));
  for (const auto& source : config.volumes_from) {
    RETURN_IF_ERROR(add_volumes_from(table, source, config.spec.mounts));
  }
  return {};
}

os::Co<Result<std::vector<MountPoint>>> Containers::Impl::resolve_mounts(
    std::vector<model::Mount> mounts) {
  std::vector<MountPoint> points;
  for (const auto& mount : mounts) {
    MountPoint point{.type = mount.type,
                     .source = mount.source,
                     .target = mount.target,
                     .propagation = mount.propagation,
                     .read_only = mount.read_only};
    if (mount.type == model::MountType::Bind && point.propagation.empty()) {
      point.propagation = "rprivate";
    }
    if (mount.type == model::MountType::Volume) {
      const auto driver = mount.volume_driver.value_or(model::Driver{});
      auto volume = co_await volumes.create_for_container(mount.source, driver.name, driver.options,
                                                          mount.volume_labels);
      if (!volume) co_return std::unexpected(volume.error());
      point.name = (*volume)->name;
      point.source = (*volume)->path;
      point.driver = "local";
      point.anonymous = (*volume)->anonymous;
    }
    points.push_back(std::move(point));
  }
  co_return points;
}

os::Co<Result<Created>> Containers::Impl::create(model::ContainerConfig config) {
  const auto entry = std::make_shared<Entry>();
  entry->id = make_id(machine.rng);
  CO_ASSIGN_OR_RETURN(entry->name, take_name(table, machine.rng, config.name, entry->id));
  NameReservation reservation(table, entry->name, entry->id);

  CO_ASSIGN_OR_RETURN(const auto image, machine.images.resolve(config.spec.image));
  CO_RETURN_IF_ERROR(merge_image(config, image->config));
  CO_RETURN_IF_ERROR(resolve_references(config));
  const auto& host = machine.engine.host();
  const MachineLimits limits{host.cpu_count, host.swap_limit};
  CO_ASSIGN_OR_RETURN(auto warnings, check_config(config, limits));
  config.name = entry->name;
  if (config.spec.hostname.empty()) {
    config.spec.hostname =
        config.network_mode == "host" ? host.hostname : entry->id.substr(0, kShortIdLength);
  }
  config.spec.registry_auth.clear();  // Pulling is over.

  auto check_binds = [mounts = config.spec.mounts, serves_api = !machine.api_socket.empty()] {
    return check_bind_sources(mounts, serves_api);
  };
  CO_RETURN_IF_ERROR(co_await machine.loop.offload(std::move(check_binds)));
  auto points = co_await resolve_mounts(config.spec.mounts);
  if (!points) co_return std::unexpected(points.error());

  entry->created_at = machine.loop.now();
  entry->image_id = image->id;
  entry->mounts = std::move(*points);
  entry->folder = folder_of(entry->id);
  if (keeps_log(config)) entry->log_path = fmt::format("{}/{}-json.log", entry->folder, entry->id);
  entry->config = std::move(config);
  hide_connection(*entry);

  auto write = [this, entry, text = record_text(*entry)]() -> Result<void> {
    RETURN_IF_ERROR(os::make_folders(entry->folder, 0710));
    auto written = write_record(entry->folder, text, is_durable(entry->config));
    if (!written) {
      (void)os::remove_tree(entry->folder);  // The reason counts.
      return written;
    }
    for (const auto& point : entry->mounts) {
      if (point.anonymous) volumes.claim(point.name);
    }
    return {};
  };
  if (const auto written = co_await machine.loop.offload(std::move(write)); !written) {
    (void)co_await remove_anonymous_volumes(*entry);
    co_return std::unexpected(written.error());
  }
  reservation.keep();
  table.insert(entry);
  emit(entry, "create", {});
  co_return Created{entry->id, std::move(warnings)};
}

}  // namespace shoal::containers
