#include "daemon/flags.h"

#include <CLI/CLI.hpp>
#include <charconv>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "os/file.h"

namespace shoal::daemon {
namespace {
using nlohmann::json;

constexpr int kRegistryTimeoutMax = 3600;

// One setting: its flag, its key in the file, and how a text (flag) or a JSON value sets it.
struct Setting {
  std::string flag;
  std::string key;
  std::string help;
  bool is_list = false;
  bool is_switch = false;
  std::function<Result<void>(Flags&, const std::string&)> set;
};

Result<void> set_label(Flags& flags, const std::string& text) {
  const size_t equals = text.find('=');
  if (equals == std::string::npos || equals == 0) {
    return invalid_argument("bad attribute format: {}", text);
  }
  flags.labels[text.substr(0, equals)] = text.substr(equals + 1);
  return {};
}

Result<void> set_host(Flags& flags, const std::string& text) {
  if (!text.starts_with("unix://") && !text.starts_with("tcp://")) {
    return invalid_argument("unable to parse docker host `{}`", text);
  }
  flags.hosts.push_back(text);
  return {};
}

Result<void> set_log_level(Flags& flags, const std::string& text) {
  const std::map<std::string, LogLevel> levels{{"debug", LogLevel::Debug},
                                               {"info", LogLevel::Info},
                                               {"warn", LogLevel::Warn},
                                               {"error", LogLevel::Error},
                                               {"fatal", LogLevel::Error}};
  const auto found = levels.find(text);
  if (found == levels.end()) {
    return invalid_argument("unable to parse logging level: {} (debug, info, warn, error, fatal)",
                            text);
  }
  flags.log_level = found->second;
  return {};
}

Result<void> set_registry_timeout(Flags& flags, const std::string& text) {
  const char* end = text.data() + text.size();
  const auto read = std::from_chars(text.data(), end, flags.registry_timeout_s);
  if (read.ec != std::errc() || read.ptr != end || flags.registry_timeout_s < 1 ||
      flags.registry_timeout_s > kRegistryTimeoutMax) {
    return invalid_argument("\"{}\" is no number of seconds from 1 to {}", text,
                            kRegistryTimeoutMax);
  }
  return {};
}

auto text_into(std::string Flags::* field) {
  return [field](Flags& flags, const std::string& text) -> Result<void> {
    if (text.empty()) return invalid_argument("it must not be empty");
    flags.*field = text;
    return {};
  };
}

Result<void> set_cgroup_parent(Flags& flags, const std::string& text) {
  if (text.empty() || text.find("..") != std::string::npos) {
    return invalid_argument("\"{}\" is no cgroup path", text);
  }
  flags.cgroup_parent = text.front() == '/' ? text : "/" + text;
  return {};
}

const std::vector<Setting>& settings() {
  static const std::vector<Setting> all{
      {"-H,--host", "hosts", "Address of the API: unix:///path or tcp://host:port; may repeat",
       true, false, set_host},
      {"--data-root", "data-root", "Folder for what must survive a reboot", false, false,
       text_into(&Flags::data_root)},
      {"--exec-root", "exec-root", "Folder for run-time files", false, false,
       text_into(&Flags::exec_root)},
      {"-p,--pidfile", "pidfile", "File for the daemon's process id", false, false,
       text_into(&Flags::pidfile)},
      {"--cgroup-parent", "cgroup-parent", "Cgroup below which containers are placed", false, false,
       set_cgroup_parent},
      {"-G,--group", "group", "Group of the unix socket", false, false, text_into(&Flags::group)},
      {"-b,--bridge", "bridge", "Name of the bridge network's link", false, false,
       text_into(&Flags::bridge)},
      {"--label", "labels", "key=value: a label of this engine, for constraints; may repeat", true,
       false, set_label},
      {"--insecure-registry", "insecure-registries",
       "Registry (host:port) spoken to without verified TLS; may repeat", true, false,
       [](Flags& flags, const std::string& text) -> Result<void> {
         flags.insecure_registries.push_back(text);
         return {};
       }},
      {"--registry-timeout", "registry-timeout",
       "Seconds that a registry may stay silent before a pull is given up (30)", false, false,
       set_registry_timeout},
      {"-l,--log-level", "log-level", "debug, info, warn, error or fatal", false, false,
       set_log_level},
      {"-D,--debug", "debug", "The same as --log-level debug", false, true,
       [](Flags& flags, const std::string&) -> Result<void> {
         flags.log_level = LogLevel::Debug;
         return {};
       }},
      {"--experimental", "experimental", "Accepted, as dockerd does; changes nothing", false, true,
       [](Flags& flags, const std::string&) -> Result<void> {
         flags.experimental = true;
         return {};
       }},
  };
  return all;
}

std::string long_name(const Setting& setting) {
  return setting.flag.substr(setting.flag.find("--") + 2);
}

Result<void> apply_value(const Setting& setting, const json& value, Flags& flags) {
  const auto wrong = [&](std::string_view wanted) {
    return invalid_argument("{}: {} expected, found {}", setting.key, wanted, value.dump());
  };
  if (setting.is_switch) {
    if (!value.is_boolean()) return wrong("true or false");
    return value.get<bool>() ? setting.set(flags, "") : Result<void>{};
  }
  if (!setting.is_list) {
    if (!value.is_string() && !value.is_number_integer()) return wrong("a text");
    const std::string text = value.is_string() ? value.get<std::string>() : value.dump();
    return with_context(setting.set(flags, text), "{}", setting.key);
  }
  if (!value.is_array()) return wrong("a list of texts");
  for (const auto& element : value) {
    if (!element.is_string()) return wrong("a list of texts");
    RETURN_IF_ERROR(
        with_context(setting.set(flags, element.get<std::string>()), "{}", setting.key));
  }
  return {};
}

Result<void> apply_file(const std::string& path, const std::string& text,
                        const std::set<std::string>& given, Flags& flags) {
  const json document = json::parse(text, nullptr, false);
  if (document.is_discarded() || !document.is_object()) {
    return invalid_argument("{}: this is not a JSON object", path);
  }
  for (const auto& [key, value] : document.items()) {
    const auto setting = std::find_if(settings().begin(), settings().end(),
                                      [&](const Setting& s) { return s.key == key; });
    if (setting == settings().end()) {
      return invalid_argument(
          "{}: the following directives don't match any configuration option: {}", path, key);
    }
    if (given.contains(key) && !setting->is_switch) {
      return invalid_argument(
          "{}: the following directives are specified both as a flag and in the configuration "
          "file: {}",
          path, key);
    }
    RETURN_IF_ERROR(with_context(apply_value(*setting, value, flags), "{}", path));
  }
  return {};
}

// What shoald does in place of running; one at a time.
void add_commands(CLI::App& app, Flags& flags) {
  auto* cleanup = app.add_flag("--cleanup", flags.cleanup,
                               "Remove the containers, networks and mounts that a daemon with "
                               "these folders left behind, and end");
  auto* backup = app.add_option("--backup", flags.backup,
                                "Back up this node's swarm to a file, and end; the daemon may run. "
                                "The file holds all keys");
  auto* restore =
      app.add_option("--restore", flags.restore, "Bring back the swarm from such a file, and end");
  cleanup->excludes(backup)->excludes(restore);
  backup->excludes(restore);
}

void complete(Flags& flags) {
  if (flags.hosts.empty()) flags.hosts.emplace_back(kDefaultHost);
  if (flags.pidfile.empty()) flags.pidfile = flags.exec_root + "/shoald.pid";
  // The daemon moves to a mount namespace, and with it away from its working folder.
  for (std::string* path :
       {&flags.data_root, &flags.exec_root, &flags.pidfile, &flags.backup, &flags.restore}) {
    if (!path->empty()) *path = std::filesystem::absolute(*path);
  }
}

}  // namespace

Result<Invocation> parse_flags(const std::vector<std::string>& arguments) {
  CLI::App app{
      "shoald: the daemon of a Shoal node. It serves Docker's API, runs containers, and on "
      "a manager the swarm."};
  app.set_version_flag("-v,--version", fmt::format("Shoal version {}", kVersion));
  std::map<std::string, std::vector<std::string>> texts;
  std::map<std::string, bool> switches;
  for (const auto& setting : settings()) {
    if (setting.is_switch) {
      app.add_flag(setting.flag, switches[setting.key], setting.help);
      continue;
    }
    app.add_option(setting.flag, texts[setting.key], setting.help)
        ->expected(1)
        ->multi_option_policy(setting.is_list ? CLI::MultiOptionPolicy::TakeAll
                                              : CLI::MultiOptionPolicy::TakeLast);
  }
  std::string config_file;
  app.add_option("--config-file", config_file,
                 fmt::format("JSON file with the same settings (default {})", kDefaultConfigFile));
  Invocation invocation;
  add_commands(app, invocation.flags);
  try {
    std::vector<std::string> reversed(arguments.rbegin(), arguments.rend());
    app.parse(reversed);
  } catch (const CLI::CallForHelp&) {
    invocation.text = app.help("shoald");
    return invocation;
  } catch (const CLI::CallForVersion& version) {
    invocation.text = std::string(version.what()) + "\n";
    return invocation;
  } catch (const CLI::ParseError& error) {
    return invalid_argument("{} (shoald --help tells)", error.what());
  }

  std::set<std::string> given;
  for (const auto& setting : settings()) {
    if (setting.is_switch) {
      if (switches[setting.key]) RETURN_IF_ERROR(setting.set(invocation.flags, ""));
      continue;
    }
    for (const auto& text : texts[setting.key]) {
      given.insert(setting.key);
      RETURN_IF_ERROR(
          with_context(setting.set(invocation.flags, text), "--{}", long_name(setting)));
    }
  }
  const std::string path = config_file.empty() ? std::string(kDefaultConfigFile) : config_file;
  const Result<std::string> file = os::read_file(path);
  if (file) {
    RETURN_IF_ERROR(apply_file(path, *file, given, invocation.flags));
  } else if (!config_file.empty() || file.error().code != ErrorCode::NotFound) {
    return std::unexpected(file.error());
  }
  complete(invocation.flags);
  return invocation;
}

}  // namespace shoal::daemon
