// http-load [--rate N] [--keep N] [--timeout S] [--path P] ADDRESS:PORT…: GET requests to each
// target in turn, N a second in all, until the standard input ends; each is accounted for
// (load/loader.h). --keep: so many connections a target are kept and used in turn; without it each
// request has its own. A request on a kept connection that the server closed before it answered
// anything is asked once more, on a new connection, and counted as `retried`.
#include <arpa/inet.h>

#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "load/loader.h"

namespace {

[[noreturn]] void refuse(std::string_view what) {
  std::fprintf(stderr, "http-load: %.*s\n", int(what.size()), what.data());
  std::exit(2);
}

double number(const char* text, double least) {
  char* end = nullptr;
  const double value = std::strtod(text, &end);
  if (end == text || *end != '\0' || !(value >= least && value <= 1e6)) {
    refuse("an option's number is not possible");
  }
  return value;
}

sockaddr_in address(const std::string& text) {
  const size_t colon = text.rfind(':');
  sockaddr_in target{};
  target.sin_family = AF_INET;
  if (colon == std::string::npos ||
      ::inet_pton(AF_INET, text.substr(0, colon).c_str(), &target.sin_addr) != 1) {
    refuse("a target is ADDRESS:PORT with an IPv4 address");
  }
  target.sin_port = htons(uint16_t(number(text.c_str() + colon + 1, 1)));
  return target;
}

}  // namespace

int main(int count, char** words) {
  shoal::load::Options options;
  for (int i = 1; i < count; ++i) {
    const std::string word = words[i];
    if (!word.starts_with("--")) {
      options.targets.push_back(address(word));
      options.names.push_back(word);
      continue;
    }
    if (i + 1 == count) refuse("an option has no value");
    const char* value = words[++i];
    if (word == "--rate") {
      options.rate = number(value, 0.1);
    } else if (word == "--keep") {
      options.keep = size_t(number(value, 1));
    } else if (word == "--timeout") {
      options.timeout_s = number(value, 0.1);
    } else if (word == "--path") {
      options.path = value;
    } else {
      refuse("options are --rate, --keep, --timeout, --path");
    }
  }
  if (options.targets.empty()) refuse("ADDRESS:PORT is missing");
  shoal::load::Loader(std::move(options)).run();
  return 0;
}
