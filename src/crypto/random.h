// Chance for secrets and seeds, from the kernel.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace shoal::crypto {

// Never fails: a kernel without randomness ends the process.
std::string random_bytes(size_t count);
uint64_t random_seed();

}  // namespace shoal::crypto
