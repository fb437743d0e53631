#include "manager/serve/peers.h"

namespace shoal::manager {

rpc::MethodOptions Peers::for_nodes() const {
  rpc::MethodOptions options;
  options.authorize = [this](const rpc::Call& call) { return admit(call); };
  return options;
}

rpc::MethodOptions Peers::for_anyone() const {
  rpc::MethodOptions options;
  options.needs_identity = false;
  options.request_bytes_max = kJoinRequestBytesMax;
  options.authorize = [this](const rpc::Call& call) {
    return call.peer().identity ? admit(call) : Result<void>{};
  };
  return options;
}

Result<void> Peers::admit(const rpc::Call& call) const {
  const store::Store* store = manager_.store();
  if (!store) return unavailable("the manager is not ready");
  RETURN_IF_ERROR(ca::authorise(store->read(), *call.peer().identity, ca::Audience::AnyNode));
  return {};
}

model::NodeId Peers::node_of(const rpc::Call& call) {
  CHECK(call.peer().identity, "a method for nodes was called without a certificate");
  return call.peer().identity->node_id;
}

}  // namespace shoal::manager
