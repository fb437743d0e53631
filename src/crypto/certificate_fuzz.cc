// Certificates, requests and root bundles of strangers, in PEM and in DER.
#include "base/base64.h"
#include "base/check.h"
#include "crypto/certificate.h"
#include "crypto/key.h"
#include "crypto/root_ca.h"
#include "crypto/testing.h"
#include "fuzz/fuzz.h"

namespace shoal::fuzz {
namespace {

constexpr Time kNow{1'800'000'000'000'000'000};

const crypto::RootCa& root() {
  static const auto made = crypto::make_root_ca(kNow);
  CHECK(made);
  return *made;
}

model::CertificateTerms terms() {
  model::CertificateTerms terms;
  terms.identity.node_id = model::NodeId::of("node");
  terms.identity.cluster_id = model::ClusterId::of("cluster");
  terms.dns_names = {"swarm-worker"};
  terms.lifetime = 24h;
  return terms;
}

std::string request() {
  const auto key = crypto::make_key_pem();
  CHECK(key);
  return crypto::make_csr(*key).value();
}

std::string as_pem(const char* kind, std::string_view der) {
  return std::string("-----BEGIN ") + kind + "-----\n" + to_base64(der) + "\n-----END " + kind +
         "-----\n";
}

}  // namespace

void run(std::string_view input) {
  const crypto::Signer signer{root().certificate_pem, root().key_pem};
  for (const std::string& text : {std::string(input), as_pem("CERTIFICATE", input)}) {
    const auto info = crypto::read_certificate(text);
    if (info) CHECK(!info->identity.node_id.empty());
    (void)crypto::verify_chain(text, root().certificate_pem, kNow);
    (void)crypto::read_root(text);
  }
  for (const std::string& text : {std::string(input), as_pem("CERTIFICATE REQUEST", input)}) {
    const auto issued = crypto::issue_certificate(signer, text, terms(), kNow);
    if (issued) CHECK(crypto::verify_chain(*issued, root().certificate_pem, kNow));
  }
}

std::vector<std::string> seeds() {
  const crypto::Signer signer{root().certificate_pem, root().key_pem};
  const std::string csr = request();
  const auto next = crypto::make_root_ca(kNow);
  CHECK(next);
  const std::string below =
      crypto::issue_certificate({next->certificate_pem, next->key_pem}, csr, terms(), kNow).value();
  const std::string cross = crypto::testing::cross_sign_as_docker(root(), *next, kNow);
  return {csr, crypto::issue_certificate(signer, csr, terms(), kNow).value(),
          root().certificate_pem, below + cross};
}

}  // namespace shoal::fuzz
