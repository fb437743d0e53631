#include "crypto/random.h"

#include <errno.h>
#include <sys/random.h>

#include <cstring>

#include "base/check.h"

namespace shoal::crypto {

std::string random_bytes(size_t count) {
  std::string bytes(count, '\0');
  size_t have = 0;
  while (have < count) {
    const ssize_t got = ::getrandom(bytes.data() + have, count - have, 0);
    CHECK(got > 0 || errno == EINTR, "getrandom: {}", ::strerror(errno));
    if (got > 0) have += size_t(got);
  }
  return bytes;
}

uint64_t random_seed() {
  uint64_t seed = 0;
  std::memcpy(&seed, random_bytes(sizeof seed).data(), sizeof seed);
  return seed;
}

}  // namespace shoal::crypto
