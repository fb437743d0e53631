// Whether a JSON text may be made into a tree: a few megabytes of "[[],[],…" become hundreds of
// megabytes of nodes, and deep nesting a deep stack. Looks at the brackets and commas only; whether
// it is JSON the parser says.
#pragma once

#include <cstddef>
#include <string_view>

#include "base/result.h"

namespace shoal {

// No object of an API or of an image comes near.
inline constexpr int kJsonDepthMax = 100;
inline constexpr size_t kJsonValuesMax = 100'000;

// InvalidArgument with the reason.
Result<void> check_json_shape(std::string_view text);

}  // namespace shoal
