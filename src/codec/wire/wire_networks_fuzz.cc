// NetworksMessage, as an agent reads it, and the acknowledgement, as a manager does. What decodes,
// encodes to bytes that decode to the same.
#include "base/check.h"
#include "codec/wire/networks.h"
#include "fuzz/fuzz.h"
#include "model/testing.h"
#include "model/testing_networks.h"

namespace shoal::fuzz {

void run(std::string_view input) {
  if (const auto read = wire::decode_networks(input)) {
    const auto again = wire::decode_networks(wire::encode(*read));
    CHECK(again, "{}", again.error().message);
    CHECK(*again == *read);
  }
  if (const auto read = wire::decode_networks_ack(input)) {
    CHECK(wire::decode_networks_ack(wire::encode(*read)) == *read);
  }
  if (const auto read = wire::decode_watch_request(input)) {
    CHECK(wire::decode_watch_request(wire::encode_watch_request(*read)) == *read);
  }
}

std::vector<std::string> seeds() {
  return {wire::encode(model::full_networks_message()), wire::encode(model::NetworksMessage{}),
          wire::encode(model::full_networks_ack()),
          wire::encode_watch_request(model::SessionId::of("session1"))};
}

}  // namespace shoal::fuzz
