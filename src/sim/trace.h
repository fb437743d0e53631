// What happened in a run, for whoever reads a failing seed, and the breaches that checkers found.
#pragma once

#include <fmt/core.h>

#include <deque>
#include <string>
#include <vector>

#include "sim/virtual_loop.h"

namespace shoal::sim {

// Lines kept; older ones are dropped.
inline constexpr size_t kTraceLinesMax = 20'000;
inline constexpr size_t kBreachesMax = 20;

class Trace {
 public:
  explicit Trace(const VirtualLoop& loop) : loop_(loop), start_(loop.now()) {}

  template <class... Args>
  void note(fmt::format_string<Args...> text, Args&&... args) {
    add(fmt::format(text, std::forward<Args>(args)...));
  }
  // A rule was broken: the run has failed.
  template <class... Args>
  void breach(fmt::format_string<Args...> text, Args&&... args) {
    add_breach(fmt::format(text, std::forward<Args>(args)...));
  }

  const std::vector<std::string>& breaches() const { return breaches_; }
  // The last `lines` lines.
  std::string tail(size_t lines) const;
  // Of every line so far: two runs of one seed must agree.
  uint64_t fingerprint() const { return fingerprint_; }

 private:
  void add(std::string line);
  void add_breach(std::string line);

  const VirtualLoop& loop_;
  Time start_;
  std::deque<std::string> lines_;
  std::vector<std::string> breaches_;
  uint64_t fingerprint_ = 0xcbf29ce484222325;
};

}  // namespace shoal::sim
