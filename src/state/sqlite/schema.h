// The tables of a database, made, checked, and brought up to this version.
//
// Schema 1 (the first version) stored values as they were; 2 seals every value and keeps in `head`
// a sealed word, by which a wrong key is told from damage. Blocks; before the engine's writer
// exists.
#pragma once

#include <memory>

#include "crypto/sealer.h"
#include "state/sqlite/database.h"

namespace shoal::state {

// The version of the tables, in the file's user_version. A file with a higher one is refused.
inline constexpr int kSchemaVersion = 2;

// Makes the tables of an empty file and its data key, seals those of schema 1, and gives back what
// opens the values. Internal when the file is damaged or no database of this program, Unimplemented
// when a newer version wrote it; FailedPrecondition, with the key's file and what to do, when the
// key is missing or another one.
//
// Sealing an old file leaves nothing of it in the clear inside the database and its log. It may be
// interrupted at any moment and goes on the next time.
Result<std::unique_ptr<const crypto::Sealer>> prepare_schema(Database& database);

}  // namespace shoal::state
