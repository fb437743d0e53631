// Flows: the kernel's connection tracking, over ctnetlink.
//
// A flow keeps the translation it began with, whatever the rules say later. So when a container
// goes, or a datagram port changes hands, its flows must be ended or they stay pinned to what was.
// Blocking; for the driver's threads.
#pragma once

#include <functional>
#include <span>

#include "base/result.h"
#include "netdriver/netlink.h"
#include "network/flows.h"

namespace shoal::netdriver {

using network::FlowFilter;

class Flows {
 public:
  // In the calling thread's network namespace.
  static Result<Flows> open();

  // Ends the flows that match (one of the filters, or the predicate) and returns how many. TCP
  // connections get a reset with their next packet, datagrams are balanced anew.
  Result<size_t> end(const FlowFilter& filter) { return end(std::span(&filter, 1)); }
  Result<size_t> end(std::span<const FlowFilter> filters);
  using Predicate = std::function<bool(const network::Flow&)>;
  Result<size_t> end_if(const Predicate& is_over);

 private:
  explicit Flows(NetlinkSocket socket) : socket_(std::move(socket)) {}
  Result<size_t> end_found(Messages dump, const Predicate& matches);
  NetlinkSocket socket_;
};

}  // namespace shoal::netdriver
