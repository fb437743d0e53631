// What a client may do to a service, as functions on a write transaction: no HTTP, no waiting.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "model/service.h"
#include "store/store.h"

namespace shoal::api {

// `registryAuthFrom` of an update that brings no credentials of its own.
enum class AuthFrom { Spec, PreviousSpec };

struct ServiceUpdate {
  model::ServiceId id;
  model::Version version = 0;  // the one that the client has read
  model::ServiceSpec spec;
  std::string registry_auth;  // X-Registry-Auth; empty: keep what is stored
  AuthFrom auth_from = AuthFrom::Spec;
  bool rollback = false;  // back to the previous spec; `spec` is not looked at
};

// Checks the spec alone: what the model demands and what this version of Shoal cannot do yet
// (Unimplemented, naming it).
Result<void> check_spec(const model::ServiceSpec& spec);

// Creates the service with `id`. AlreadyExists, a taken port (InvalidArgument), networks that are
// unknown (NotFound), not for services or named twice (InvalidArgument), ports for a routing mesh
// that has no network (FailedPrecondition).
Result<void> create_service(store::WriteTx& tx, const model::ServiceId& id,
                            model::ServiceSpec spec);

// OutOfSequence, Unimplemented for a rename, a mode change and what needs a rolling update.
Result<void> update_service(store::WriteTx& tx, ServiceUpdate update);

Result<void> remove_service(store::WriteTx& tx, const model::ServiceId& id);

// For the create and update responses: labels that look like Shoal's and are none.
std::vector<std::string> spec_warnings(const model::ServiceSpec& spec);

// True when tasks made from `before` would not do for `after`.
bool needs_new_tasks(const model::ServiceSpec& before, const model::ServiceSpec& after);

}  // namespace shoal::api
