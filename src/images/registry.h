// Registry: what a registry is asked, through skopeo, which knows authentication, mirrors, proxies
// and the signature policy of /etc/containers.
//
// Credentials go through a file in memory that only the child process inherits: never on a command
// line, in an environment or on a disk. Answers are Docker's: NotFound for what does not exist or
// may not be seen, Unavailable for a registry that cannot be reached or does not answer in time.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/image_ref.h"
#include "os/co.h"
#include "os/fd.h"
#include "os/loop.h"
#include "os/process.h"
#include "os/sync.h"

namespace shoal::images {

struct RegistryOptions {
  std::vector<std::string> insecure_registries;
  std::string policy_file;      // empty: the system has one
  Duration answer_time_max{0};  // for one document
};

// X-Registry-Auth as skopeo wants it: {"auths": {DOMAIN: …}}; an empty one when there are none, so
// that the daemon's own user's credentials are never used. InvalidArgument when it cannot be read.
Result<std::string> auth_file_text(std::string_view registry_auth, const std::string& domain);

// Loopback, and what the operator listed: no TLS verification, plain HTTP allowed.
bool is_insecure_registry(const std::string& domain, const std::vector<std::string>& listed);

// What skopeo said, in Docker's words.
Error registry_error(std::string_view skopeo_stderr, const model::ImageRef& ref);

class Registry {
 public:
  // Reads `registry_auth` at once.
  static Result<Registry> create(os::Loop& loop, const RegistryOptions& options,
                                 model::ImageRef ref, std::string_view registry_auth);

  // The bytes of the manifest that the reference names, checked against the digest if it has one.
  os::Co<Result<std::string>> manifest(std::string digest, os::StopToken stop);
  // The bytes of the configuration of the image with this manifest digest.
  os::Co<Result<std::string>> config(std::string manifest_digest, os::StopToken stop);
  // Copies the image into an OCI layout in the folder (open, kept so by the caller); blobs that lie
  // there already are not fetched. Takes as long as it takes: the caller watches the folder.
  os::Co<Result<void>> copy_to(std::string manifest_digest, int folder, os::StopToken stop);
  // Whether the registry knows this user; NotFound when it does not. skopeo writes the password
  // into `folder`, which must be one in memory.
  os::Co<Result<void>> log_in(std::string username, std::string password, const os::Fd& folder,
                              os::StopToken stop);
  const model::ImageRef& ref() const { return ref_; }

 private:
  Registry(os::Loop& loop, RegistryOptions options, model::ImageRef ref)
      : loop_(&loop), options_(std::move(options)), ref_(std::move(ref)) {}

  std::string location(const std::string& digest) const;
  os::Command command(std::vector<std::string> words) const;
  os::Co<Result<std::string>> ask(os::Command command, os::StopToken stop, bool bounded);

  os::Loop* loop_;
  RegistryOptions options_;
  model::ImageRef ref_;
  os::Fd auth_;
};

}  // namespace shoal::images
