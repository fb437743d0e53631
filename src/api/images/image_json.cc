#include "api/images/image_json.h"

#include "codec/json_writer.h"

namespace shoal::api {
namespace {
using codec::JsonWriter;
using images::Image;
using images::ImageConfig;

// Until this version, sizes came twice and images without a name were called <none>.
constexpr ApiVersion kVirtualSizeLast{1, 43};
constexpr ApiVersion kNoneNamesLast{1, 42};
constexpr const char* kNoneTag = "<none>:<none>";
constexpr const char* kNoneDigest = "<none>@<none>";

int64_t unix_seconds(Time time) {
  return time.is_set() ? time.unix_ns / 1'000'000'000 : 0;
}

void write_keys(JsonWriter& json, std::string_view name, const std::vector<std::string>& keys) {
  if (keys.empty()) return;
  json.key(name).begin_object();
  for (const auto& key : keys) json.key(key).begin_object().end_object();
  json.end_object();
}

// Go writes a nil slice or map as null.
template <class List>
void write_or_null(JsonWriter& json, std::string_view name, const List& list) {
  json.key(name);
  if (list.empty()) {
    json.null();
  } else {
    json.value(list);
  }
}

void write_health(JsonWriter& json, const model::HealthConfig& health) {
  json.key("Healthcheck").begin_object();
  json.optional_field("Test", health.test);
  json.optional_field("Interval", health.interval.count());
  json.optional_field("Timeout", health.timeout.count());
  json.optional_field("StartPeriod", health.start_period.count());
  json.optional_field("StartInterval", health.start_interval.count());
  json.optional_field("Retries", health.retries);
  json.end_object();
}

void write_config(JsonWriter& json, const ImageConfig& config) {
  json.begin_object();
  for (const char* name : {"Hostname", "Domainname"}) json.field(name, "");
  json.field("User", config.user);
  for (const char* name : {"AttachStdin", "AttachStdout", "AttachStderr"}) json.field(name, false);
  write_keys(json, "ExposedPorts", config.exposed_ports);
  for (const char* name : {"Tty", "OpenStdin", "StdinOnce"}) json.field(name, false);
  json.field("Env", config.env);
  write_or_null(json, "Cmd", config.command);
  if (config.healthcheck) write_health(json, *config.healthcheck);
  json.field("Image", "");
  if (config.volumes.empty()) json.key("Volumes").null();
  write_keys(json, "Volumes", config.volumes);
  json.field("WorkingDir", config.working_dir);
  write_or_null(json, "Entrypoint", config.entrypoint);
  write_or_null(json, "OnBuild", config.on_build);
  write_or_null(json, "Labels", config.labels);
  json.optional_field("StopSignal", config.stop_signal);
  json.optional_field("Shell", config.shell);
  json.end_object();
}

void write_summary(JsonWriter& json, const Image& image, ApiVersion version) {
  const bool none_names = version <= kNoneNamesLast && image.repo_tags.empty();
  json.begin_object();
  json.field("Containers", -1);
  json.field("Created", unix_seconds(image.created));
  json.field("Id", image.id);
  write_or_null(json, "Labels", image.config.labels);
  json.field("ParentId", "");
  const bool none_digest = none_names && image.repo_digests.empty();
  json.field("RepoDigests",
             none_digest ? std::vector<std::string>{kNoneDigest} : image.repo_digests);
  json.field("RepoTags", none_names ? std::vector<std::string>{kNoneTag} : image.repo_tags);
  json.field("SharedSize", -1);
  json.field("Size", image.size_bytes);
  if (version <= kVirtualSizeLast) json.field("VirtualSize", image.size_bytes);
  json.end_object();
}

void write_rootfs(JsonWriter& json, const Image& image) {
  json.key("RootFS").begin_object();
  json.field("Type", "layers");
  json.key("Layers").begin_array();
  for (const auto& layer : image.layers) json.value(layer.diff_id);
  json.end_array().end_object();
}

}  // namespace

std::string image_list_json(const std::vector<images::ImagePtr>& list, ApiVersion version) {
  JsonWriter json;
  json.begin_array();
  for (const auto& image : list) write_summary(json, *image, version);
  json.end_array();
  return json.take();
}

std::string image_json(const Image& image, ApiVersion version) {
  JsonWriter json;
  json.begin_object();
  json.field("Id", image.id);
  json.field("RepoTags", image.repo_tags);
  json.field("RepoDigests", image.repo_digests);
  json.field("Parent", "");
  json.field("Comment", image.comment);
  json.field("Created", to_rfc3339(image.created));
  json.field("DockerVersion", "");
  json.field("Author", image.author);
  json.key("Config");
  write_config(json, image.config);
  json.field("Architecture", image.architecture);
  json.optional_field("Variant", image.variant);
  json.field("Os", image.os);
  json.field("Size", image.size_bytes);
  if (version <= kVirtualSizeLast) json.field("VirtualSize", image.size_bytes);
  json.key("GraphDriver").begin_object();
  json.key("Data").null();
  json.field("Name", "overlay2").end_object();
  write_rootfs(json, image);
  json.key("Metadata").begin_object();
  json.field("LastTagTime", image.last_tagged).end_object();
  json.end_object();
  return json.take();
}

std::string history_json(const Image& image) {
  // Sizes belong to the entries that made a layer, counted from the oldest.
  std::vector<uint64_t> sizes;
  size_t layer = 0;
  for (const auto& entry : image.history) {
    const bool has_layer = !entry.empty_layer && layer < image.layers.size();
    sizes.push_back(has_layer ? image.layers[layer++].size_bytes : 0);
  }
  JsonWriter json;
  json.begin_array();
  for (size_t i = image.history.size(); i-- > 0;) {
    const auto& entry = image.history[i];
    const bool newest = i + 1 == image.history.size();
    json.begin_object();
    json.field("Comment", entry.comment);
    json.field("Created", unix_seconds(entry.created));
    json.field("CreatedBy", entry.created_by);
    json.field("Id", newest ? image.id : "<missing>");
    json.field("Size", sizes[i]);
    write_or_null(json, "Tags", newest ? image.repo_tags : std::vector<std::string>{});
    json.end_object();
  }
  json.end_array();
  return json.take();
}

namespace {

void write_removed(JsonWriter& json, const std::vector<images::RemovedItem>& removed) {
  json.begin_array();
  for (const auto& item : removed) {
    json.begin_object();
    json.optional_field("Untagged", item.untagged);
    json.optional_field("Deleted", item.deleted);
    json.end_object();
  }
  json.end_array();
}

}  // namespace

std::string removed_json(const std::vector<images::RemovedItem>& removed) {
  JsonWriter json;
  write_removed(json, removed);
  return json.take();
}

std::string prune_json(const images::PruneReport& report) {
  JsonWriter json;
  json.begin_object();
  json.key("ImagesDeleted");
  if (report.removed.empty()) {
    json.null();
  } else {
    write_removed(json, report.removed);
  }
  json.field("SpaceReclaimed", report.reclaimed_bytes);
  json.end_object();
  return json.take();
}

std::string distribution_json(const images::DistributionInfo& info) {
  JsonWriter json;
  json.begin_object();
  json.key("Descriptor").begin_object();
  json.field("mediaType", info.media_type);
  json.field("digest", info.digest);
  json.field("size", info.size_bytes).end_object();
  json.key("Platforms").begin_array();
  for (const auto& platform : info.platforms) {
    json.begin_object();
    json.field("architecture", platform.architecture);
    json.field("os", platform.os);
    json.optional_field("os.version", platform.os_version);
    json.optional_field("variant", platform.variant);
    json.end_object();
  }
  json.end_array().end_object();
  return json.take();
}

std::string progress_json(const images::Progress& progress) {
  JsonWriter json;
  json.begin_object();
  if (!progress.stream.empty()) {
    json.field("stream", progress.stream);
  } else {
    json.field("status", progress.status);
    json.key("progressDetail").begin_object();
    if (progress.total_bytes > 0) {
      json.field("current", progress.current_bytes);
      json.field("total", progress.total_bytes);
    }
    json.end_object();
    json.optional_field("id", progress.id);
  }
  json.end_object();
  return json.take() + "\r\n";
}

std::string stream_error_json(const std::string& message) {
  JsonWriter json;
  json.begin_object();
  json.key("errorDetail").begin_object();
  json.field("message", message).end_object();
  json.field("error", message);
  json.end_object();
  return json.take() + "\r\n";
}

}  // namespace shoal::api
