#include "api/http/message.h"

#include <charconv>

namespace shoal::api {
namespace {

const std::string* find(const Fields& fields, std::string_view name) {
  for (const auto& [key, value] : fields) {
    if (key == name) return &value;
  }
  return nullptr;
}

std::string_view value_or_empty(const Fields& fields, std::string_view name) {
  const std::string* value = find(fields, name);
  return value ? std::string_view(*value) : std::string_view{};
}

}  // namespace

std::string_view Request::header(std::string_view name) const {
  return value_or_empty(headers, name);
}

std::string_view Request::param(std::string_view name) const {
  return value_or_empty(params, name);
}

std::string_view Request::query_value(std::string_view name) const {
  return value_or_empty(query, name);
}

bool Request::has_query(std::string_view name) const {
  return find(query, name) != nullptr;
}

bool Request::query_flag(std::string_view name) const {
  std::string value;
  for (const char c : query_value(name)) {
    if (c != ' ') value += c >= 'A' && c <= 'Z' ? char(c + 32) : c;
  }
  return !(value.empty() || value == "0" || value == "no" || value == "false" || value == "none");
}

Result<int64_t> Request::query_int(std::string_view name, int64_t fallback) const {
  const std::string_view text = query_value(name);
  if (text.empty()) return fallback;
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) {
    return invalid_argument("invalid value \"{}\" for {}: not an integer", text, name);
  }
  return value;
}

}  // namespace shoal::api
