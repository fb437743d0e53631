#include "images/image_config.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/json_shape.h"
#include "model/image_ref.h"
#include "os/sha256.h"

namespace shoal::images {
namespace {
using Json = nlohmann::json;

// Readers for documents of others: what has the wrong type counts as absent, as Go's zero value.
const Json& member(const Json& object, const char* key) {
  static const Json kNull;
  if (!object.is_object()) return kNull;
  const auto at = object.find(key);
  return at == object.end() ? kNull : *at;
}

std::string text_of(const Json& object, const char* key) {
  const Json& value = member(object, key);
  return value.is_string() ? value.get<std::string>() : "";
}

int64_t number_of(const Json& object, const char* key) {
  const Json& value = member(object, key);
  return value.is_number_integer() ? value.get<int64_t>() : 0;
}

std::vector<std::string> texts_of(const Json& object, const char* key) {
  std::vector<std::string> texts;
  const Json& value = member(object, key);
  if (!value.is_array()) return texts;
  for (const auto& item : value) {
    if (item.is_string()) texts.push_back(item.get<std::string>());
  }
  return texts;
}

std::vector<std::string> keys_of(const Json& object, const char* key) {
  std::vector<std::string> keys;
  const Json& value = member(object, key);
  if (!value.is_object()) return keys;
  for (const auto& [name, unused] : value.items()) keys.push_back(name);
  return keys;  // nlohmann's objects are sorted.
}

Time time_of(const Json& object, const char* key) {
  return parse_rfc3339(text_of(object, key)).value_or(Time{});
}

std::optional<model::HealthConfig> health_of(const Json& config) {
  const Json& health = member(config, "Healthcheck");
  if (!health.is_object()) return std::nullopt;
  model::HealthConfig result;
  result.test = texts_of(health, "Test");
  result.interval = Duration(number_of(health, "Interval"));
  result.timeout = Duration(number_of(health, "Timeout"));
  result.start_period = Duration(number_of(health, "StartPeriod"));
  result.start_interval = Duration(number_of(health, "StartInterval"));
  result.retries = int32_t(number_of(health, "Retries"));
  return result;
}

ImageConfig config_of(const Json& json) {
  ImageConfig config;
  config.entrypoint = texts_of(json, "Entrypoint");
  config.command = texts_of(json, "Cmd");
  config.env = texts_of(json, "Env");
  config.user = text_of(json, "User");
  config.working_dir = text_of(json, "WorkingDir");
  config.exposed_ports = keys_of(json, "ExposedPorts");
  config.volumes = keys_of(json, "Volumes");
  config.stop_signal = text_of(json, "StopSignal");
  config.healthcheck = health_of(json);
  config.shell = texts_of(json, "Shell");
  config.on_build = texts_of(json, "OnBuild");
  for (const auto& key : keys_of(json, "Labels")) {
    config.labels[key] = text_of(member(json, "Labels"), key.c_str());
  }
  return config;
}

std::vector<HistoryEntry> history_of(const Json& json) {
  std::vector<HistoryEntry> history;
  const Json& entries = member(json, "history");
  if (!entries.is_array()) return history;
  for (const auto& entry : entries) {
    const Json& empty = member(entry, "empty_layer");
    history.push_back({.created = time_of(entry, "created"),
                       .created_by = text_of(entry, "created_by"),
                       .author = text_of(entry, "author"),
                       .comment = text_of(entry, "comment"),
                       .empty_layer = empty.is_boolean() && empty.get<bool>()});
  }
  return history;
}

Result<std::vector<Layer>> layers_of(const Json& json) {
  const Json& rootfs = member(json, "rootfs");
  if (!rootfs.is_object() || text_of(rootfs, "type") != "layers") {
    return invalid_argument("invalid image: its configuration names no layers");
  }
  std::vector<Layer> layers;
  for (auto& id : texts_of(rootfs, "diff_ids")) {
    if (!model::is_sha256_digest(id)) return invalid_argument("invalid image: layer \"{}\"", id);
    layers.push_back({std::move(id), 0});
  }
  if (layers.size() > kLayersMax) {
    return invalid_argument("invalid image: more than {} layers", kLayersMax);
  }
  return layers;
}

Json keys_object(const std::vector<std::string>& keys) {
  Json object = Json::object();
  for (const auto& key : keys) object[key] = Json::object();
  return object;
}

Json write_health(const model::HealthConfig& health) {
  return {{"Test", health.test},
          {"Interval", health.interval.count()},
          {"Timeout", health.timeout.count()},
          {"StartPeriod", health.start_period.count()},
          {"StartInterval", health.start_interval.count()},
          {"Retries", health.retries}};
}

Json write_config(const ImageConfig& config) {
  Json json = Json::object();
  if (!config.entrypoint.empty()) json["Entrypoint"] = config.entrypoint;
  if (!config.command.empty()) json["Cmd"] = config.command;
  if (!config.env.empty()) json["Env"] = config.env;
  if (!config.user.empty()) json["User"] = config.user;
  if (!config.working_dir.empty()) json["WorkingDir"] = config.working_dir;
  if (!config.exposed_ports.empty()) json["ExposedPorts"] = keys_object(config.exposed_ports);
  if (!config.volumes.empty()) json["Volumes"] = keys_object(config.volumes);
  if (!config.labels.empty()) json["Labels"] = config.labels;
  if (!config.stop_signal.empty()) json["StopSignal"] = config.stop_signal;
  if (config.healthcheck) json["Healthcheck"] = write_health(*config.healthcheck);
  if (!config.on_build.empty()) json["OnBuild"] = config.on_build;
  return json;
}

Json write_history(const HistoryEntry& entry) {
  Json json = {{"created", to_rfc3339(entry.created)}};
  if (!entry.created_by.empty()) json["created_by"] = entry.created_by;
  if (!entry.author.empty()) json["author"] = entry.author;
  if (!entry.comment.empty()) json["comment"] = entry.comment;
  if (entry.empty_layer) json["empty_layer"] = true;
  return json;
}

}  // namespace

Result<Image> parse_image_config(std::string_view text) {
  RETURN_IF_ERROR(check_json_shape(text));
  const Json json = Json::parse(text, nullptr, false);
  if (!json.is_object()) return invalid_argument("invalid image: its configuration is no JSON");
  Image image;
  image.id = "sha256:" + os::sha256_hex(text);
  image.created = time_of(json, "created");
  image.architecture = text_of(json, "architecture");
  image.variant = text_of(json, "variant");
  image.os = text_of(json, "os");
  image.author = text_of(json, "author");
  image.comment = text_of(json, "comment");
  image.config = config_of(member(json, "config"));
  image.history = history_of(json);
  ASSIGN_OR_RETURN(image.layers, layers_of(json));
  return image;
}

std::string write_image_config(const Image& image) {
  Json diff_ids = Json::array();
  for (const auto& layer : image.layers) diff_ids.push_back(layer.diff_id);
  Json history = Json::array();
  for (const auto& entry : image.history) history.push_back(write_history(entry));
  Json json = {{"architecture", image.architecture},
               {"os", image.os},
               {"created", to_rfc3339(image.created)},
               {"config", write_config(image.config)},
               {"rootfs", {{"type", "layers"}, {"diff_ids", std::move(diff_ids)}}},
               {"history", std::move(history)}};
  if (!image.variant.empty()) json["variant"] = image.variant;
  if (!image.author.empty()) json["author"] = image.author;
  if (!image.comment.empty()) json["comment"] = image.comment;
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::vector<std::string> chain_ids(const std::vector<Layer>& layers) {
  std::vector<std::string> chains;
  for (const auto& layer : layers) {
    chains.push_back(chains.empty()
                         ? layer.diff_id
                         : "sha256:" + os::sha256_hex(chains.back() + " " + layer.diff_id));
  }
  return chains;
}

}  // namespace shoal::images
