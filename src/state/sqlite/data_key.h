// The file with the key that seals a database's values: "data.key" beside it, mode 0600.
//
// Without it the database is lost, and with it anyone can read the database: a backup holds both.
// Blocks; before the engine's writer exists.
#pragma once

#include <memory>
#include <string>

#include "base/result.h"
#include "crypto/sealer.h"

namespace shoal::state {

// The key file of the database at this path.
std::string data_key_path(const std::string& database_path);

// What it seals. FailedPrecondition, saying which file is missing or damaged and what to do.
Result<std::unique_ptr<const crypto::Sealer>> read_data_key(const std::string& database_path);

// The same for a database in which nothing is sealed yet: a missing file is made.
Result<std::unique_ptr<const crypto::Sealer>> read_or_make_data_key(
    const std::string& database_path);

}  // namespace shoal::state
