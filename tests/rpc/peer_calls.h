// The client's half of rpc-peer: calls every method of the test service and checks the answers.
#pragma once

#include <string>

#include "rpc/credentials.h"

namespace shoal::rpc {

// 0 when every check was good. Prints one line a check. `all` false: only the first, an echo.
int call_all(const CredentialsPem& pem, const std::string& address, bool all);

}  // namespace shoal::rpc
