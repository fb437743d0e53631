// ImageStore::log_in: skopeo asks the registry whether it knows a user.
#include <fcntl.h>
#include <sys/mount.h>

#include <cerrno>

#include "images/impl.h"
#include "images/registry.h"
#include "os/file.h"

namespace shoal::images {
namespace {

constexpr std::string_view kDockerHub = "docker.io";

// What a client calls the server: "https://index.docker.io/v1/", "host:5000", or nothing.
Result<std::string> registry_domain(std::string_view address) {
  for (const std::string_view scheme : {"https://", "http://"}) {
    if (address.starts_with(scheme)) address.remove_prefix(scheme.size());
  }
  address = address.substr(0, address.find('/'));
  if (address.empty() || address == "index.docker.io") return std::string(kDockerHub);
  constexpr std::string_view kKnown =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-:[]";
  if (address.find_first_not_of(kKnown) != address.npos || address.starts_with('-')) {
    return invalid_argument("invalid server address: {}", address);
  }
  return std::string(address);
}

// A file system in memory that is mounted nowhere: skopeo wants a folder to keep the password in,
// and it goes with the descriptor.
Result<os::Fd> memory_folder() {
  const os::Fd context(::fsopen("tmpfs", FSOPEN_CLOEXEC));
  if (!context || ::fsconfig(context.get(), FSCONFIG_SET_STRING, "mode", "0700", 0) != 0 ||
      ::fsconfig(context.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) != 0) {
    return os::system_error("create", "a folder in memory", errno);
  }
  os::Fd folder(::fsmount(context.get(), FSMOUNT_CLOEXEC, 0));
  if (!folder) return os::system_error("mount", "a folder in memory", errno);
  return folder;
}

}  // namespace

os::Co<Result<void>> ImageStore::log_in(LoginRequest request, os::StopToken stop) {
  CO_ASSIGN_OR_RETURN(const std::string domain, registry_domain(request.server_address));
  const RegistryOptions options = impl_->registry_options();
  const bool insecure = is_insecure_registry(domain, options.insecure_registries);
  const Error refused =
      unauthenticated("login attempt to {}://{}/v2/ failed with status: 401 Unauthorized",
                      insecure ? "http" : "https", domain)
          .error();
  if (request.username.empty() || request.password.empty()) co_return std::unexpected(refused);
  CO_ASSIGN_OR_RETURN(const os::Fd folder, memory_folder());
  const model::ImageRef server{.domain = domain};
  CO_ASSIGN_OR_RETURN(Registry registry, Registry::create(impl_->loop, options, server, ""));
  CO_ASSIGN_OR_RETURN(const auto turn, co_await impl_->turns.take(domain, stop));
  const Result<void> known = co_await registry.log_in(std::move(request.username),
                                                      std::move(request.password), folder, stop);
  // NotFound is how a registry's refusal of a pull is told.
  if (!known && known.error().code == ErrorCode::NotFound) co_return std::unexpected(refused);
  co_return known;
}

}  // namespace shoal::images
