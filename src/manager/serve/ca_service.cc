#include "manager/serve/ca_service.h"

#include <utility>

#include "ca/issuing.h"
#include "codec/wire/ca.h"
#include "crypto/certificate.h"
#include "manager/core/bootstrap.h"
#include "manager/serve/commit.h"

namespace shoal::manager {
namespace {

std::unexpected<Error> no_leader() {
  return unavailable("the manager is not ready");
}

Result<model::Ref<model::Cluster>> cluster_of(const Manager& manager) {
  const store::Store* store = manager.store();
  if (!store) return no_leader();
  const auto cluster = store->read().clusters().by_name(kClusterName);
  if (!cluster) return no_leader();
  return cluster;
}

}  // namespace

void CaService::add_to(rpc::Server& server) {
  const rpc::MethodOptions options = peers_.for_anyone();
  const auto unary = [&](const char* path, auto method) {
    server.unary(
        path,
        [this, method](const rpc::Call& call, std::string request) {
          return (this->*method)(call, std::move(request));
        },
        options);
  };
  unary("/docker.swarmkit.v1.CA/GetRootCACertificate", &CaService::root);
  unary("/docker.swarmkit.v1.NodeCA/IssueNodeCertificate", &CaService::issue);
  unary("/docker.swarmkit.v1.NodeCA/NodeCertificateStatus", &CaService::status);
}

os::Co<Result<std::string>> CaService::root(const rpc::Call&, std::string) {
  CO_ASSIGN_OR_RETURN(const auto cluster, cluster_of(manager_));
  co_return wire::encode_root_response(cluster->root_ca.trust_root);
}

os::Co<Result<std::string>> CaService::issue(const rpc::Call& call, std::string bytes) {
  CO_ASSIGN_OR_RETURN(model::IssueRequest request, wire::decode_issue_request(bytes));
  CO_ASSIGN_OR_RETURN(const auto cluster, cluster_of(manager_));
  const auto& identity = call.peer().identity;
  Result<model::CertificateTerms> terms = no_leader();
  if (identity) {
    terms = ca::terms_of_renewal(manager_.store()->read(), *identity);
  } else {
    terms = ca::terms_of_joining(*cluster, request.token, model::NodeId::random(rng_));
  }
  if (!terms) co_return std::unexpected(terms.error());
  const bool joins = !identity;
  if (joins && terms->identity.role == model::NodeRole::Manager) {
    co_return failed_precondition(
        "several managers are not supported by this version of Shoal yet; join as a worker");
  }
  CO_ASSIGN_OR_RETURN(std::string certificate, co_await sign(cluster, request.csr, *terms));
  const model::NodeIdentity who = terms->identity;
  if (joins) CO_RETURN_IF_ERROR(co_await add_node(*terms, request.availability));
  keep(who.node_id, {.state = model::IssuanceState::Issued,
                     .error = "",
                     .role = who.role,
                     .csr = std::move(request.csr),
                     .certificates = std::move(certificate),
                     .node = who.node_id});
  log_.info(joins ? "a node joins" : "a node's certificate is renewed",
            {{"node", who.node_id}, {"role", model::role_unit(who.role)}});
  co_return wire::encode_issue_response(who.node_id);
}

os::Co<Result<std::string>> CaService::sign(model::Ref<model::Cluster> cluster, std::string csr,
                                            model::CertificateTerms terms) {
  const Time now = loop_.wall_now();  // The others check it with their clocks.
  const auto& rotation = cluster->rotation;
  const crypto::Signer signer{rotation ? rotation->root.trust_root : cluster->root_ca.trust_root,
                              rotation ? rotation->key : cluster->root_ca_key};
  auto certificate =
      co_await loop_.offload([&] { return crypto::issue_certificate(signer, csr, terms, now); });
  // Those who trust only the old root need the way to it.
  if (certificate && rotation) *certificate += rotation->cross_signed;
  co_return certificate;
}

os::Co<Result<void>> CaService::add_node(const model::CertificateTerms& terms,
                                         model::Availability availability) {
  model::Node node;
  node.id = terms.identity.node_id;
  node.spec.role = node.role = terms.identity.role;
  node.spec.availability = availability;
  const store::Store::Write write = [&](store::WriteTx& tx) { return tx.create(node); };
  co_return co_await commit(manager_, loop_.now(), write);
}

void CaService::keep(const model::NodeId& node, model::IssuedCertificate certificate) {
  if (issued_.insert_or_assign(node, std::move(certificate)).second) issued_order_.push_back(node);
  if (issued_order_.size() <= kIssuedMax) return;
  issued_.erase(issued_order_.front());
  issued_order_.pop_front();
}

os::Co<Result<std::string>> CaService::status(const rpc::Call&, std::string bytes) {
  CO_ASSIGN_OR_RETURN(const model::NodeId node, wire::decode_status_request(bytes));
  const auto at = issued_.find(node);
  if (at == issued_.end()) co_return not_found("node {} asked for no certificate", node);
  co_return wire::encode(at->second);
}

}  // namespace shoal::manager
