// A piece of what a container's process wrote.
#pragma once

#include <cstdint>
#include <string>

namespace shoal::engine {

// The numbers are those of Docker's multiplexed stream (the first byte of a frame's header).
enum class OutputStream : uint8_t { Stdout = 1, Stderr = 2 };

struct Output {
  OutputStream stream = OutputStream::Stdout;
  std::string bytes;

  bool operator==(const Output&) const = default;
};

}  // namespace shoal::engine
