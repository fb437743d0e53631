// Peer: who is at the other end of a connection.
#pragma once

#include <optional>
#include <string>

#include "model/identity.h"

namespace shoal::rpc {

struct Peer {
  std::string address;  // "10.0.0.7:51234", "[fd00::7]:51234"
  // From its certificate. Unset when it showed none; a peer whose certificate does not verify
  // against our roots, or is none of a node, never gets as far as a call.
  std::optional<model::NodeIdentity> identity;
};

}  // namespace shoal::rpc
