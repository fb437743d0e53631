// The engine's Exec; private to the room.
#pragma once

#include <memory>
#include <string>

#include "engine/container_run.h"
#include "engine/exec.h"

namespace shoal::engine {

// Runs one more process in the running container. Everything it needs lies in a folder inside the
// container's, which goes when the process has ended.
os::Co<Result<std::shared_ptr<Exec>>> start_exec(Shared& shared, std::string container_id,
                                                 ExecDescription description,
                                                 os::StopToken give_up);

// Those that an earlier daemon started and whose folders are still there.
os::Co<Result<std::vector<AdoptedExec>>> adopt_execs(Shared& shared, std::string container_id,
                                                     os::StopToken give_up);

}  // namespace shoal::engine
