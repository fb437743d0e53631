// When a node renews its certificate: at a random point between 50 and 80 % of its life, so that
// nodes that joined together do not all come at once. Pure.
#pragma once

#include "base/rng.h"
#include "base/time.h"

namespace shoal::ca {

// `now`, at once, when that point has passed, when the certificate has expired, or when it is not
// yet valid (a clock was wrong when it was issued, or is wrong now).
Time renewal_time(Time not_before, Time not_after, Time now, Rng& rng);

}  // namespace shoal::ca
