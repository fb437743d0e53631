// The daemon's log on standard error, through spdlog: "2026-11-23T06:02:29.123Z info sentence
// key=value …". The journal or start-up script keeps it.
#pragma once

#include <memory>

#include "base/log.h"

namespace shoal::daemon {

std::unique_ptr<Log> make_log(LogLevel lowest);

}  // namespace shoal::daemon
