#include "base/json_shape.h"

namespace shoal {

Result<void> check_json_shape(std::string_view text) {
  int depth = 0;
  size_t values = 0;
  bool in_string = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') ++i;
      if (c == '"') in_string = false;
      continue;
    }
    if (c == '"') in_string = true;
    if (c == '{' || c == '[') ++depth;
    if (c == '}' || c == ']') --depth;
    // Each value but the first of its list or object has a comma before it.
    if (c == '{' || c == '[' || c == ',') ++values;
    if (depth > kJsonDepthMax) return invalid_argument("invalid JSON: exceeded max depth");
    if (values > kJsonValuesMax) {
      return invalid_argument("invalid JSON: more than {} values", kJsonValuesMax);
    }
  }
  return {};
}

}  // namespace shoal
