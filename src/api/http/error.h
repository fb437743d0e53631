// The one place where an Error becomes an HTTP status and Docker's {"message": …} body.
#pragma once

#include <string>
#include <string_view>

#include "api/http/message.h"
#include "base/result.h"

namespace shoal::api {

int http_status(ErrorCode code);

// The reason phrase of a status line: "Not Found".
std::string_view reason_phrase(int status);

// {"message":"…"} and a line feed, as Docker sends it.
std::string error_body(std::string_view message);
Response error_response(const Error& error);

}  // namespace shoal::api
