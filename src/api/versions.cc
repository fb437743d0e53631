#include "api/versions.h"

#include <charconv>

namespace shoal::api {

Result<model::Version> update_version(const Request& request, std::string_view kind) {
  const std::string_view text = request.query_value("version");
  model::Version version = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), version);
  if (text.empty() || error != std::errc{} || end != text.data() + text.size()) {
    const bool too_big = error == std::errc::result_out_of_range;
    return invalid_argument("invalid {} version '{}': strconv.ParseUint: parsing \"{}\": {}", kind,
                            text, text, too_big ? "value out of range" : "invalid syntax");
  }
  return version;
}

}  // namespace shoal::api
