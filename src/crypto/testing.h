// For tests, also of other rooms: certificates as others make them. Unlike the rest of the room's
// interface it names OpenSSL.
#pragma once

#include <string>
#include <string_view>

#include "base/check.h"
#include "crypto/openssl.h"
#include "crypto/root_ca.h"

namespace shoal::crypto::testing {

// What is left empty is left out, a name as well.
struct CertificateParts {
  std::string subject = std::string(kRootName);
  std::string issuer = std::string(kRootName);
  Time from, until;
  std::string basic_constraints = "critical,CA:TRUE";
  std::string key_usage = "critical,keyCertSign,cRLSign";
  std::string extended_key_usage;
  std::string name_constraints;
  const EVP_MD* digest = EVP_sha256();
};

// `public_key`'s certificate, signed by `signing_key` whatever the two are. It carries a subject
// key id, as a Docker Engine's do, and no authority key id.
inline std::string make_certificate(const CertificateParts& parts, EVP_PKEY* public_key,
                                    EVP_PKEY* signing_key) {
  const Certificate made(X509_new());
  X509* certificate = made.get();
  X509_set_version(certificate, X509_VERSION_3);
  CHECK(set_random_serial(certificate));
  CHECK(set_validity(certificate, parts.from, parts.until));
  X509_set_pubkey(certificate, public_key);
  CHECK(add_subject_entry(certificate, "CN", parts.subject));
  const Certificate named(X509_new());
  CHECK(add_subject_entry(named.get(), "CN", parts.issuer));
  X509_set_issuer_name(certificate, X509_get_subject_name(named.get()));
  for (const auto& [kind, text] : {std::pair{NID_basic_constraints, &parts.basic_constraints},
                                   std::pair{NID_key_usage, &parts.key_usage},
                                   std::pair{NID_ext_key_usage, &parts.extended_key_usage},
                                   std::pair{NID_name_constraints, &parts.name_constraints}}) {
    if (!text->empty()) CHECK(add_extension(certificate, certificate, kind, text->c_str()));
  }
  CHECK(add_extension(certificate, certificate, NID_subject_key_identifier, "hash"));
  CHECK(X509_sign(certificate, signing_key, parts.digest) > 0);
  const Memory memory = memory_for_writing();
  CHECK(PEM_write_bio_X509(memory.get(), certificate));
  return text_of(memory.get());
}

// `root`, signed by `before` as a Docker Swarm's manager does when it changes its root.
inline std::string cross_sign_as_docker(const RootCa& before, const RootCa& root, Time now) {
  const auto signing_key = read_key(before.key_pem), key = read_key(root.key_pem);
  CHECK(signing_key && key);
  return make_certificate({.from = now - kBackdate, .until = now + kRootValidFor}, key->get(),
                          signing_key->get());
}

}  // namespace shoal::crypto::testing
