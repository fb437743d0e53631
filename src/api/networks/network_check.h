// Shoal's own: POST /shoal/v1/networks/check compares this node's networks in the kernel with what
// they shall be, mends them, and says what was not so (docs/data-plane.md).
#pragma once

#include <cstdint>
#include <functional>

#include "api/http/router.h"
#include "netdriver/network_check.h"

namespace shoal::api {

class NetworkCheckApi {
 public:
  struct Checker {
    std::function<os::Co<netdriver::NetworkCheck>()> look;
    std::function<uint64_t()> found;  // differences since the daemon started
  };
  explicit NetworkCheckApi(Checker checker) : checker_(std::move(checker)) {}
  void add_routes(Router& router);

 private:
  os::Co<Result<void>> check(Responder& responder);

  const Checker checker_;
};

}  // namespace shoal::api
