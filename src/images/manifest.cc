#include "images/manifest.h"

#include <nlohmann/json.hpp>

#include "base/json_shape.h"
#include "images/image_config.h"
#include "images/platform.h"
#include "model/image_ref.h"

namespace shoal::images {
namespace {
using Json = nlohmann::json;

constexpr const char* kRefName = "org.opencontainers.image.ref.name";
constexpr const char* kContainerdName = "io.containerd.image.name";
constexpr const char* kDockerList = "application/vnd.docker.distribution.manifest.list.v2+json";
constexpr const char* kOciIndex = "application/vnd.oci.image.index.v1+json";
constexpr const char* kOciManifest = "application/vnd.oci.image.manifest.v1+json";

std::string text_of(const Json& object, const char* key) {
  if (!object.is_object()) return "";
  const auto at = object.find(key);
  return at == object.end() || !at->is_string() ? "" : at->get<std::string>();
}

const Json& member(const Json& object, const char* key) {
  static const Json kNull;
  if (!object.is_object()) return kNull;
  const auto at = object.find(key);
  return at == object.end() ? kNull : *at;
}

Result<Descriptor> descriptor_of(const Json& json) {
  Descriptor descriptor;
  descriptor.media_type = text_of(json, "mediaType");
  descriptor.digest = text_of(json, "digest");
  if (!model::is_sha256_digest(descriptor.digest)) {
    return invalid_argument("invalid manifest: digest \"{}\"", descriptor.digest);
  }
  const Json& size = member(json, "size");
  if (size.is_number_unsigned()) descriptor.size_bytes = size.get<uint64_t>();
  const Json& platform = member(json, "platform");
  descriptor.platform = {.architecture = text_of(platform, "architecture"),
                         .os = text_of(platform, "os"),
                         .os_version = text_of(platform, "os.version"),
                         .variant = text_of(platform, "variant")};
  const Json& annotations = member(json, "annotations");
  descriptor.name = text_of(annotations, kContainerdName);
  if (descriptor.name.empty()) descriptor.name = text_of(annotations, kRefName);
  return descriptor;
}

Result<std::vector<Descriptor>> descriptors_of(const Json& list, size_t count_max) {
  if (list.size() > count_max) return invalid_argument("invalid manifest: {} parts", list.size());
  std::vector<Descriptor> descriptors;
  for (const auto& item : list) {
    ASSIGN_OR_RETURN(Descriptor descriptor, descriptor_of(item));
    descriptors.push_back(std::move(descriptor));
  }
  return descriptors;
}

}  // namespace

Result<Manifest> parse_manifest(std::string_view text) {
  RETURN_IF_ERROR(check_json_shape(text));
  const Json json = Json::parse(text, nullptr, false);
  if (!json.is_object()) return invalid_argument("invalid manifest: it is no JSON");
  Manifest manifest;
  manifest.media_type = text_of(json, "mediaType");
  const Json& manifests = member(json, "manifests");
  const Json& layers = member(json, "layers");
  if (manifests.is_array()) {
    ASSIGN_OR_RETURN(manifest.manifests, descriptors_of(manifests, kManifestListMax));
    if (manifest.media_type.empty()) manifest.media_type = kOciIndex;
    return manifest;
  }
  if (!layers.is_array() || !member(json, "config").is_object() ||
      manifest.media_type == kDockerList) {
    return invalid_argument("invalid manifest: of a kind that is not supported");
  }
  ASSIGN_OR_RETURN(manifest.config, descriptor_of(json["config"]));
  ASSIGN_OR_RETURN(manifest.layers, descriptors_of(layers, kLayersMax));
  if (manifest.media_type.empty()) manifest.media_type = kOciManifest;
  return manifest;
}

Result<Descriptor> choose_platform(const Manifest& list, const Platform& wanted) {
  for (const auto& offered : list.manifests) {
    if (platform_fits(wanted, offered.platform)) return offered;
  }
  return not_found("no matching manifest for {}/{}{}{} in the manifest list entries", wanted.os,
                   wanted.architecture, wanted.variant.empty() ? "" : "/", wanted.variant);
}

}  // namespace shoal::images
