#include "sim/trace.h"

#include <algorithm>

namespace shoal::sim {

void Trace::add(std::string line) {
  const double seconds = double((loop_.now() - start_).count()) / 1e9;
  line = fmt::format("{:10.4f} {}", seconds, line);
  for (const char c : line) fingerprint_ = (fingerprint_ ^ uint8_t(c)) * 0x100000001b3;
  lines_.push_back(std::move(line));
  if (lines_.size() > kTraceLinesMax) lines_.pop_front();
}

void Trace::add_breach(std::string line) {
  add("BREACH " + line);
  if (breaches_.size() < kBreachesMax) breaches_.push_back(lines_.back());
}

std::string Trace::tail(size_t lines) const {
  std::string text;
  for (size_t i = lines_.size() - std::min(lines, lines_.size()); i < lines_.size(); ++i) {
    text += lines_[i] + "\n";
  }
  return text;
}

}  // namespace shoal::sim
