// Tls: the encryption of one connection, as a machine: bytes from the wire in, bytes for the wire
// out. It knows no socket. OpenSSL is named only in tls.cc and credentials.cc.
//
// One thread at a time: the pool while handshake() runs, else the control thread.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "model/identity.h"
#include "rpc/credentials.h"

namespace shoal::rpc {

class Tls {
 public:
  struct ClientSide {
    std::string server_name;
    bool verify = true;
    bool present_certificate = true;
  };
  // FailedPrecondition when the credentials have no key.
  static Result<std::unique_ptr<Tls>> server(const Credentials& credentials);
  static Result<std::unique_ptr<Tls>> client(const Credentials& credentials,
                                             const ClientSide& side);
  ~Tls();

  // Bytes from the wire; they must stay where they are until they are used up, or keep_input().
  void feed(std::string_view bytes);
  void keep_input();

  // One step: true when the handshake is complete, false when the peer has to say more.
  // Unauthenticated when a certificate is not accepted here or there. Output may have grown in any
  // case, also on an error: the alert.
  Result<bool> handshake();

  // After the handshake. Decrypts into `out`; 0 when more input is needed. Unavailable when the
  // peer has ended the connection or broken the protocol.
  Result<size_t> decrypt(std::span<char> out);
  // Appends records to output().
  Result<void> encrypt(std::string_view plain);
  // Tells the peer that nothing follows.
  void close();

  // Bytes for the wire; the caller takes them.
  std::string& output();

  // After the handshake: who the peer's verified certificate says it is; unset when it showed none.
  // PermissionDenied when it is none of a node.
  Result<std::optional<model::NodeIdentity>> identity() const;

 private:
  struct Impl;
  explicit Tls(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace shoal::rpc
