// ImageRef: the name of an image, taken apart and completed as Docker does it
// (distribution/reference): "web" is docker.io/library/web, "host:5000/team/web:2@sha256:…" names a
// registry, a repository, a tag and a digest.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace shoal::model {

struct ImageRef {
  std::string domain;  // "docker.io", "localhost:5000"
  std::string path;    // "library/web"
  std::string tag;     // empty: none was given
  std::string digest;  // "sha256:<64 hex>"; empty: none was given

  bool operator==(const ImageRef&) const = default;

  // "docker.io/library/web": what registries are asked for.
  std::string full_name() const;
  // "web", "team/web", "host:5000/web": what Docker shows, without tag and digest.
  std::string familiar_name() const;
  // The familiar name with what else is set: "web:2", "web@sha256:…", "web:2@sha256:…".
  std::string familiar() const;
  // "latest" as the tag when neither tag nor digest is set.
  ImageRef with_default_tag() const;
};

// InvalidArgument with Docker's texts: "invalid reference format", "invalid reference format:
// repository name (Web) must be lowercase". 64 hex digits alone are an id, not a name: refused.
Result<ImageRef> parse_image_ref(std::string_view text);

// "sha256:" and 64 lower-case hex digits.
bool is_sha256_digest(std::string_view text);
// [A-Za-z0-9_][A-Za-z0-9_.-]{0,127}
bool is_image_tag(std::string_view text);

}  // namespace shoal::model
