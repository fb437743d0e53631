// fuzz_NAME CORPUS: the test of a target in builds without libFuzzer. Runs every seed, every file
// of the corpus, and of each some damaged copies that are the same in every run.
#include <cstdio>

#include "base/rng.h"
#include "fuzz/corpus.h"
#include "fuzz/fuzz.h"

namespace {

constexpr int kDamagedCopies = 64;

// One byte changed, some cut off, or some twice.
std::string damaged(std::string bytes, shoal::Rng& rng) {
  if (bytes.empty()) return std::string(1, char(rng.next()));
  const size_t at = rng.below(bytes.size());
  switch (rng.below(4)) {
    case 0:
      return bytes.substr(0, at);
    case 1:
      return bytes + bytes.substr(at);
    default:
      bytes[at] = char(rng.next());
      return bytes;
  }
}

}  // namespace

int main(int count, char** values) {
  shoal::Rng rng(1);
  size_t runs = 0;
  for (const shoal::fuzz::Input& input : shoal::fuzz::inputs_of(count > 1 ? values[1] : "")) {
    // Printed first: when this one ends the program, the last line says which it was.
    std::printf("%s, %zu bytes\n", input.name.c_str(), input.bytes.size());
    std::fflush(stdout);
    shoal::fuzz::run(input.bytes);
    for (int i = 0; i < kDamagedCopies; ++i) shoal::fuzz::run(damaged(input.bytes, rng));
    runs += 1 + kDamagedCopies;
  }
  std::printf("%zu runs\n", runs);
  return 0;
}
