#include "codec/wire/json_text.h"

#include <nlohmann/json.hpp>

namespace shoal::wire {
namespace {

using codec::Fault;
using nlohmann::json;

constexpr bool kThrow = false;

std::string text_of(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

// A member that is a string; empty when there is none.
std::string member(const json& object, const char* key) {
  if (!object.is_object()) return {};
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

std::string without_own(const pb::CredentialSpec& in) {
  json object = json::object();
  if (in.has_config()) object["Config"] = in.config();
  if (in.has_file()) object["File"] = in.file();
  if (in.has_registry()) object["Registry"] = in.registry();
  return text_of(object);
}

std::string without_own(const pb::SelinuxContext& in) {
  json object = json::object();
  if (in.disable()) object["Disable"] = true;
  if (!in.user().empty()) object["User"] = in.user();
  if (!in.role().empty()) object["Role"] = in.role();
  if (!in.type().empty()) object["Type"] = in.type();
  if (!in.level().empty()) object["Level"] = in.level();
  return text_of(object);
}

// The text is printed by the API as it is, so it must be JSON.
template <class Message>
std::string json_from(const Message& in, const char* what, Fault& fault) {
  if (in.json().empty()) return without_own(in);
  if (!json::accept(in.json())) fault.note("{}: not JSON", what);
  return in.json();
}

}  // namespace

std::string options_text(const Options& options) {
  return options.empty() ? std::string() : text_of(json(options));
}

Options options_from(const std::string& text, Fault& fault) {
  Options options;
  if (text.empty() || text == "null") return options;
  const json list = json::parse(text, nullptr, kThrow);
  bool valid = list.is_array();
  for (size_t i = 0; valid && i < list.size(); ++i) {
    std::vector<std::string>& option = options.emplace_back();
    valid = list[i].is_array();
    for (size_t k = 0; valid && k < list[i].size(); ++k) {
      valid = list[i][k].is_string();
      if (valid) option.push_back(list[i][k].get<std::string>());
    }
  }
  if (!valid) fault.note("tmpfs options: not a list of lists of strings");
  return valid ? options : Options();
}

void put_credential_spec(const std::string& text, pb::CredentialSpec* out) {
  const json object = json::parse(text, nullptr, kThrow);
  if (auto file = member(object, "File"); !file.empty()) out->set_file(file);
  if (auto registry = member(object, "Registry"); !registry.empty()) out->set_registry(registry);
  if (auto config = member(object, "Config"); !config.empty()) out->set_config(config);
  if (without_own(*out) != text) out->set_json(text);
}

std::string credential_spec_from(const pb::CredentialSpec& in, Fault& fault) {
  return json_from(in, "credential spec", fault);
}

void put_selinux(const std::string& text, pb::SelinuxContext* out) {
  const json object = json::parse(text, nullptr, kThrow);
  if (object.is_object()) {
    const auto disable = object.find("Disable");
    out->set_disable(disable != object.end() && disable->is_boolean() && disable->get<bool>());
  }
  out->set_user(member(object, "User"));
  out->set_role(member(object, "Role"));
  out->set_type(member(object, "Type"));
  out->set_level(member(object, "Level"));
  if (without_own(*out) != text) out->set_json(text);
}

std::string selinux_from(const pb::SelinuxContext& in, Fault& fault) {
  return json_from(in, "selinux context", fault);
}

}  // namespace shoal::wire
