#include "crypto/root_ca.h"

#include <openssl/sha.h>
#include <openssl/x509v3.h>

#include "crypto/certificate.h"
#include "crypto/openssl.h"

namespace shoal::crypto {
namespace {

bool fill(X509* root, EVP_PKEY* key, Time now) {
  return X509_set_version(root, X509_VERSION_3) && set_random_serial(root) &&
         add_subject_entry(root, "CN", kRootName) &&
         X509_set_issuer_name(root, X509_get_subject_name(root)) &&
         set_validity(root, now - kBackdate, now + kRootValidFor) && X509_set_pubkey(root, key) &&
         add_extension(root, root, NID_key_usage, "critical,keyCertSign,cRLSign") &&
         add_extension(root, root, NID_basic_constraints, "critical,CA:TRUE") &&
         add_extension(root, root, NID_subject_key_identifier, "hash") &&
         X509_sign(root, key, EVP_sha256()) > 0;
}

bool fill_cross(X509* cross, X509* issuer, X509* root) {
  return X509_set_version(cross, X509_VERSION_3) && set_random_serial(cross) &&
         X509_set_subject_name(cross, X509_get_subject_name(root)) &&
         X509_set_issuer_name(cross, X509_get_subject_name(issuer)) &&
         X509_set1_notBefore(cross, X509_get0_notBefore(root)) &&
         X509_set1_notAfter(cross, X509_get0_notAfter(root)) &&
         X509_set_pubkey(cross, X509_get0_pubkey(root)) &&
         add_extension(cross, issuer, NID_key_usage, "critical,keyCertSign,cRLSign") &&
         add_extension(cross, issuer, NID_basic_constraints, "critical,CA:TRUE") &&
         add_extension(cross, issuer, NID_subject_key_identifier, "hash") &&
         add_extension(cross, issuer, NID_authority_key_identifier, "keyid");
}

}  // namespace

Result<RootCa> make_root_ca(Time now) {
  const ErrorScope errors;
  const Key key(EVP_EC_gen("P-256"));
  if (!key) return refused("making the root key");
  const Certificate certificate(X509_new());
  const Memory memory = memory_for_writing();
  if (!certificate || !fill(certificate.get(), key.get(), now) ||
      !PEM_write_bio_X509(memory.get(), certificate.get())) {
    return refused("making the root certificate");
  }
  RootCa root;
  root.certificate_pem = text_of(memory.get());
  ASSIGN_OR_RETURN(root.tls, read_root(root.certificate_pem));
  ASSIGN_OR_RETURN(root.key_pem, write_key(key.get()));
  return root;
}

Result<std::string> cross_sign(const Signer& signer, std::string_view root_pem) {
  const ErrorScope errors;
  ASSIGN_OR_RETURN(const auto authority, read_certificates(signer.certificate_pem));
  X509* issuer = authority.front().get();
  ASSIGN_OR_RETURN(const Key key, read_key(signer.key_pem));
  if (X509_check_private_key(issuer, key.get()) != 1) {
    return internal_error("the private key is not that of the root certificate");
  }
  ASSIGN_OR_RETURN(const auto roots, read_certificates(root_pem));
  X509* root = roots.front().get();
  const Certificate cross(X509_new());
  const Memory memory = memory_for_writing();
  if (!cross || !fill_cross(cross.get(), issuer, root) ||
      X509_sign(cross.get(), key.get(), EVP_sha256()) <= 0 ||
      !PEM_write_bio_X509(memory.get(), cross.get())) {
    return refused("cross-signing the new root");
  }
  return text_of(memory.get());
}

Result<RootCa> read_root_ca(std::string_view certificate_pem, std::string_view key_pem) {
  const ErrorScope errors;
  RootCa root;
  root.certificate_pem = certificate_pem;
  root.key_pem = key_pem;
  ASSIGN_OR_RETURN(root.tls, read_root(certificate_pem));
  ASSIGN_OR_RETURN(const auto certificates, read_certificates(certificate_pem));
  ASSIGN_OR_RETURN(const Key key, read_key(key_pem));
  if (X509_check_private_key(certificates.front().get(), key.get()) != 1) {
    return invalid_argument("the signing key is not that of the signing certificate");
  }
  return root;
}

std::string sha256(std::string_view bytes) {
  std::string digest(SHA256_DIGEST_LENGTH, '\0');
  SHA256(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(),
         reinterpret_cast<unsigned char*>(digest.data()));
  return digest;
}

}  // namespace shoal::crypto
