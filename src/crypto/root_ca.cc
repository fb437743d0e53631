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

std::string sha256(std::string_view bytes) {
  std::string digest(SHA256_DIGEST_LENGTH, '\0');
  SHA256(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(),
         reinterpret_cast<unsigned char*>(digest.data()));
  return digest;
}

}  // namespace shoal::crypto
