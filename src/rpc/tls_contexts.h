// What Credentials keeps for OpenSSL. Private to credentials.cc and tls.cc: it names OpenSSL.
#pragma once

#include <openssl/ssl.h>

#include <memory>

#include "rpc/credentials.h"

namespace shoal::rpc {

template <auto free_function>
struct Freed {
  template <class T>
  void operator()(T* pointer) const {
    free_function(pointer);
  }
};
using Context = std::unique_ptr<SSL_CTX, Freed<SSL_CTX_free>>;

struct Credentials::Contexts {
  Context server;            // null without a key
  Context client;            // shows the certificate when there is one
  Context anonymous_client;  // never shows it
};

// The newest entry of OpenSSL's error queue of this thread in words, and the queue emptied.
std::string openssl_reason();

}  // namespace shoal::rpc
