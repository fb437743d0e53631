// Lines of a Dockerfile that `docker import --change` takes, applied to a configuration.
#include <algorithm>
#include <cctype>
#include <nlohmann/json.hpp>
#include <optional>

#include "images/image_config.h"

namespace shoal::images {
namespace {
using Json = nlohmann::json;
using Words = std::vector<std::string>;

constexpr std::string_view kBlank = " \t";

std::string_view trim(std::string_view text) {
  const size_t begin = text.find_first_not_of(kBlank);
  if (begin == text.npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlank) + 1 - begin);
}

std::string upper(std::string_view text) {
  std::string result(text);
  for (char& c : result) c = char(std::toupper(static_cast<unsigned char>(c)));
  return result;
}

std::string_view cut_word(std::string_view& text) {
  const size_t end = std::min(text.find_first_of(kBlank), text.size());
  const std::string_view word = text.substr(0, end);
  text = trim(text.substr(end));
  return word;
}

// `["a", "b"]`, if that is what it is.
std::optional<Words> json_list(std::string_view text) {
  if (!text.starts_with('[')) return std::nullopt;
  const Json json = Json::parse(text, nullptr, false);
  if (!json.is_array()) return std::nullopt;
  Words words;
  for (const auto& item : json) {
    if (!item.is_string()) return std::nullopt;
    words.push_back(item.get<std::string>());
  }
  return words;
}

// A list as it stands, or a line for the shell.
Words command_of(std::string_view text) {
  if (auto words = json_list(text)) return *words;
  if (text.empty()) return {};
  return {"/bin/sh", "-c", std::string(text)};
}

// Words between blanks; quotes keep blanks together, a backslash keeps the next character.
Result<Words> split_words(std::string_view text) {
  Words words;
  std::string word;
  bool inside = false;
  char quote = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '\\' && i + 1 < text.size() && quote != '\'') {
      word += text[++i];
      inside = true;
    } else if (quote ? c == quote : c == '"' || c == '\'') {
      quote = quote ? 0 : c;
      inside = true;
    } else if (!quote && kBlank.find(c) != kBlank.npos) {
      if (inside) words.push_back(std::exchange(word, {}));
      inside = false;
    } else {
      word += c;
      inside = true;
    }
  }
  if (quote) return invalid_argument("unexpected end of statement while looking for {}", quote);
  if (inside) words.push_back(word);
  return words;
}

// "KEY=value …", or the old form "KEY the rest".
Result<std::vector<std::pair<std::string, std::string>>> pairs_of(const std::string& instruction,
                                                                  std::string_view text) {
  std::vector<std::pair<std::string, std::string>> pairs;
  std::string_view rest = text;
  const std::string_view first = cut_word(rest);
  if (first.find('=') == first.npos && first.find_first_of("\"'") == first.npos) {
    if (rest.empty()) return invalid_argument("{} must have two arguments", instruction);
    pairs.emplace_back(first, rest);
    return pairs;
  }
  ASSIGN_OR_RETURN(const Words words, split_words(text));
  for (const auto& word : words) {
    const size_t equals = word.find('=');
    if (equals == word.npos || equals == 0) {
      return invalid_argument(
          "Syntax error - can't find = in \"{}\". Must be of the form: name=value", word);
    }
    pairs.emplace_back(word.substr(0, equals), word.substr(equals + 1));
  }
  return pairs;
}

void add_sorted(Words& list, std::string item) {
  const auto at = std::lower_bound(list.begin(), list.end(), item);
  if (at == list.end() || *at != item) list.insert(at, std::move(item));
}

void set_env(Words& env, const std::string& name, const std::string& value) {
  const std::string prefix = name + "=";
  for (auto& item : env) {
    if (item.starts_with(prefix)) {
      item = prefix + value;
      return;
    }
  }
  env.push_back(prefix + value);
}

Result<void> add_ports(ImageConfig& config, std::string_view text) {
  ASSIGN_OR_RETURN(const Words words, split_words(text));
  for (const auto& word : words) {
    const size_t slash = std::min(word.find('/'), word.size());
    const std::string port = word.substr(0, slash);
    const std::string protocol = slash == word.size() ? "tcp" : word.substr(slash + 1);
    const bool number = !port.empty() && port.size() <= 5 &&
                        port.find_first_not_of("0123456789") == port.npos && std::stoi(port) >= 1 &&
                        std::stoi(port) <= 65535;
    if (!number || (protocol != "tcp" && protocol != "udp" && protocol != "sctp")) {
      return invalid_argument("invalid containerPort: {}", word);
    }
    add_sorted(config.exposed_ports, port + "/" + protocol);
  }
  return {};
}

Result<void> set_health(ImageConfig& config, std::string_view text) {
  std::string_view rest = text;
  const std::string kind = upper(cut_word(rest));
  model::HealthConfig health;
  if (kind == "NONE" && rest.empty()) {
    health.test = {"NONE"};
  } else if (kind == "CMD" && !rest.empty()) {
    const auto words = json_list(rest);
    health.test = words ? *words : Words{std::string(rest)};
    health.test.insert(health.test.begin(), words ? "CMD" : "CMD-SHELL");
  } else {
    return invalid_argument("HEALTHCHECK takes NONE, or CMD and a command");
  }
  config.healthcheck = std::move(health);
  return {};
}

Result<void> add_volumes(ImageConfig& config, std::string_view text) {
  Words words;
  if (auto list = json_list(text)) {
    words = std::move(*list);
  } else {
    ASSIGN_OR_RETURN(words, split_words(text));
  }
  for (auto& word : words) {
    if (word.empty()) return invalid_argument("VOLUME specified can not be an empty string");
    add_sorted(config.volumes, std::move(word));
  }
  return {};
}

}  // namespace

Result<void> apply_change(ImageConfig& config, std::string_view line) {
  std::string_view text = trim(line);
  const std::string instruction = upper(cut_word(text));
  const bool may_be_empty = instruction == "CMD" || instruction == "ENTRYPOINT";
  if (text.empty() && !may_be_empty) {
    return invalid_argument("{} requires at least one argument", instruction);
  }
  if (instruction == "CMD") {
    config.command = command_of(text);
  } else if (instruction == "ENTRYPOINT") {
    config.entrypoint = command_of(text);
  } else if (instruction == "ENV") {
    ASSIGN_OR_RETURN(const auto pairs, pairs_of(instruction, text));
    for (const auto& [name, value] : pairs) set_env(config.env, name, value);
  } else if (instruction == "LABEL") {
    ASSIGN_OR_RETURN(const auto pairs, pairs_of(instruction, text));
    for (const auto& [name, value] : pairs) config.labels[name] = value;
  } else if (instruction == "EXPOSE") {
    return add_ports(config, text);
  } else if (instruction == "HEALTHCHECK") {
    return set_health(config, text);
  } else if (instruction == "VOLUME") {
    return add_volumes(config, text);
  } else if (instruction == "ONBUILD") {
    config.on_build.emplace_back(text);
  } else if (instruction == "STOPSIGNAL") {
    config.stop_signal = text;
  } else if (instruction == "USER") {
    config.user = text;
  } else if (instruction == "WORKDIR") {
    config.working_dir =
        text.starts_with('/') ? std::string(text) : config.working_dir + "/" + std::string(text);
  } else {
    return invalid_argument("{} is not a valid change command", instruction);
  }
  return {};
}

}  // namespace shoal::images
