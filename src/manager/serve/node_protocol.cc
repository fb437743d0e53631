#include "manager/serve/node_protocol.h"

#include <utility>

namespace shoal::manager {

NodeProtocol::NodeProtocol(os::Loop& loop, Rng& rng, Log& log, Manager& manager,
                           std::shared_ptr<rpc::Credentials> credentials)
    : peers_(manager),
      networks_(loop, manager, peers_),
      dispatcher_(loop, manager, peers_, networks_),
      ca_(loop, rng, log, manager, peers_),
      logs_(loop, manager.log_broker(), peers_),
      reach_(loop, manager.node_reach(), peers_),
      attachments_(loop, rng, manager, peers_),
      server_(loop, log, std::move(credentials)) {
  networks_.add_to(server_);
  dispatcher_.add_to(server_);
  ca_.add_to(server_);
  logs_.add_to(server_);
  reach_.add_to(server_);
  attachments_.add_to(server_);
}

os::Co<> NodeProtocol::close() {
  dispatcher_.end_all(Error{ErrorCode::Unavailable, "the manager stops"});
  return server_.close();
}

}  // namespace shoal::manager
