#include "codec/json_mounts.h"

#include "codec/json_words.h"

namespace shoal::codec {
namespace {

using model::Mount;
using model::MountType;

constexpr Word<MountType> kTypes[] = {{MountType::Volume, "volume"},
                                      {MountType::Bind, "bind"},
                                      {MountType::Tmpfs, "tmpfs"},
                                      {MountType::Npipe, "npipe"},
                                      {MountType::Cluster, "cluster"}};
constexpr std::string_view kPropagations[] = {"",       "rprivate", "private", "rshared",
                                              "shared", "rslave",   "slave"};

Result<void> decode_bind(JsonReader& reader, Mount& mount) {
  reader.read("Propagation", mount.propagation, "mount.Propagation");
  reader.read("NonRecursive", mount.bind_non_recursive);
  reader.read("CreateMountpoint", mount.bind_create_mountpoint);
  reader.read("ReadOnlyNonRecursive", mount.bind_read_only_non_recursive);
  reader.read("ReadOnlyForceRecursive", mount.bind_read_only_force_recursive);
  for (const auto known : kPropagations) {
    if (mount.propagation == known) return {};
  }
  return invalid_argument("invalid MountPropagation: \"{}\"", mount.propagation);
}

void decode_volume(JsonReader& reader, Mount& mount) {
  reader.read("NoCopy", mount.volume_no_copy);
  reader.read("Labels", mount.volume_labels);
  reader.read("Subpath", mount.volume_subpath);
  if (auto driver = reader.child("DriverConfig", "Driver")) {
    mount.volume_driver.emplace();
    driver->read("Name", mount.volume_driver->name);
    driver->read("Options", mount.volume_driver->options);
  }
}

Result<Mount> decode_mount(JsonReader& reader) {
  Mount mount;
  std::string type;
  reader.read("Type", type, "mount.Type");
  if (type.empty()) return invalid_argument("invalid MountType: \"\"");
  RETURN_IF_ERROR(read_word(kTypes, "MountType", type, mount.type));
  reader.read("Source", mount.source);
  reader.read("Target", mount.target);
  reader.read("ReadOnly", mount.read_only);
  reader.read("Consistency", mount.consistency, "mount.Consistency");
  if (auto bind = reader.child("BindOptions", "BindOptions")) {
    RETURN_IF_ERROR(decode_bind(*bind, mount));
  }
  if (auto volume = reader.child("VolumeOptions", "VolumeOptions")) decode_volume(*volume, mount);
  if (auto tmpfs = reader.child("TmpfsOptions", "TmpfsOptions")) {
    tmpfs->read("SizeBytes", mount.tmpfs_size_bytes);
    tmpfs->read("Mode", mount.tmpfs_mode);
    tmpfs->read("Options", mount.tmpfs_options);
  }
  return mount;
}

void encode_bind(JsonWriter& json, const Mount& mount) {
  const bool any = !mount.propagation.empty() || mount.bind_non_recursive ||
                   mount.bind_create_mountpoint || mount.bind_read_only_non_recursive ||
                   mount.bind_read_only_force_recursive;
  if (!any) return;
  json.key("BindOptions").begin_object();
  json.optional_field("Propagation", mount.propagation);
  json.optional_field("NonRecursive", mount.bind_non_recursive);
  json.optional_field("CreateMountpoint", mount.bind_create_mountpoint);
  json.optional_field("ReadOnlyNonRecursive", mount.bind_read_only_non_recursive);
  json.optional_field("ReadOnlyForceRecursive", mount.bind_read_only_force_recursive);
  json.end_object();
}

void encode_volume(JsonWriter& json, const Mount& mount) {
  const bool any = mount.volume_no_copy || !mount.volume_labels.empty() || mount.volume_driver ||
                   !mount.volume_subpath.empty();
  if (!any) return;
  json.key("VolumeOptions").begin_object();
  json.optional_field("NoCopy", mount.volume_no_copy);
  json.optional_field("Labels", mount.volume_labels);
  json.optional_field("Subpath", mount.volume_subpath);
  if (mount.volume_driver) {
    json.key("DriverConfig").begin_object();
    json.optional_field("Name", mount.volume_driver->name);
    json.optional_field("Options", mount.volume_driver->options);
    json.end_object();
  }
  json.end_object();
}

void encode_tmpfs(JsonWriter& json, const Mount& mount) {
  const bool any =
      mount.tmpfs_size_bytes != 0 || mount.tmpfs_mode != 0 || !mount.tmpfs_options.empty();
  if (!any) return;
  json.key("TmpfsOptions").begin_object();
  json.optional_field("SizeBytes", mount.tmpfs_size_bytes);
  json.optional_field("Mode", mount.tmpfs_mode);
  if (!mount.tmpfs_options.empty()) {
    json.key("Options").begin_array();
    for (const auto& option : mount.tmpfs_options) json.value(option);
    json.end_array();
  }
  json.end_object();
}

}  // namespace

Result<void> decode_mounts(JsonReader& reader, std::string_view key, std::vector<Mount>& mounts) {
  for (auto& item : reader.children(key, "Mount")) {
    ASSIGN_OR_RETURN(Mount mount, decode_mount(item));
    mounts.push_back(std::move(mount));
  }
  return {};
}

void encode_mounts(JsonWriter& json, std::string_view key, const std::vector<Mount>& mounts) {
  if (mounts.empty()) return;
  json.key(key).begin_array();
  for (const auto& mount : mounts) {
    json.begin_object();
    json.field("Type", word_of(kTypes, mount.type));
    json.optional_field("Source", mount.source);
    json.optional_field("Target", mount.target);
    json.optional_field("ReadOnly", mount.read_only);
    json.optional_field("Consistency", mount.consistency);
    encode_bind(json, mount);
    encode_volume(json, mount);
    encode_tmpfs(json, mount);
    json.end_object();
  }
  json.end_array();
}

}  // namespace shoal::codec
