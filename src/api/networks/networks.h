// GET /networks, /networks/{id}: the networks that every node has, bridge, host and none.
// DELETE refuses them as Docker does; making others answers 501 and says so.
#pragma once

#include <string>
#include <vector>

#include "api/filters.h"
#include "api/http/router.h"
#include "base/time.h"
#include "codec/json_writer.h"
#include "netdriver/node_network.h"

namespace shoal::api {

class NetworksApi {
 public:
  // `network` must have been started before the first request. `node`: a text that names this
  // machine for good; the networks' ids are made from it. `created`: when the daemon started.
  NetworksApi(const netdriver::NodeNetwork& network, std::string node, Time created);
  void add_routes(Router& router);

  // 64 hex digits; `name` is "bridge", "host" or "none". For the container's own NetworkSettings.
  std::string id_of(std::string_view name) const;

 private:
  struct Predefined {
    std::string name;
    std::string driver;
    std::string id;
  };

  os::Co<Result<void>> list(Request& request, Responder& responder);
  os::Co<Result<void>> inspect(Request& request, Responder& responder);
  os::Co<Result<void>> remove(Request& request, Responder& responder);

  bool fits(const FilterValues& filters, const Predefined& network) const;
  Result<const Predefined*> find(std::string_view name_or_id) const;
  void encode(codec::JsonWriter& json, const Predefined& network, bool with_containers) const;
  void encode_containers(codec::JsonWriter& json, const Predefined& network) const;

  const netdriver::NodeNetwork& network_;
  const std::string node_;
  const Time created_;
  std::vector<Predefined> networks_;
};

}  // namespace shoal::api
