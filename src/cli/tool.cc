#include "cli/tool.h"

#include "os/loop.h"
#include "os/process.h"

namespace shoal::cli {
namespace {

os::Co<> run_to_end(os::Loop& loop, os::Command command, Result<os::Exit>& ended) {
  ended = co_await os::run(loop, std::move(command));
  loop.stop();
}

std::string joined(const std::vector<std::string>& argv) {
  std::string text;
  for (const auto& word : argv) text += (text.empty() ? "" : " ") + word;
  return text;
}

}  // namespace

Result<std::string> run_tool(const std::vector<std::string>& argv, const std::string& input) {
  os::Command command;
  command.argv = argv;
  command.input = input;
  Result<os::Exit> ended = internal_error("{} did not end", argv[0]);
  os::Loop loop(1);
  loop.post([&] { os::spawn(run_to_end(loop, std::move(command), ended)); });
  loop.run();
  if (!ended) return std::unexpected(ended.error());
  if (ended->ok()) return std::move(ended->out);
  std::string said = ended->err.empty() ? ended->out : ended->err;
  while (said.ends_with('\n')) said.pop_back();
  return internal_error("{}: {}", joined(argv),
                        said.empty() ? fmt::format("exit {}", ended->code) : said);
}

}  // namespace shoal::cli
