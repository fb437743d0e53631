#include "model/constraint.h"

#include <algorithm>
#include <cctype>
#include <optional>
#include <string_view>

#include "model/ip.h"

namespace shoal::model {
namespace {

constexpr std::string_view kNodeLabel = "node.labels.";
constexpr std::string_view kEngineLabel = "engine.labels.";

char lower(char c) {
  return (c >= 'A' && c <= 'Z') ? char(c - 'A' + 'a') : c;
}

bool equal_fold(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, [](char x, char y) { return lower(x) == lower(y); });
}

bool is_letter(char c) {
  return lower(c) >= 'a' && lower(c) <= 'z';
}
bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

std::string_view trim(std::string_view text) {
  while (!text.empty() && std::isspace(uint8_t(text.front()))) text.remove_prefix(1);
  while (!text.empty() && std::isspace(uint8_t(text.back()))) text.remove_suffix(1);
  return text;
}

// A letter or underscore, then at least one more of [A-Za-z0-9-_.].
bool is_key(std::string_view text) {
  if (text.size() < 2 || !(is_letter(text[0]) || text[0] == '_')) return false;
  return std::ranges::all_of(text.substr(1), [](char c) {
    return is_letter(c) || is_digit(c) || c == '-' || c == '_' || c == '.';
  });
}

// Nothing that is or may become an operator, such as < or ~.
bool is_value(std::string_view text) {
  constexpr std::string_view kSpecial = ":-_.*()?+[]\\^$|/ \t\n\r\f";
  return !text.empty() && std::ranges::all_of(text, [&](char c) {
    return is_letter(c) || is_digit(c) || kSpecial.find(c) != std::string_view::npos;
  });
}

Result<Constraint> parse_constraint(std::string_view text) {
  for (const std::string_view op : {"==", "!="}) {
    const size_t at = text.find(op);
    if (at == std::string_view::npos) continue;
    const std::string_view key = trim(text.substr(0, at)), value = trim(text.substr(at + 2));
    if (!is_key(key)) return invalid_argument("key '{}' is invalid", key);
    if (!is_value(value)) return invalid_argument("value '{}' is invalid", value);
    return Constraint{std::string(key), op == "==", std::string(value)};
  }
  return invalid_argument("constraint expected one operator from ==, !=");
}

// The rest of `key` behind `prefix`; empty when it does not start with it.
std::string_view behind(std::string_view prefix, std::string_view key) {
  const bool fits = key.size() > prefix.size() && equal_fold(key.substr(0, prefix.size()), prefix);
  return fits ? key.substr(prefix.size()) : std::string_view();
}

const std::string& label(const Labels& labels, std::string_view name) {
  static const std::string kNone;
  for (auto at = labels.begin(); at != labels.end(); ++at) {
    if (at->first == name) return at->second;
  }
  return kNone;
}

bool matches_text(const Constraint& constraint, std::string_view found) {
  return equal_fold(constraint.value, found) == constraint.equal;
}

// An address that cannot be read matches nothing, with either operator.
bool matches_ip(const Constraint& constraint, const Node& node) {
  const auto subnet = parse_subnet(constraint.value);
  if (!subnet) return false;
  const auto address = parse_address(node.status.address);
  return (address && contains(*subnet, *address)) == constraint.equal;
}

bool matches_one(const Constraint& constraint, const Node& node) {
  const std::string_view key = constraint.key;
  if (equal_fold(key, "node.id")) return matches_text(constraint, node.id.view());
  if (equal_fold(key, "node.hostname")) return matches_text(constraint, node.description.hostname);
  if (equal_fold(key, "node.ip")) return matches_ip(constraint, node);
  if (equal_fold(key, "node.role")) {
    return matches_text(constraint, node.role == NodeRole::Manager ? "manager" : "worker");
  }
  if (equal_fold(key, "node.platform.os")) {
    return matches_text(constraint, node.description.platform.os);
  }
  if (equal_fold(key, "node.platform.arch")) {
    return matches_text(constraint, node.description.platform.architecture);
  }
  if (const std::string* value = spread_value(constraint.key, node)) {
    return matches_text(constraint, *value);
  }
  return false;
}

}  // namespace

Result<std::vector<Constraint>> parse_constraints(const std::vector<std::string>& texts) {
  std::vector<Constraint> constraints;
  for (const std::string& text : texts) {
    ASSIGN_OR_RETURN(Constraint constraint, parse_constraint(text));
    constraints.push_back(std::move(constraint));
  }
  return constraints;
}

bool matches(const std::vector<Constraint>& constraints, const Node& node) {
  return std::ranges::all_of(constraints,
                             [&](const Constraint& one) { return matches_one(one, node); });
}

const std::string* spread_value(const std::string& descriptor, const Node& node) {
  if (const auto name = behind(kNodeLabel, descriptor); !name.empty()) {
    return &label(node.spec.annotations.labels, name);
  }
  if (const auto name = behind(kEngineLabel, descriptor); !name.empty()) {
    return &label(node.description.engine_labels, name);
  }
  return nullptr;
}

}  // namespace shoal::model
