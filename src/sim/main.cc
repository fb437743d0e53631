// shoal-sim --seeds N --from S: the soak. Runs N seeds from S on, prints each failing one with the
// end of its trace, and a last line with the count. Exit code 1 when one failed.
#include <cstdlib>
#include <cstring>

#include "sim/swarm.h"

namespace {

constexpr size_t kUsageError = 2;

struct Arguments {
  uint64_t seeds = 100;
  uint64_t from = 1;
};

bool parse(int count, char** values, Arguments& arguments) {
  for (int i = 1; i < count; i += 2) {
    if (i + 1 >= count) return false;
    char* end = nullptr;
    const uint64_t number = std::strtoull(values[i + 1], &end, 10);
    if (*end != '\0') return false;
    if (std::strcmp(values[i], "--seeds") == 0) {
      arguments.seeds = number;
    } else if (std::strcmp(values[i], "--from") == 0) {
      arguments.from = number;
    } else {
      return false;
    }
  }
  return true;
}

}  // namespace

int main(int count, char** values) {
  Arguments arguments;
  if (!parse(count, values, arguments)) {
    fmt::print(stderr, "usage: shoal-sim [--seeds N] [--from S]\n");
    return kUsageError;
  }
  uint64_t failures = 0, starts = 0, leaderships = 0;
  for (uint64_t seed = arguments.from; seed < arguments.from + arguments.seeds; ++seed) {
    shoal::sim::Swarm swarm({.seed = seed});
    swarm.run();
    starts += swarm.container_starts();
    leaderships += swarm.manager().leadership_count();
    if (swarm.breaches().empty()) continue;
    ++failures;
    fmt::print("{}\n", swarm.report());
  }
  fmt::print("seeds {} from {}: {} failed; {} containers started, {} leaderships\n",
             arguments.seeds, arguments.from, failures, starts, leaderships);
  return failures == 0 ? 0 : 1;
}
