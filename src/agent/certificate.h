// A node's certificate from its manager: the first one, and new ones in time.
//
// Control thread; keys are made on the pool.
#pragma once

#include <functional>
#include <string>

#include "base/log.h"
#include "base/rng.h"
#include "model/join_protocol.h"
#include "os/loop.h"
#include "os/sync.h"
#include "rpc/client.h"

namespace shoal::agent {

// After a renewal that failed, growing.
inline constexpr Duration kRenewalPauseMin = 1s;
inline constexpr Duration kRenewalPauseMax = 5min;

// Makes a key and asks over `channel` for its certificate: with `token` as a machine that joins,
// with none over a channel that shows the node's present certificate. The answer is checked against
// `roots` and the key. Errors are the manager's, or PermissionDenied when what it sent is not what
// was asked for; Cancelled after `stop`.
os::Co<Result<rpc::CredentialsPem>> request_certificate(os::Loop& loop, rpc::Channel& channel,
                                                        std::string roots,
                                                        model::IssueRequest request,
                                                        os::StopToken stop = {});

// Renews a node's certificate whenever that is due, until stop().
class CertificateRenewal {
 public:
  // Keeps the new key and certificate on disk and shows them from then on. Never called again
  // before it is done.
  using Install = std::function<os::Co<Result<void>>(rpc::CredentialsPem)>;
  CertificateRenewal(os::Loop& loop, Rng& rng, Log& log, rpc::Channel& channel, Install install);

  // `present`: what the node shows now; its certificate is readable.
  void start(rpc::CredentialsPem present);
  // Other roots are trusted from now on, kept and shown like a new certificate. After an error they
  // are to be said again.
  os::Co<Result<void>> trust(std::string roots);
  // The manager wants it at once (ROTATE).
  void hurry();
  os::Co<> stop();

 private:
  os::Co<> run();
  // False when it is to stop.
  os::Co<bool> rest(Duration pause);
  os::Co<Result<void>> renew();
  os::Co<Result<void>> install_newest();

  os::Loop& loop_;
  Rng& rng_;
  Log& log_;
  rpc::Channel& channel_;
  Install install_;
  rpc::CredentialsPem present_;
  bool installing_ = false;
  bool installed_ = true;  // present_ is; false after an error
  os::Signal install_over_;
  os::StopSource stopping_;
  os::StopSource hurry_;  // ends the present sleep
  bool hurried_ = false;
  Duration pause_{0};  // before the next try, after one that failed
  os::OneShot<bool> finished_;
  bool started_ = false;
};

}  // namespace shoal::agent
