// Flows as values: what the kernel's connection tracking knows of one, and which are to be ended.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <vector>

#include "network/ports.h"

namespace shoal::network {

struct Flow {
  IpAddress client;
  IpAddress asked;  // where the client sends, before any translation
  uint16_t asked_port = 0;
  IpAddress server;  // who answers: the container behind a translation
  uint16_t server_port = 0;
  std::optional<PortProtocol> protocol;  // unset: another one

  auto operator<=>(const Flow&) const = default;
};

// Which flows; every set field must match.
struct FlowFilter {
  std::optional<IpAddress> server;
  std::optional<IpAddress> client;
  std::optional<IpAddress> asked;
  std::optional<PortProtocol> protocol;
  std::optional<uint16_t> server_port;
  std::optional<uint16_t> asked_port;

  auto operator<=>(const FlowFilter&) const = default;
};

bool matches(const Flow& flow, const FlowFilter& filter);

// Many filters at once: a flow is compared only with those of its own addresses.
class FlowFilters {
 public:
  explicit FlowFilters(std::span<const FlowFilter> filters);
  // True when one of them matches.
  bool match(const Flow& flow) const;

 private:
  std::multimap<IpAddress, FlowFilter> by_server_;
  std::multimap<IpAddress, FlowFilter> by_client_;
  std::vector<FlowFilter> others_;
};

}  // namespace shoal::network
