// For the .cc files of this room only: OpenSSL's objects with owners, and its texts and errors.
#pragma once

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"

namespace shoal::crypto {

template <auto free_function>
struct Freed {
  template <class T>
  void operator()(T* pointer) const {
    free_function(pointer);
  }
};
using Key = std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY_free>>;
using Certificate = std::unique_ptr<X509, Freed<X509_free>>;
using Request = std::unique_ptr<X509_REQ, Freed<X509_REQ_free>>;
using Memory = std::unique_ptr<BIO, Freed<BIO_free_all>>;

// OpenSSL keeps errors per thread, and a TLS connection on that thread would take ours for its own:
// every public function of the room has one of these.
struct ErrorScope {
  ErrorScope() { ERR_clear_error(); }
  ~ErrorScope() { ERR_clear_error(); }
};

// OpenSSL's reason for what failed last.
std::string openssl_reason();
std::unexpected<Error> refused(std::string_view what);

// An empty memory, or one that reads `text`, which must outlive it.
Memory memory_for_writing();
Memory memory_of(std::string_view text);
std::string text_of(BIO* memory);

// The i2d functions of OpenSSL.
template <class T, class Encode>
std::string der(T* object, Encode encode) {
  unsigned char* bytes = nullptr;
  const int size = encode(object, &bytes);
  std::string text(reinterpret_cast<char*>(bytes), size > 0 ? size_t(size) : 0);
  OPENSSL_free(bytes);
  return text;
}

// InvalidArgument when there is none, or the key is encrypted.
Result<Key> read_key(std::string_view pem);
Result<std::string> write_key(EVP_PKEY* key);
// All certificates of a PEM text, at least one and at most kBundleMax.
Result<std::vector<Certificate>> read_certificates(std::string_view pem);

// SHA-2 with RSA or ECDSA.
bool is_accepted_signature(const X509* certificate);

// Parts of a certificate; false when OpenSSL refuses.
bool set_random_serial(X509* certificate);
bool set_validity(X509* certificate, Time from, Time until);
bool add_subject_entry(X509* certificate, const char* field, std::string_view text);
bool add_extension(X509* certificate, X509* issuer, int kind, const char* value);

}  // namespace shoal::crypto
