// Credentials: a node's key, its certificate chain and the roots it trusts, ready for TLS.
//
// Shared by the server and the channels of a node; lives as long as any of them. replace() takes
// effect for connections that are made afterwards; those that exist go on with what they have
// shown. Control thread. The key stays in memory only.
//
// TLS 1.2 or newer, no session tickets, no renegotiation. A server selects h2 where ALPN is offered
// and accepts a client that offers none; a client offers h2 and accepts a server that selects none
// (wire.md, "The trap: ALPN").
#pragma once

#include <memory>
#include <string>

#include "base/result.h"

namespace shoal::rpc {

// The DNS names in a manager's certificate; the host that is dialled is never checked.
inline constexpr const char* kManagerName = "swarm-manager";
inline constexpr const char* kCaName = "swarm-ca";

// All PEM. A server needs all three; a client that joins has only roots; one that fetches the root
// has nothing.
struct CredentialsPem {
  std::string key;
  std::string certificates;  // the node's own first, then intermediates
  std::string roots;         // a bundle
};

class Credentials {
 public:
  // InvalidArgument when a text does not parse or the key is not the certificate's.
  static Result<std::shared_ptr<Credentials>> make(const CredentialsPem& pem);
  ~Credentials();

  // On an error everything stays as it was.
  Result<void> replace(const CredentialsPem& pem);

  struct Contexts;  // SSL_CTX of the server and of the client; tls.cc only
  const std::shared_ptr<const Contexts>& contexts() const { return contexts_; }

 private:
  explicit Credentials(std::shared_ptr<const Contexts> contexts);

  std::shared_ptr<const Contexts> contexts_;
};

}  // namespace shoal::rpc
