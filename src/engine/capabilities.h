// Which Linux capabilities a container's process holds.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"

namespace shoal::engine {

// Docker's rule: the 14 defaults (all of them when privileged) with `add` and `drop` applied; names
// with or without "CAP_", in any case; "ALL" in either list. Sorted by name. InvalidArgument for a
// name that this machine's kernel does not know: `invalid capability: "CAP_FOO"`.
Result<std::vector<std::string>> effective_capabilities(const std::vector<std::string>& add,
                                                        const std::vector<std::string>& drop,
                                                        bool privileged);

}  // namespace shoal::engine
