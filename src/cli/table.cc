#include "cli/table.h"

#include <algorithm>
#include <cctype>
#include <nlohmann/json.hpp>

namespace shoal::cli {
namespace {

constexpr size_t kGap = 3;  // between two columns, as docker has it

// Text between fields, and fields by their number.
struct Piece {
  std::string text;
  size_t field = SIZE_MAX;  // SIZE_MAX: only text
};

std::string trimmed(std::string_view text) {
  const size_t begin = text.find_first_not_of(' ');
  if (begin == std::string_view::npos) return {};
  return std::string(text.substr(begin, text.find_last_not_of(' ') + 1 - begin));
}

// "\t" and "\n" as two characters, the way they arrive from a shell.
std::string unescaped(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool escape = text[i] == '\\' && i + 1 < text.size();
    if (escape && text[i + 1] == 't') {
      out += '\t';
    } else if (escape && text[i + 1] == 'n') {
      out += '\n';
    } else {
      out += text[i];
      continue;
    }
    ++i;
  }
  return out;
}

Result<size_t> field_number(const Table& table, std::string_view inside) {
  const std::string name = trimmed(inside);
  const auto found = std::ranges::find(table.fields, name.starts_with('.') ? name.substr(1) : "");
  if (found != table.fields.end()) return size_t(found - table.fields.begin());
  std::string known;
  for (const auto& field : table.fields) known += (known.empty() ? "." : ", .") + field;
  return invalid_argument("template: there is no field \"{}\" (there are {})", name, known);
}

Result<std::vector<Piece>> parse_template(const Table& table, std::string_view format) {
  std::vector<Piece> pieces;
  while (!format.empty()) {
    const size_t open = format.find("{{");
    pieces.push_back({unescaped(format.substr(0, open))});
    if (open == std::string_view::npos) break;
    const size_t close = format.find("}}", open);
    if (close == std::string_view::npos) return invalid_argument("template: unclosed {{{{");
    ASSIGN_OR_RETURN(pieces.back().field,
                     field_number(table, format.substr(open + 2, close - open - 2)));
    format.remove_prefix(close + 2);
  }
  return pieces;
}

Result<std::string> by_template(const Table& table, std::string_view format) {
  ASSIGN_OR_RETURN(const std::vector<Piece> pieces, parse_template(table, format));
  std::string out;
  for (const auto& row : table.rows) {
    for (const auto& piece : pieces) {
      out += piece.text;
      if (piece.field != SIZE_MAX) out += row[piece.field];
    }
    out += '\n';
  }
  return out;
}

std::string as_json(const Table& table) {
  std::string out;
  for (const auto& row : table.rows) {
    nlohmann::ordered_json object;
    for (size_t i = 0; i < row.size(); ++i) object[table.fields[i]] = row[i];
    out += object.dump() + "\n";
  }
  return out;
}

std::string aligned(const Table& table) {
  std::vector<std::vector<std::string>> lines{table.fields};
  for (auto& header : lines[0]) {
    std::ranges::transform(header, header.begin(), [](unsigned char c) { return std::toupper(c); });
  }
  lines.insert(lines.end(), table.rows.begin(), table.rows.end());
  std::vector<size_t> widths(table.fields.size());
  for (const auto& line : lines) {
    for (size_t i = 0; i < line.size(); ++i) widths[i] = std::max(widths[i], line[i].size());
  }
  std::string out;
  for (const auto& line : lines) {
    for (size_t i = 0; i < line.size(); ++i) {
      const bool last = i + 1 == line.size();
      out += line[i] + (last ? "\n" : std::string(widths[i] - line[i].size() + kGap, ' '));
    }
  }
  return out;
}

}  // namespace

Result<std::string> render(const Table& table, std::string_view format) {
  if (format.empty() || format == "table") return aligned(table);
  if (format == "json") return as_json(table);
  return by_template(table, format);
}

}  // namespace shoal::cli
