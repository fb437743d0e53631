// The first version kept the root's private key in a file of its own, in the clear. It belongs into
// the cluster's record, which is sealed.
#pragma once

#include <string>

#include "base/log.h"
#include "store/store.h"

namespace shoal::daemon {

// When there is such a file: its key goes into the loaded store, and once that is durable the file
// is removed. What fails is logged, and tried again at the next start.
void move_root_key_into_store(const std::string& file, store::Store& store, Time now, Log& log);

}  // namespace shoal::daemon
