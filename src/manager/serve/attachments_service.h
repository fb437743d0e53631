// The ResourceAllocator service of the node protocol: nodes attach the containers of their users to
// the swarm's networks and detach them (manager/attachments.h). The node is the one that the call's
// certificate names.
//
// AttachNetwork answers when the attachment has its addresses, or after kAttachWait. When it cannot
// have them the answer says why, and nothing of it stays.
//
// Thread: the control thread. Outlives the calls that run.
#pragma once

#include <string>

#include "manager/attachments.h"
#include "manager/manager.h"
#include "manager/serve/peers.h"
#include "rpc/server.h"

namespace shoal::manager {

// Less than a node waits for an answer.
inline constexpr Duration kAttachWait = 3s;

class AttachmentsService {
 public:
  AttachmentsService(os::Loop& loop, Rng& rng, Manager& manager, const Peers& peers)
      : loop_(loop), rng_(rng), manager_(manager), peers_(peers) {}

  void add_to(rpc::Server& server);

 private:
  os::Co<Result<std::string>> attach(const rpc::Call& call, std::string bytes);
  os::Co<Result<std::string>> detach(const rpc::Call& call, std::string bytes);
  os::Co<Result<void>> allocated(model::TaskId id, os::StopToken gone);
  os::Co<Result<void>> remove(model::NodeId node, model::TaskId id);

  os::Loop& loop_;
  Rng& rng_;
  Manager& manager_;
  const Peers& peers_;
};

}  // namespace shoal::manager
