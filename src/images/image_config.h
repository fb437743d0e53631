// The configuration document of an image (Docker's and OCI's are the same but for optional fields):
// JSON to Image and, for imports, back.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "images/image.h"

namespace shoal::images {

inline constexpr size_t kConfigBytesMax = size_t{8} << 20;
inline constexpr size_t kLayersMax = 127;  // As Docker; what one mount call takes.

// The id is the digest of the text; names and sizes stay empty. InvalidArgument when it is no JSON,
// is for another kind of artifact (no rootfs), or its history does not fit its layers.
Result<Image> parse_image_config(std::string_view json);

// A document for an image made here. Its digest is the id of the new image.
std::string write_image_config(const Image& image);

// The id of a stack of layers, as Docker names what it deletes: H(chain of those below + diff id).
std::vector<std::string> chain_ids(const std::vector<Layer>& layers);

// Applies one line of a Dockerfile (`docker import --change`): CMD ENTRYPOINT ENV EXPOSE
// HEALTHCHECK LABEL ONBUILD STOPSIGNAL USER VOLUME WORKDIR; case does not matter.
Result<void> apply_change(ImageConfig& config, std::string_view line);

}  // namespace shoal::images
