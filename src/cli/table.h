// Table: what a command lists, printed as an aligned table, as JSON, or by a template in docker's
// manner.
//
// Pure of state.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace shoal::cli {

struct Table {
  std::vector<std::string> fields;             // "Node", "State": names in templates and JSON
  std::vector<std::vector<std::string>> rows;  // each as long as `fields`
};

// `format` is "" or "table" (aligned, fields as headers), "json" (an object a line), or a template:
// "{{.Node}}\t{{.State}}", a line for each row. InvalidArgument for a field that does not exist and
// a template that does not end.
Result<std::string> render(const Table& table, std::string_view format);

}  // namespace shoal::cli
