// What libFuzzer calls. `fuzz_NAME --seeds=FOLDER --corpus=CORPUS` writes the inputs of the target
// as the files that libFuzzer starts from, and ends.
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <fstream>

#include "base/check.h"
#include "fuzz/corpus.h"
#include "fuzz/fuzz.h"

namespace {

std::string value_of(int count, char** values, const char* option) {
  for (int i = 1; i < count; ++i) {
    if (std::strncmp(values[i], option, std::strlen(option)) == 0) {
      return values[i] + std::strlen(option);
    }
  }
  return {};
}

}  // namespace

extern "C" int LLVMFuzzerInitialize(int* count, char*** values) {
  const std::string folder = value_of(*count, *values, "--seeds=");
  if (folder.empty()) return 0;
  for (const auto& input : shoal::fuzz::inputs_of(value_of(*count, *values, "--corpus="))) {
    std::ofstream file(folder + "/" + input.name, std::ios::binary);
    file << input.bytes;
    CHECK(file.flush(), "cannot write to {}", folder);
  }
  std::exit(0);
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  shoal::fuzz::run({reinterpret_cast<const char*>(data), size});
  return 0;
}
