#include "fuzz/corpus.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "base/check.h"
#include "fuzz/fuzz.h"

namespace shoal::fuzz {
namespace {

int digit_of(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

std::string from_hex(const std::string& text, const std::string& name) {
  std::string bytes;
  int high = -1;
  for (const char c : text) {
    if (c == ' ' || c == '\n') continue;
    const int digit = digit_of(c);
    CHECK(digit >= 0, "{}: '{}' is no lower-case hexadecimal digit", name, c);
    if (high >= 0) bytes.push_back(char(high * 16 + digit));
    high = high >= 0 ? -1 : digit;
  }
  CHECK(high < 0, "{}: half a byte at the end", name);
  return bytes;
}

}  // namespace

std::vector<Input> inputs_of(const std::string& corpus_folder) {
  std::vector<Input> inputs;
  for (std::string& seed : seeds()) {
    inputs.push_back({"seed-" + std::to_string(inputs.size()), std::move(seed)});
  }
  CHECK(!inputs.empty(), "a target without a seed");
  std::vector<std::filesystem::path> files;
  if (std::filesystem::exists(corpus_folder)) {
    for (const auto& file : std::filesystem::directory_iterator(corpus_folder)) {
      files.push_back(file.path());
    }
  }
  std::ranges::sort(files);
  for (const auto& path : files) {
    std::ifstream file(path, std::ios::binary);
    CHECK(file, "cannot read {}", path.string());
    std::string bytes((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
    const std::string name = path.filename();
    if (path.extension() == ".hex") bytes = from_hex(bytes, name);
    inputs.push_back({name, std::move(bytes)});
  }
  return inputs;
}

}  // namespace shoal::fuzz
