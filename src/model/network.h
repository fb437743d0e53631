// A network as the API shows it. Overlays are later work; bridge, host and none exist on each node.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "model/common.h"

namespace shoal::model {

struct IpamConfig {
  std::string subnet;
  std::string range;
  std::string gateway;

  bool operator==(const IpamConfig&) const = default;
};

struct NetworkSpec {
  Annotations annotations;
  Driver driver;
  bool ipv6 = false;
  bool internal = false;
  bool attachable = false;
  bool ingress = false;
  std::vector<IpamConfig> ipam;

  bool operator==(const NetworkSpec&) const = default;
};

struct Network {
  NetworkId id;
  Meta meta;
  NetworkSpec spec;

  const std::string& name() const { return spec.annotations.name; }
  bool operator==(const Network&) const = default;
};

}  // namespace shoal::model
