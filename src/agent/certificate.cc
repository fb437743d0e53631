#include "agent/certificate.h"

#include <algorithm>
#include <utility>

#include "ca/renewal.h"
#include "codec/wire/ca.h"
#include "crypto/certificate.h"
#include "crypto/key.h"

namespace shoal::agent {
namespace {

constexpr std::string_view kIssue = "/docker.swarmkit.v1.NodeCA/IssueNodeCertificate";
constexpr std::string_view kStatus = "/docker.swarmkit.v1.NodeCA/NodeCertificateStatus";
constexpr Duration kCertificateTimeout = 10s;

struct KeyAndRequest {
  std::string key;
  std::string csr;
};

Result<KeyAndRequest> make_request() {
  KeyAndRequest made;
  ASSIGN_OR_RETURN(made.key, crypto::make_key_pem());
  ASSIGN_OR_RETURN(made.csr, crypto::make_csr(made.key));
  return made;
}

Result<void> check(const model::IssuedCertificate& issued, const std::string& csr,
                   const model::NodeId& node, const std::string& roots, Time now) {
  if (issued.state == model::IssuanceState::Failed) {
    return permission_denied("the manager issues no certificate: {}", issued.error);
  }
  if (issued.state != model::IssuanceState::Issued || issued.csr != csr) {
    return permission_denied("the manager answers with another certificate than was asked for");
  }
  RETURN_IF_ERROR(crypto::verify_chain(issued.certificates, roots, now));
  ASSIGN_OR_RETURN(const auto info, crypto::read_certificate(issued.certificates));
  if (info.identity.node_id != node) {
    return permission_denied("the manager answers with the certificate of node {}",
                             info.identity.node_id);
  }
  return {};
}

}  // namespace

os::Co<Result<rpc::CredentialsPem>> request_certificate(os::Loop& loop, rpc::Channel& channel,
                                                        std::string roots,
                                                        model::IssueRequest request,
                                                        os::StopToken stop) {
  auto made = co_await loop.offload([] { return make_request(); });
  if (!made) co_return std::unexpected(made.error());
  request.csr = made->csr;
  const rpc::CallOptions options{.timeout = kCertificateTimeout, .metadata = {}, .stop = stop};
  std::string question = wire::encode(request);
  CO_ASSIGN_OR_RETURN(const std::string accepted,
                      co_await channel.call(kIssue, std::move(question), options));
  CO_ASSIGN_OR_RETURN(const model::NodeId node, wire::decode_issue_response(accepted));
  std::string again = wire::encode_status_request(node);
  CO_ASSIGN_OR_RETURN(const std::string status,
                      co_await channel.call(kStatus, std::move(again), options));
  CO_ASSIGN_OR_RETURN(auto issued, wire::decode_issued_certificate(status));
  const Time now = loop.wall_now();
  const Result<void> checked =
      co_await loop.offload([&] { return check(issued, request.csr, node, roots, now); });
  if (!checked) co_return std::unexpected(checked.error());
  rpc::CredentialsPem credentials;
  credentials.key = std::move(made->key);
  credentials.certificates = std::move(issued.certificates);
  credentials.roots = std::move(roots);
  co_return credentials;
}

CertificateRenewal::CertificateRenewal(os::Loop& loop, Rng& rng, Log& log, rpc::Channel& channel,
                                       Install install)
    : loop_(loop), rng_(rng), log_(log), channel_(channel), install_(std::move(install)) {}

void CertificateRenewal::start(rpc::CredentialsPem present) {
  CHECK(!started_);
  started_ = true;
  present_ = std::move(present);
  os::spawn(run());
}

void CertificateRenewal::hurry() {
  hurried_ = true;
  // Each try makes the manager say so again: one that failed waits all the same.
  if (pause_ == Duration{0}) hurry_.stop();
}

os::Co<bool> CertificateRenewal::rest(Duration pause) {
  const bool at_once = hurried_ && pause_ == Duration{0};
  if (!at_once) (void)co_await loop_.sleep(pause, hurry_.token());
  hurry_ = {};
  hurried_ = false;
  co_return !stopping_.token().stopped();
}

os::Co<> CertificateRenewal::stop() {
  stopping_.stop();
  hurry_.stop();
  if (started_) (void)co_await finished_;
}

os::Co<> CertificateRenewal::run() {
  while (!stopping_.token().stopped()) {
    const Time now = loop_.wall_now();
    Time when = now + pause_;
    if (pause_ == Duration{0}) {
      const auto info = crypto::read_certificate(present_.certificates);
      CHECK(info, "a node shows a certificate that it cannot read");
      when = ca::renewal_time(info->not_before, info->not_after, now, rng_);
    }
    const os::StopToken stopping = stopping_.token();
    if (!co_await rest(when - now)) break;
    const Result<void> renewed = co_await renew();
    if (renewed) {
      pause_ = Duration{0};
      continue;
    }
    if (stopping.stopped()) break;
    log_.warn("the node's certificate is not renewed", {{"reason", renewed.error().message}});
    pause_ = std::clamp(pause_ * 2, kRenewalPauseMin, kRenewalPauseMax);
  }
  finished_.set(true);
}

os::Co<Result<void>> CertificateRenewal::trust(std::string roots) {
  if (roots == present_.roots && installed_) co_return Result<void>{};
  present_.roots = std::move(roots);
  co_return co_await install_newest();
}

// One after the other, and always the newest: a certificate and roots that come at the same time
// are written to the same files, and the later must not be undone by the earlier.
os::Co<Result<void>> CertificateRenewal::install_newest() {
  installed_ = false;
  while (installing_) (void)co_await install_over_.wait();
  installing_ = true;
  rpc::CredentialsPem newest = present_;
  const std::string certificates = newest.certificates, roots = newest.roots;
  auto done = co_await install_(std::move(newest));
  installed_ = done && certificates == present_.certificates && roots == present_.roots;
  installing_ = false;
  install_over_.notify();
  co_return done;
}

os::Co<Result<void>> CertificateRenewal::renew() {
  model::IssueRequest request;
  const os::StopToken stop = stopping_.token();
  auto fresh =
      co_await request_certificate(loop_, channel_, present_.roots, std::move(request), stop);
  if (!fresh) co_return std::unexpected(fresh.error());
  fresh->roots = present_.roots;  // They may have changed meanwhile.
  present_ = *std::move(fresh);
  CO_RETURN_IF_ERROR(co_await install_newest());
  log_.info("the node shows its new certificate", {});
  co_return Result<void>{};
}

}  // namespace shoal::agent
