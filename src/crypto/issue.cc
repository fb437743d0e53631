#include <openssl/x509v3.h>

#include "crypto/certificate.h"
#include "crypto/openssl.h"
#include "crypto/root_ca.h"

namespace shoal::crypto {
namespace {

Result<void> check_requested_key(EVP_PKEY* key) {
  switch (EVP_PKEY_get_base_id(key)) {
    case EVP_PKEY_RSA: {
      const int bits = EVP_PKEY_get_bits(key);
      if (bits >= kRsaBitsMin && bits <= kRsaBitsMax) return {};
      return invalid_argument("the certificate request's RSA key has {} bits, not {} to {}", bits,
                              kRsaBitsMin, kRsaBitsMax);
    }
    case EVP_PKEY_EC: {
      char group[32] = "unnamed";
      EVP_PKEY_get_group_name(key, group, sizeof group, nullptr);
      const std::string_view name = group;
      if (name == SN_X9_62_prime256v1 || name == SN_secp384r1) return {};
      return invalid_argument("the certificate request's curve is {}, not P-256 or P-384", name);
    }
    default:
      return invalid_argument("the certificate request's key is neither ECDSA nor RSA");
  }
}

Result<Request> read_request(std::string_view pem) {
  if (pem.size() > kPemBytesMax) return invalid_argument("the certificate request is too long");
  const Memory memory = memory_of(pem);
  Request request(PEM_read_bio_X509_REQ(memory.get(), nullptr, nullptr, nullptr));
  if (!request) return invalid_argument("no certificate request in PEM form");
  EVP_PKEY* key = X509_REQ_get0_pubkey(request.get());
  if (!key) return invalid_argument("the certificate request's key cannot be read");
  RETURN_IF_ERROR(check_requested_key(key));
  if (X509_REQ_verify(request.get(), key) != 1) {
    return invalid_argument("the certificate request is not signed with its own key");
  }
  return request;
}

// Not as text through OpenSSL's configuration language: a name is never more than a name.
bool add_dns_names(X509* certificate, const std::vector<std::string>& names) {
  const std::unique_ptr<GENERAL_NAMES, Freed<GENERAL_NAMES_free>> list(GENERAL_NAMES_new());
  for (const std::string& name : names) {
    GENERAL_NAME* entry = GENERAL_NAME_new();
    ASN1_IA5STRING* text = ASN1_IA5STRING_new();
    if (!entry || !text || !ASN1_STRING_set(text, name.data(), int(name.size()))) return false;
    GENERAL_NAME_set0_value(entry, GEN_DNS, text);
    if (!sk_GENERAL_NAME_push(list.get(), entry)) return false;
  }
  return X509_add1_ext_i2d(certificate, NID_subject_alt_name, list.get(), 0, 0) == 1;
}

bool fill(X509* leaf, X509* issuer, EVP_PKEY* key, const model::CertificateTerms& terms, Time now) {
  const model::NodeIdentity& who = terms.identity;
  return X509_set_version(leaf, X509_VERSION_3) && set_random_serial(leaf) &&
         add_subject_entry(leaf, "O", who.cluster_id.view()) &&
         add_subject_entry(leaf, "OU", model::role_unit(who.role)) &&
         add_subject_entry(leaf, "CN", who.node_id.view()) &&
         X509_set_issuer_name(leaf, X509_get_subject_name(issuer)) &&
         set_validity(leaf, now - kBackdate, now + terms.lifetime) && X509_set_pubkey(leaf, key) &&
         add_extension(leaf, issuer, NID_key_usage, "critical,digitalSignature,keyEncipherment") &&
         add_extension(leaf, issuer, NID_ext_key_usage, "serverAuth,clientAuth") &&
         add_extension(leaf, issuer, NID_basic_constraints, "critical,CA:FALSE") &&
         add_extension(leaf, issuer, NID_subject_key_identifier, "hash") &&
         add_extension(leaf, issuer, NID_authority_key_identifier, "keyid") &&
         add_dns_names(leaf, terms.dns_names);
}

}  // namespace

Result<std::string> issue_certificate(const Signer& signer, std::string_view csr_pem,
                                      const model::CertificateTerms& terms, Time now) {
  const ErrorScope errors;
  ASSIGN_OR_RETURN(const Request request, read_request(csr_pem));
  ASSIGN_OR_RETURN(const auto authority, read_certificates(signer.certificate_pem));
  X509* issuer = authority.front().get();
  ASSIGN_OR_RETURN(const Key key, read_key(signer.key_pem));
  if (X509_check_private_key(issuer, key.get()) != 1) {
    return internal_error("the private key is not that of the root certificate");
  }
  const Certificate leaf(X509_new());
  const Memory memory = memory_for_writing();
  if (!leaf || !fill(leaf.get(), issuer, X509_REQ_get0_pubkey(request.get()), terms, now) ||
      X509_sign(leaf.get(), key.get(), EVP_sha256()) <= 0 ||
      !PEM_write_bio_X509(memory.get(), leaf.get())) {
    return refused("issuing a certificate");
  }
  return text_of(memory.get());
}

}  // namespace shoal::crypto
