// The CA and NodeCA services of the node protocol (wire.md, "Sequence", steps 1 to 3): the root's
// certificate for anyone, a node's first certificate for who has a join token, a new one for who
// has a certificate.
//
// A certificate is signed on the pool when it is asked for and kept for NodeCertificateStatus,
// which the node asks next; kIssuedMax of them, the oldest go first. A manager that restarts
// between the two answers NotFound, and the node asks anew.
//
// Thread: the control thread. Outlives the calls that run.
#pragma once

#include <deque>
#include <map>
#include <string>

#include "base/log.h"
#include "base/rng.h"
#include "manager/serve/peers.h"
#include "model/join_protocol.h"
#include "os/loop.h"
#include "rpc/server.h"

namespace shoal::manager {

// Certificates that wait to be fetched.
inline constexpr size_t kIssuedMax = 10'000;

class CaService {
 public:
  CaService(os::Loop& loop, Rng& rng, Log& log, Manager& manager, const Peers& peers)
      : loop_(loop), rng_(rng), log_(log), manager_(manager), peers_(peers) {}

  void add_to(rpc::Server& server);

 private:
  os::Co<Result<std::string>> root(const rpc::Call& call, std::string request);
  os::Co<Result<std::string>> issue(const rpc::Call& call, std::string request);
  os::Co<Result<std::string>> status(const rpc::Call& call, std::string request);
  os::Co<Result<std::string>> sign(model::Ref<model::Cluster> cluster, std::string csr,
                                   model::CertificateTerms terms);
  os::Co<Result<void>> add_node(const model::CertificateTerms& terms,
                                model::Availability availability);
  void keep(const model::NodeId& node, model::IssuedCertificate certificate);

  os::Loop& loop_;
  Rng& rng_;
  Log& log_;
  Manager& manager_;
  const Peers& peers_;
  std::map<model::NodeId, model::IssuedCertificate> issued_;
  std::deque<model::NodeId> issued_order_;  // the oldest first
};

}  // namespace shoal::manager
