// Platforms as registries and clients write them: "linux/amd64", "linux/arm64/v8".
#pragma once

#include <string_view>

#include "base/result.h"
#include "images/image.h"

namespace shoal::images {

// Empty text: this machine's. InvalidArgument when it is not OS[/ARCHITECTURE[/VARIANT]].
Result<Platform> parse_platform(std::string_view text);

// Whether an image for `offered` is what somebody who wants `wanted` should get. An image that
// names no variant fits any.
bool platform_fits(const Platform& wanted, const Platform& offered);

}  // namespace shoal::images
