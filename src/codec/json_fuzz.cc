// JSON of the API as a client sends it: services, networks, nodes, the swarm. What decodes and is
// valid can be printed, and what is printed decodes.
#include "base/check.h"
#include "codec/json_network.h"
#include "codec/json_objects.h"
#include "fuzz/fuzz.h"
#include "model/testing.h"

namespace shoal::fuzz {
namespace {

constexpr int kNewestApi = 50;

std::string printed(const model::ServiceSpec& spec) {
  codec::JsonWriter json;
  codec::encode_service_spec(json, spec);
  return json.take();
}

}  // namespace

void run(std::string_view input) {
  const auto spec = codec::decode_service_spec(input, kNewestApi);
  if (spec) {
    const auto again = codec::decode_service_spec(printed(*spec), kNewestApi);
    CHECK(again, "{}", again.error().message);
    (void)codec::with_defaults(*spec);
  }
  (void)codec::decode_service_spec(input, 24);
  if (const auto create = codec::decode_network_create(input)) {
    codec::JsonWriter json;
    codec::encode_network(json, codec::resource_of({.spec = create->spec}));
    codec::encode_network_object(json, {.spec = create->spec});
  }
  (void)codec::decode_node_spec(input);
  (void)codec::decode_cluster_spec(input, {});
}

std::vector<std::string> seeds() {
  return {printed(model::full_service_spec("web")), R"({"Name":"n","Role":"manager"})",
          R"({"Name":"n","Driver":"overlay","Options":{"a":"b"},"IPAM":{"Driver":"default",)"
          R"("Config":[{"Subnet":"10.9.0.0/24","AuxiliaryAddresses":{"a":"10.9.0.3"}}]}})",
          R"({"Dispatcher":{"HeartbeatPeriod":5000000000},"Raft":{"ElectionTick":10}})"};
}

}  // namespace shoal::fuzz
