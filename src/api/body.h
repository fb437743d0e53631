// The JSON body of a request.
#pragma once

#include <string>

#include "api/http/message.h"

namespace shoal::api {

// The whole body, which must call itself JSON when there is one. InvalidArgument
// `unsupported Content-Type header (text/plain): must be "application/json"`: a web page of
// another site can send other types without asking.
os::Co<Result<std::string>> json_body(Request& request);

}  // namespace shoal::api
