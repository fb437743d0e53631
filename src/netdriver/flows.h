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

  // Ends the flows that match one of the filters, or the predicate. TCP connections get a reset
  // with their next packet, datagrams are balanced anew. A few filters cost 0.3 ms each and a
  // little for every flow of this host, in whatever namespace; many, or a predicate, 9 ms and ten
  // times that. In a namespace without flows it costs nothing.
  Result<void> end(const FlowFilter& filter) { return end(std::span(&filter, 1)); }
  Result<void> end(std::span<const FlowFilter> filters);
  using Predicate = std::function<bool(const network::Flow&)>;
  Result<void> end_if(const Predicate& is_over);

 private:
  explicit Flows(NetlinkSocket socket) : socket_(std::move(socket)) {}
  Result<bool> any();
  bool end_in_kernel(std::span<const FlowFilter> filters);
  Result<void> end_found(Messages dump, const Predicate& matches);
  NetlinkSocket socket_;
};

}  // namespace shoal::netdriver
