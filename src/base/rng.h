// The source of chance, passed in so that a seed decides every run of the simulator.
//
// Not for secrets: those come from crypto/. Ids and jitter come from here; the daemon seeds it from
// the kernel's random source.
#pragma once

#include <array>
#include <cstdint>

namespace shoal {

// xoshiro256**, seeded through splitmix64.
class Rng {
 public:
  explicit Rng(uint64_t seed);

  uint64_t next();
  // Uniform in [0, bound); bound must not be 0.
  uint64_t below(uint64_t bound);
  // True with probability p in [0, 1].
  bool chance(double p);

 private:
  std::array<uint64_t, 4> state_;
};

}  // namespace shoal
