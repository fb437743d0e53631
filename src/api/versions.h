// The `version` that every update must name.
#pragma once

#include "api/http/message.h"
#include "model/common.h"

namespace shoal::api {

// InvalidArgument in Docker's words: "invalid service version 'x': strconv.ParseUint: …".
Result<model::Version> update_version(const Request& request, std::string_view kind);

}  // namespace shoal::api
