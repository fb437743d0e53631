// Manifests as registries and archives hold them: Docker's schema 2 and OCI's, images and lists.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "images/image.h"

namespace shoal::images {

inline constexpr size_t kManifestBytesMax = size_t{4} << 20;
inline constexpr size_t kManifestListMax = 1024;

struct Descriptor {
  std::string media_type;
  std::string digest;  // "sha256:…", checked
  uint64_t size_bytes = 0;
  Platform platform;  // in a list
  std::string name;   // annotation org.opencontainers.image.ref.name or containerd's image name
};

struct Manifest {
  std::string media_type;
  // An image: what it is made of.
  Descriptor config;
  std::vector<Descriptor> layers;  // lowest first
  // A list: the images in it, one a platform.
  std::vector<Descriptor> manifests;

  bool is_list() const { return config.digest.empty(); }
};

// InvalidArgument for anything that is neither, such as schema 1.
Result<Manifest> parse_manifest(std::string_view json);

// The image of the list for this platform. NotFound in Docker's words.
Result<Descriptor> choose_platform(const Manifest& list, const Platform& wanted);

}  // namespace shoal::images
