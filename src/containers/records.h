// What is kept of a container on disk: DATA_ROOT/containers/ID/container.json, one small file.
//
// The file is replaced as one step; it is synced only when that is asked for. A reader finds an old
// one, a new one or, after a power cut, a damaged one (which read_record refuses), never a mix.
// Everything here blocks: pool, or before the loop runs.
#pragma once

#include <string>

#include "containers/entry.h"
#include "containers/execs.h"

namespace shoal::containers {

// What survives a restart of the daemon: all of Container, who is connected where, and whether the
// user stopped it. Decides nothing about what runs now: the engine knows that.
std::string record_text(const Entry& entry);
Result<EntryRef> parse_record(std::string_view text);

// entry.folder must exist.
Result<void> write_record(const std::string& folder, std::string_view text, bool synced);
Result<EntryRef> read_record(const std::string& folder);

// Decides that the container goes, as one step: from here on no reader finds a record. With
// `with_volumes` what it said is kept aside for a daemon that has to finish the removal
// (read_removing). Done before is fine.
Result<void> begin_removal(const std::string& folder, bool with_volumes);
Result<EntryRef> read_removing(const std::string& folder);

// What an exec was asked to be, as the engine keeps it for a daemon that adopts it.
std::string exec_text(const ExecConfig& config);
Result<ExecConfig> parse_exec(std::string_view text);

}  // namespace shoal::containers
