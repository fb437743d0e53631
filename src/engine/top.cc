#include "engine/top.h"

#include <algorithm>
#include <charconv>
#include <sstream>

namespace shoal::engine {
namespace {

std::vector<std::string> words(const std::string& line) {
  std::vector<std::string> list;
  std::istringstream in(line);
  for (std::string word; in >> word;) list.push_back(word);
  return list;
}

// As many columns as there are titles; what is left over belongs to the last, as it was.
std::vector<std::string> columns(const std::string& line, size_t count) {
  std::vector<std::string> list;
  size_t at = line.find_first_not_of(' ');
  while (at != std::string::npos && list.size() + 1 < count) {
    const size_t end = std::min(line.find(' ', at), line.size());
    list.push_back(line.substr(at, end - at));
    at = line.find_first_not_of(' ', end);
  }
  if (at != std::string::npos) list.push_back(line.substr(at));
  list.resize(count);
  return list;
}

}  // namespace

std::vector<std::string> ps_command(const std::string& ps_args) {
  std::vector<std::string> argv = words(ps_args);
  if (argv.empty()) argv.push_back("-ef");
  argv.insert(argv.begin(), "ps");
  return argv;
}

Result<ProcessTable> parse_process_table(const std::string& ps_output,
                                         const std::vector<int32_t>& pids) {
  std::istringstream in(ps_output);
  std::string line;
  std::getline(in, line);
  ProcessTable table{.titles = words(line), .rows = {}};
  const auto title = std::find(table.titles.begin(), table.titles.end(), "PID");
  if (title == table.titles.end()) return invalid_argument("Couldn't find PID field in ps output");
  const auto pid_column = size_t(title - table.titles.begin());
  while (std::getline(in, line)) {
    auto row = columns(line, table.titles.size());
    const std::string& text = row[pid_column];
    int32_t pid = 0;
    std::from_chars(text.data(), text.data() + text.size(), pid);
    if (std::find(pids.begin(), pids.end(), pid) != pids.end())
      table.rows.push_back(std::move(row));
  }
  return table;
}

}  // namespace shoal::engine
