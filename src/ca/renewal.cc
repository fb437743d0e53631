#include "ca/renewal.h"

#include <algorithm>

namespace shoal::ca {

Time renewal_time(Time not_before, Time not_after, Time now, Rng& rng) {
  if (now < not_before || now >= not_after) return now;
  constexpr uint64_t kSteps = 1'000'000;  // 0 is half of the life, kSteps is 80 % of it.
  const double share = 0.5 + 0.3 * double(rng.below(kSteps + 1)) / double(kSteps);
  const auto life = Duration(int64_t(double((not_after - not_before).count()) * share));
  return std::max(now, not_before + life);
}

}  // namespace shoal::ca
