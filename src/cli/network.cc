#include "cli/network.h"

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "cli/api_client.h"
#include "cli/node.h"

namespace shoal::cli {
namespace {
using nlohmann::json;

std::string count_of(size_t count, std::string_view what) {
  return fmt::format("{} {}{}", count, what, count == 1 ? "" : "s");
}

Result<void> check(const NetworkCheckRequest& request) {
  ASSIGN_OR_RETURN(const std::string socket, daemon_socket(std::getenv("DOCKER_HOST")));
  const ApiClient daemon(socket);
  ASSIGN_OR_RETURN(const std::string answer, daemon.post("/shoal/v1/networks/check", ""));
  ASSIGN_OR_RETURN(const NetworkFindings findings, read_network_check(answer));
  if (!request.format.empty()) {
    ASSIGN_OR_RETURN(const std::string text, render(differences_table(findings), request.format));
    std::fputs(text.c_str(), stdout);
  } else if (!request.quiet) {
    std::printf("%s\n", network_check_words(findings).c_str());
  }
  if (findings.failure.empty()) return {};
  return unavailable("{}", findings.failure);
}

}  // namespace

CLI::App* add_network(CLI::App& app, NetworkCheckRequest& request) {
  CLI::App* network = app.add_subcommand("network", "What docker network has no command for");
  network->require_subcommand(1);
  CLI::App* check = network->add_subcommand(
      "check",
      "Compare the node's networks in the kernel with what they shall be, and mend them.\nThe "
      "daemon does this by itself about every minute.");
  check->add_flag("-q,--quiet", request.quiet, "Print nothing but errors");
  check->add_option("--format", request.format,
                    "Of the differences: table, json, or a template of .Network .Difference");
  return check;
}

Result<void> complete_network_check(const NetworkCheckRequest& request) {
  if (!request.quiet || request.format.empty()) return {};
  return invalid_argument("--format goes without --quiet");
}

Result<NetworkFindings> read_network_check(const std::string& answer) {
  const json document = json::parse(answer, nullptr, false);
  try {
    return NetworkFindings{.networks = document.at("Networks"),
                           .differences = document.at("Differences"),
                           .descriptions = document.at("Descriptions"),
                           .failure = document.value("Failure", "")};
  } catch (const json::exception&) {
    return internal_error("the daemon's answer about its networks cannot be read");
  }
}

Table differences_table(const NetworkFindings& findings) {
  Table table{.fields = {"Network", "Difference"}, .rows = {}};
  constexpr std::string_view kNetwork = "network ";
  constexpr std::string_view kColon = ": ";
  for (const std::string& line : findings.descriptions) {
    const size_t end = line.find(kColon);
    const bool named = line.starts_with(kNetwork) && end != std::string::npos;
    if (named) {
      table.rows.push_back(
          {line.substr(kNetwork.size(), end - kNetwork.size()), line.substr(end + kColon.size())});
    } else {
      table.rows.push_back({"", line});
    }
  }
  return table;
}

std::string network_check_words(const NetworkFindings& findings) {
  const std::string networks = count_of(findings.networks, "network");
  if (findings.differences == 0) return networks + ", nothing to mend";
  std::string text;
  for (const std::string& line : findings.descriptions) text += line + "\n";
  if (const size_t shown = findings.descriptions.size(); findings.differences > shown) {
    text += fmt::format("… and {} more\n", findings.differences - shown);
  }
  return text +
         fmt::format("{}, {} mended", networks, count_of(findings.differences, "difference"));
}

int run_network_check(const NetworkCheckRequest& request) {
  const auto done = check(request);
  if (done) return 0;
  std::fflush(stdout);
  std::fprintf(stderr, "shoal: %s\n", done.error().message.c_str());
  return 1;
}

}  // namespace shoal::cli
