#include "containers/volumes.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "containers/names.h"
#include "os/fd.h"
#include "os/file.h"

namespace shoal::containers {
namespace {

using nlohmann::json;

constexpr size_t kVolumeFileBytesMax = size_t{1} << 20;

std::string record_path(const std::string& folder) {
  return folder + "/volume.json";
}

// A file beside the record: no container is known to own the volume yet.
std::string unclaimed_path(const std::string& folder) {
  return folder + "/unclaimed";
}

std::string volume_text(const Volume& volume) {
  return json{{"created_at", volume.created_at.unix_ns},
              {"labels", volume.labels},
              {"anonymous", volume.anonymous}}
      .dump(-1, ' ', false, json::error_handler_t::replace);
}

Result<Volume> read_volume(const std::string& folder, const std::string& name) {
  ASSIGN_OR_RETURN(const std::string text, os::read_file(record_path(folder), kVolumeFileBytesMax));
  try {
    const json stored = json::parse(text);
    return Volume{.name = name,
                  .path = folder + "/_data",
                  .created_at = Time{stored.at("created_at").get<int64_t>()},
                  .labels = stored.at("labels").get<model::Labels>(),
                  .anonymous = stored.at("anonymous").get<bool>()};
  } catch (const json::exception& damage) {
    return internal_error("damaged record of volume {}: {}", name, damage.what());
  }
}

Result<void> write_volume(const Volume& volume, const std::string& folder, bool unclaimed) {
  RETURN_IF_ERROR(os::make_folders(folder, 0701));
  RETURN_IF_ERROR(os::make_folders(volume.path, 0755));
  if (unclaimed) {
    const std::string mark = unclaimed_path(folder);
    const os::Fd fd(::open(mark.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    if (!fd) return os::system_error("create", mark, errno);
  }
  return os::write_file(record_path(folder), volume_text(volume));
}

// Names of the folders in `path`, sorted; none when it is not there.
std::vector<std::string> folders_in(const std::string& path) {
  std::vector<std::string> names;
  std::error_code error;
  for (const auto& item : std::filesystem::directory_iterator(path, error)) {
    if (item.is_directory(error)) names.push_back(item.path().filename());
  }
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace

Volumes::Volumes(Machine& machine, Users users) : machine_(machine), users_(std::move(users)) {}

std::string Volumes::folder(const std::string& name) const {
  return fmt::format("{}/volumes/{}", machine_.data_root, name);
}

os::Co<Result<void>> Volumes::open() {
  const std::string root = machine_.data_root + "/volumes";
  using Found = std::vector<std::pair<std::string, Result<Volume>>>;
  auto read_all = [root]() -> Result<Found> {
    RETURN_IF_ERROR(os::make_folders(root, 0701));
    Found found;
    for (const auto& name : folders_in(root)) {
      auto volume = read_volume(root + "/" + name, name);
      // Its record is written last and removed first: without one it was made or removed in part.
      if (!volume && volume.error().code == ErrorCode::NotFound) {
        RETURN_IF_ERROR(os::remove_tree(root + "/" + name));
        continue;
      }
      found.emplace_back(name, std::move(volume));
    }
    return found;
  };
  auto found = co_await machine_.loop.offload(std::move(read_all));
  if (!found) co_return std::unexpected(found.error());
  for (auto& [name, volume] : *found) {
    if (volume) {
      if (::access(unclaimed_path(folder(name)).c_str(), F_OK) == 0) unclaimed_.push_back(name);
      volumes_[name] = std::make_shared<Volume>(std::move(*volume));
    } else {
      machine_.log.warn("volume is damaged",
                        {{"volume", name}, {"reason", volume.error().message}});
    }
  }
  co_return Result<void>{};
}

os::Co<Result<VolumeRef>> Volumes::create(std::string name, std::string driver,
                                          model::Labels options, model::Labels labels) {
  return make(std::move(name), std::move(driver), std::move(options), std::move(labels), false);
}

os::Co<Result<VolumeRef>> Volumes::create_for_container(std::string name, std::string driver,
                                                        model::Labels options,
                                                        model::Labels labels) {
  return make(std::move(name), std::move(driver), std::move(options), std::move(labels), true);
}

void Volumes::claim(const std::string& name) const {
  ::unlink(unclaimed_path(folder(name)).c_str());
}

os::Co<Result<VolumeRef>> Volumes::make(std::string name, std::string driver, model::Labels options,
                                        model::Labels labels, bool for_container) {
  if (!driver.empty() && driver != "local") {
    co_return not_found("create {}: error looking up volume plugin {}: plugin \"{}\" not found",
                        name, driver, driver);
  }
  if (!options.empty()) {
    co_return unimplemented("create {}: option \"{}\" of the local volume driver is not supported",
                            name, options.begin()->first);
  }
  const bool anonymous = name.empty();
  if (anonymous) name = make_id(machine_.rng);
  CO_RETURN_IF_ERROR(check_volume_name(name));
  if (const auto there = volumes_.find(name); there != volumes_.end()) co_return there->second;

  const auto volume = std::make_shared<Volume>(Volume{.name = name,
                                                      .path = folder(name) + "/_data",
                                                      .created_at = machine_.loop.now(),
                                                      .labels = std::move(labels),
                                                      .anonymous = anonymous});
  auto write = [volume, at = folder(name), unclaimed = for_container && anonymous] {
    return write_volume(*volume, at, unclaimed);
  };
  if (const auto written = co_await machine_.loop.offload(std::move(write)); !written) {
    auto undo = [at = folder(name)] { return os::remove_tree(at); };
    if (!volumes_.contains(name)) (void)co_await machine_.loop.offload(std::move(undo));
    co_return std::unexpected(written.error());
  }
  // Somebody may have made the same one meanwhile: then the folder is shared, as it should be.
  const auto [at, fresh] = volumes_.try_emplace(name, volume);
  co_return at->second;
}

Result<VolumeRef> Volumes::find(const std::string& name) const {
  const auto at = volumes_.find(name);
  if (at == volumes_.end()) return not_found("get {}: no such volume", name);
  return at->second;
}

std::vector<VolumeRef> Volumes::list() const {
  std::vector<VolumeRef> all;
  for (const auto& [name, volume] : volumes_) all.push_back(volume);
  return all;
}

os::Co<Result<void>> Volumes::remove(std::string name, bool force) {
  if (auto volume = find(name); !volume) {
    if (force) co_return Result<void>{};
    co_return std::unexpected(volume.error());
  }
  if (const auto users = users_(name); !users.empty()) {
    std::string ids;
    for (const auto& id : users) ids += (ids.empty() ? "" : ", ") + id;
    co_return conflict("remove {}: volume is in use - [{}]", name, ids);
  }
  volumes_.erase(name);  // Nobody can mount it from here on.
  auto erase = [at = folder(name)]() -> Result<void> {
    const std::string record = record_path(at);
    if (::unlink(record.c_str()) != 0 && errno != ENOENT) {
      return os::system_error("remove", record, errno);
    }
    return os::remove_tree(at);
  };
  co_return co_await machine_.loop.offload(std::move(erase));
}

}  // namespace shoal::containers
