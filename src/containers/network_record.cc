#include "containers/network_record.h"

#include <nlohmann/json.hpp>

#define SHOAL_FIELDS NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT

namespace shoal::model {
SHOAL_FIELDS(Annotations, name, labels)
SHOAL_FIELDS(Driver, name, options)
SHOAL_FIELDS(IpamConfig, subnet, range, gateway, auxiliary)
SHOAL_FIELDS(NetworkSpec, annotations, driver, ipv6, internal, attachable, ingress, ipam_driver,
             ipam)
}  // namespace shoal::model

namespace shoal::containers {

using nlohmann::json;

std::string network_text(const Network& network) {
  return json{{"id", network.id},
              {"created_at", network.created_at.unix_ns},
              {"spec", network.spec},
              {"predefined", network.predefined},
              {"asked_subnet", network.asked_subnet},
              {"link", network.link}}
      .dump(-1, ' ', false, json::error_handler_t::replace);
}

Result<Network> parse_network(std::string_view text) {
  try {
    const json stored = json::parse(text);
    Network network;
    stored.at("id").get_to(network.id);
    network.created_at = Time{stored.at("created_at").get<int64_t>()};
    stored.at("spec").get_to(network.spec);
    stored.at("predefined").get_to(network.predefined);
    stored.at("asked_subnet").get_to(network.asked_subnet);
    stored.at("link").get_to(network.link);
    return network;
  } catch (const std::exception& damage) {
    return internal_error("damaged record of a network: {}", damage.what());
  }
}

}  // namespace shoal::containers
