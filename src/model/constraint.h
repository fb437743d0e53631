// Placement constraints: "node.labels.zone == eu", "node.ip != 10.0.0.0/8" (semantics 2.5).
//
// Keys: node.id, node.hostname, node.ip (an address or a CIDR), node.role, node.platform.os,
// node.platform.arch, node.labels.NAME, engine.labels.NAME. Keys and values compare without regard
// to case, the NAME of a label with it. An unknown key never matches, whatever the operator.
#pragma once

#include <string>
#include <vector>

#include "model/node.h"

namespace shoal::model {

struct Constraint {
  std::string key;
  bool equal = true;  // == or !=
  std::string value;

  bool operator==(const Constraint&) const = default;
};

// InvalidArgument with Docker's words: "key '…' is invalid", "value '…' is invalid",
// "constraint expected one operator from ==, !=".
Result<std::vector<Constraint>> parse_constraints(const std::vector<std::string>& texts);

// Whether the node meets all of them.
bool matches(const std::vector<Constraint>& constraints, const Node& node);

// The value of "node.labels.NAME" or "engine.labels.NAME" on a node, "" when it has none; null for
// any other text. For placement preferences.
const std::string* spread_value(const std::string& descriptor, const Node& node);

}  // namespace shoal::model
