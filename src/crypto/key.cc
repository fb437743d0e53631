#include "crypto/key.h"

#include <openssl/crypto.h>

#include "crypto/openssl.h"

namespace shoal::crypto {

Result<std::string> make_key_pem() {
  const ErrorScope errors;
  const Key key(EVP_EC_gen("P-256"));
  if (!key) return refused("making a private key");
  return write_key(key.get());
}

Result<std::string> make_csr(std::string_view key_pem) {
  const ErrorScope errors;
  ASSIGN_OR_RETURN(const Key key, read_key(key_pem));
  const Request request(X509_REQ_new());
  const Memory memory = memory_for_writing();
  if (!request || !X509_REQ_set_version(request.get(), X509_REQ_VERSION_1) ||
      !X509_REQ_set_pubkey(request.get(), key.get()) ||
      X509_REQ_sign(request.get(), key.get(), EVP_sha256()) <= 0 ||
      !PEM_write_bio_X509_REQ(memory.get(), request.get())) {
    return refused("making a certificate request");
  }
  return text_of(memory.get());
}

void wipe(std::string& secret) {
  OPENSSL_cleanse(secret.data(), secret.size());
  secret.clear();
}

}  // namespace shoal::crypto
