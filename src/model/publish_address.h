// The service label with which a published port is bound to one address of each node, for which
// Docker's API has no field:
//
//   shoal.publish.8080/tcp.ip = 10.0.0.5
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/service.h"

namespace shoal::model {

struct PublishAddress {
  uint32_t published_port = 0;
  PortProtocol protocol = PortProtocol::Tcp;
  std::string address;  // IPv4 or IPv6; 0.0.0.0 and :: are all of their family

  bool operator==(const PublishAddress&) const = default;
};

// The label has this form, whatever stands in it.
bool is_publish_address(std::string_view label);

// The address that a service's labels bind this port to; empty: none, or the label makes no sense.
std::string publish_address(const Labels& labels, const PortConfig& port);

// What the service's labels say. InvalidArgument, naming the label: it names no port that the spec
// publishes under a number of its own, or its value is no address.
Result<std::vector<PublishAddress>> publish_addresses(const ServiceSpec& spec);

}  // namespace shoal::model
