#include "codec/json_reader.h"

#include <nlohmann/json.hpp>

#include "base/json_shape.h"

namespace shoal::codec {
using nlohmann::json;

struct JsonDocument::State {
  json value;
  std::string problem;
};

namespace {

// Go's word for what was found.
std::string kind_of(const json& value) {
  switch (value.type()) {
    case json::value_t::object:
      return "object";
    case json::value_t::array:
      return "array";
    case json::value_t::string:
      return "string";
    case json::value_t::boolean:
      return "bool";
    default:
      return "number";
  }
}

bool same_name(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? char(c + 32) : c; };
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); ++i) {
    if (lower(a[i]) != lower(b[i])) return false;
  }
  return true;
}

// The value as a T, without rounding and wrapping; false when it is none.
template <class T>
bool number_as(const json& value, T& out) {
  if constexpr (std::is_floating_point_v<T>) {
    if (!value.is_number()) return false;
    out = value.get<T>();
    return true;
  } else {
    if (value.is_number_unsigned()) {
      const uint64_t number = value.get<uint64_t>();
      if (!std::in_range<T>(number)) return false;
      out = T(number);
      return true;
    }
    if (!value.is_number_integer()) return false;
    const int64_t number = value.get<int64_t>();
    if (!std::in_range<T>(number)) return false;
    out = T(number);
    return true;
  }
}

}  // namespace

Result<JsonDocument> JsonDocument::parse(std::string_view text) {
  if (text.find_first_not_of(" \t\r\n") == std::string_view::npos) {
    return invalid_argument("invalid JSON: got EOF while reading request body");
  }
  RETURN_IF_ERROR(check_json_shape(text));
  auto state = std::make_shared<State>();
  try {
    state->value = json::parse(text);
  } catch (const json::parse_error& error) {
    if (error.byte > text.size()) return invalid_argument("invalid JSON: unexpected EOF");
    // The library counts from 1, and its own texts name its own states.
    const char found = text[error.byte == 0 ? 0 : error.byte - 1];
    const bool printable = found > ' ' && found < 0x7f;
    return invalid_argument(
        "invalid JSON: invalid character {} at byte {}",
        printable ? fmt::format("'{}'", found) : fmt::format("'\\x{:02x}'", uint8_t(found)),
        error.byte);
  } catch (const json::exception&) {
    return invalid_argument("invalid JSON: number out of range");
  }
  return JsonDocument(std::move(state));
}

JsonReader JsonDocument::root(std::string_view type) const {
  if (!state_->value.is_object() && !state_->value.is_null() && state_->problem.empty()) {
    state_->problem = fmt::format("json: cannot unmarshal {} into Go value of type {}",
                                  kind_of(state_->value), type);
  }
  return JsonReader(*state_, state_->value, std::string(type.substr(type.rfind('.') + 1)), "");
}

Result<void> JsonDocument::status() const {
  if (state_->problem.empty()) return {};
  return invalid_argument("invalid JSON: {}", state_->problem);
}

const json* JsonReader::find(std::string_view key) const {
  if (!value_->is_object()) return nullptr;
  auto found = value_->find(std::string(key));
  if (found == value_->end()) {
    for (auto field = value_->begin(); field != value_->end(); ++field) {
      if (same_name(field.key(), key)) found = field;
    }
  }
  return found == value_->end() || found->is_null() ? nullptr : &*found;
}

std::string JsonReader::path_to(std::string_view key) const {
  return path_ + std::string(key);
}

void JsonReader::wrong(std::string_view key, const json& value, std::string_view wanted) {
  if (!state_->problem.empty()) return;
  const bool integer_wanted = wanted.starts_with("int") || wanted.starts_with("uint");
  const std::string found =
      value.is_number() && integer_wanted ? "number " + value.dump() : kind_of(value);
  state_->problem = fmt::format("json: cannot unmarshal {} into Go struct field {}.{} of type {}",
                                found, type_, path_to(key), wanted);
}

bool JsonReader::has(std::string_view key) const {
  return find(key) != nullptr;
}

void JsonReader::read(std::string_view key, std::string& out, std::string_view type) {
  const json* value = find(key);
  if (!value) return;
  if (!value->is_string()) return wrong(key, *value, type);
  out = value->get<std::string>();
}

void JsonReader::read(std::string_view key, bool& out) {
  const json* value = find(key);
  if (!value) return;
  if (!value->is_boolean()) return wrong(key, *value, "bool");
  out = value->get<bool>();
}

template <class T>
void JsonReader::read_number(std::string_view key, T& out, std::string_view wanted) {
  const json* value = find(key);
  if (value && !number_as(*value, out)) wrong(key, *value, wanted);
}

void JsonReader::read(std::string_view key, int64_t& out) {
  read_number(key, out, "int64");
}
void JsonReader::read(std::string_view key, int32_t& out) {
  read_number(key, out, "int");
}
void JsonReader::read(std::string_view key, uint64_t& out) {
  read_number(key, out, "uint64");
}
void JsonReader::read(std::string_view key, uint32_t& out) {
  read_number(key, out, "uint32");
}
void JsonReader::read(std::string_view key, float& out) {
  read_number(key, out, "float32");
}

void JsonReader::read(std::string_view key, Duration& out) {
  int64_t nanoseconds = out.count();
  read_number(key, nanoseconds, "time.Duration");
  out = Duration{nanoseconds};
}

void JsonReader::read(std::string_view key, std::vector<std::string>& out) {
  const json* value = find(key);
  if (!value) return;
  if (!value->is_array()) return wrong(key, *value, "[]string");
  out.clear();
  for (const json& item : *value) {
    if (!item.is_string() && !item.is_null()) return wrong(key, item, "string");
    out.push_back(item.is_null() ? std::string() : item.get<std::string>());
  }
}

void JsonReader::read(std::string_view key, std::vector<std::vector<std::string>>& out) {
  const json* value = find(key);
  if (!value) return;
  if (!value->is_array()) return wrong(key, *value, "[][]string");
  out.clear();
  for (const json& list : *value) {
    if (!list.is_array()) return wrong(key, list, "[]string");
    auto& words = out.emplace_back();
    for (const json& item : list) {
      if (!item.is_string()) return wrong(key, item, "string");
      words.push_back(item.get<std::string>());
    }
  }
}

void JsonReader::read(std::string_view key, std::map<std::string, std::string>& out) {
  const json* value = find(key);
  if (!value) return;
  if (!value->is_object()) return wrong(key, *value, "map[string]string");
  out.clear();
  for (auto field = value->begin(); field != value->end(); ++field) {
    if (!field->is_string() && !field->is_null()) return wrong(key, *field, "string");
    out[field.key()] = field->is_null() ? std::string() : field->get<std::string>();
  }
}

std::optional<JsonReader> JsonReader::child(std::string_view key, std::string_view type) {
  const json* value = find(key);
  if (!value) return std::nullopt;
  if (!value->is_object()) {
    wrong(key, *value, type);
    return std::nullopt;
  }
  return JsonReader(*state_, *value, std::string(type), path_to(key) + ".");
}

std::vector<JsonReader> JsonReader::children(std::string_view key, std::string_view type) {
  std::vector<JsonReader> readers;
  const json* value = find(key);
  if (!value) return readers;
  if (!value->is_array()) {
    wrong(key, *value, fmt::format("[]{}", type));
    return readers;
  }
  for (const json& item : *value) {
    if (!item.is_object() && !item.is_null()) wrong(key, item, type);
    readers.push_back(JsonReader(*state_, item, std::string(type), path_to(key) + "."));
  }
  return readers;
}

std::string JsonReader::raw(std::string_view key) const {
  const json* value = find(key);
  return value ? value->dump(-1, ' ', false, json::error_handler_t::replace) : std::string();
}

std::vector<std::string> JsonReader::keys() const {
  std::vector<std::string> names;
  if (!value_->is_object()) return names;
  for (auto field = value_->begin(); field != value_->end(); ++field) names.push_back(field.key());
  return names;
}

}  // namespace shoal::codec
