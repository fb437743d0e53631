// Base64 as Docker uses it: bytes in JSON (standard alphabet, padded) and X-Registry-Auth (URL
// alphabet).
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace shoal {

// Standard alphabet, padded.
std::string to_base64(std::string_view bytes);
// Either alphabet, padded or not. InvalidArgument for anything else.
Result<std::string> from_base64(std::string_view text);

}  // namespace shoal
