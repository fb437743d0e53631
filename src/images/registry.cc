#include "images/registry.h"

#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <nlohmann/json.hpp>

#include "base/base64.h"
#include "images/manifest.h"
#include "os/file.h"

namespace shoal::images {
namespace {
using Json = nlohmann::json;

// Numbers of the descriptors that skopeo inherits.
constexpr int kAuthFd = 3;
constexpr int kFolderFd = 4;
constexpr const char* kAuthPath = "/proc/self/fd/3";
constexpr const char* kFolderImage = "oci:/proc/self/fd/4:image";
constexpr const char* kLoginPath = "/proc/self/fd/4/auth.json";
constexpr size_t kAuthBytesMax = size_t{64} << 10;
// When memory is short, a pull goes before the daemon.
constexpr int kOomScore = 500;

bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != text.npos;
}

std::string text_of(const Json& object, const char* key) {
  const auto at = object.find(key);
  return at == object.end() || !at->is_string() ? "" : at->get<std::string>();
}

Result<os::Fd> memory_file(std::string_view text) {
  os::Fd fd(::memfd_create("registry-auth", MFD_CLOEXEC));
  if (!fd || ::fchmod(fd.get(), 0600) != 0 ||
      ::write(fd.get(), text.data(), text.size()) != ssize_t(text.size())) {
    return os::system_error("create", "a file in memory", errno);
  }
  return fd;
}

// The sentence of the last fatal line: time="…" level=fatal msg="…".
std::string fatal_message(std::string_view output) {
  constexpr std::string_view kMark = "level=fatal msg=\"";
  const size_t at = output.rfind(kMark);
  if (at == output.npos) {
    while (output.ends_with('\n')) output.remove_suffix(1);
    return std::string(output.substr(output.rfind('\n') + 1));
  }
  std::string message;
  for (size_t i = at + kMark.size(); i < output.size() && output[i] != '"'; ++i) {
    if (output[i] == '\\' && i + 1 < output.size()) ++i;
    message += output[i];
  }
  return message;
}

// Drops what says which step of skopeo's it was: the client did not ask for a step.
std::string cut_steps(std::string message) {
  for (const std::string_view step :
       {"Error parsing image name ", "initializing source docker://", "pinging container registry ",
        "trying to reuse blob ", "writing blob: ", "copying system image from manifest list: ",
        "Error retrieving manifest for image: "}) {
    const size_t at = message.find(step);
    if (at == message.npos) continue;
    const size_t end = message.find(": ", at + step.size() - (step.ends_with(": ") ? 2 : 0));
    if (end != message.npos) message.erase(0, end + 2);
  }
  return message;
}

}  // namespace

Result<std::string> auth_file_text(std::string_view registry_auth, const std::string& domain) {
  Json auths = Json::object();
  if (!registry_auth.empty()) {
    if (registry_auth.size() > kAuthBytesMax) return too_large("X-Registry-Auth is too long");
    const Json given = Json::parse(from_base64(registry_auth).value_or(""), nullptr, false);
    if (!given.is_object()) return invalid_argument("invalid X-Registry-Auth header");
    const std::string token = text_of(given, "identitytoken");
    const std::string user = text_of(given, "username");
    const std::string coded = text_of(given, "auth");
    if (!token.empty()) {
      auths[domain] = {{"auth", to_base64("<token>:")}, {"identitytoken", token}};
    } else if (!user.empty()) {
      auths[domain] = {{"auth", to_base64(user + ":" + text_of(given, "password"))}};
    } else if (!coded.empty()) {
      auths[domain] = {{"auth", coded}};
    }
  }
  return Json{{"auths", std::move(auths)}}.dump(-1, ' ', false, Json::error_handler_t::replace);
}

bool is_insecure_registry(const std::string& domain, const std::vector<std::string>& listed) {
  const std::string host = domain.substr(0, domain.rfind(':'));
  const bool loopback =
      host == "localhost" || host == "[::1]" ||
      (host.starts_with("127.") && host.find_first_not_of("0123456789.") == host.npos);
  return loopback || std::find(listed.begin(), listed.end(), domain) != listed.end() ||
         std::find(listed.begin(), listed.end(), host) != listed.end();
}

Error registry_error(std::string_view skopeo_stderr, const model::ImageRef& ref) {
  const std::string message = fatal_message(skopeo_stderr);
  if (contains(message, "manifest unknown") || contains(message, "name unknown")) {
    return {ErrorCode::NotFound,
            fmt::format("manifest for {} not found: manifest unknown: manifest unknown",
                        ref.familiar())};
  }
  const bool unauthorized = contains(message, "authentication required") ||
                            contains(message, "unauthorized") ||
                            contains(message, "invalid username/password");
  if (unauthorized || contains(message, "denied")) {
    return {ErrorCode::NotFound,
            fmt::format("pull access denied for {}, repository does not exist or may require "
                        "'docker login': {}",
                        ref.familiar_name(),
                        unauthorized ? "unauthorized: authentication required"
                                     : "denied: requested access to the resource is denied")};
  }
  if (contains(message, "no space left on device")) {
    // The rest of it is a path that only skopeo knows.
    return {ErrorCode::Unavailable, "no space left on device"};
  }
  const bool no_answer = contains(message, "dial tcp") || contains(message, "deadline exceeded") ||
                         contains(message, "timeout") || contains(message, "connection reset");
  return {no_answer ? ErrorCode::Unavailable : ErrorCode::Internal,
          cut_steps(message.empty() ? "skopeo failed without a reason" : message)};
}

Result<Registry> Registry::create(os::Loop& loop, const RegistryOptions& options,
                                  model::ImageRef ref, std::string_view registry_auth) {
  Registry registry(loop, options, std::move(ref));
  ASSIGN_OR_RETURN(const std::string auth, auth_file_text(registry_auth, registry.ref_.domain));
  ASSIGN_OR_RETURN(registry.auth_, memory_file(auth));
  return registry;
}

std::string Registry::location(const std::string& digest) const {
  const std::string name = "docker://" + ref_.full_name();
  return digest.empty() ? name + ":" + ref_.tag : name + "@" + digest;
}

os::Command Registry::command(std::vector<std::string> words) const {
  os::Command command{.argv = {"skopeo"}};
  if (!options_.policy_file.empty()) {
    command.argv.insert(command.argv.end(), {"--policy", options_.policy_file});
  }
  command.argv.insert(command.argv.end(), words.begin(), words.end());
  command.pass_fds = {{auth_.get(), kAuthFd}};
  command.oom_score_adj = kOomScore;
  return command;
}

// Runs it; `bounded`: kills it when it takes longer than an answer may.
os::Co<Result<std::string>> Registry::ask(os::Command command, os::StopToken stop, bool bounded) {
  os::StopSource ended;
  bool late = false;
  const auto client_gone = stop.on_stop([&] { ended.stop(); });
  std::unique_ptr<os::Loop::Timer> timer;
  if (bounded) {
    timer = loop_->at(loop_->now() + options_.answer_time_max, [&] {
      late = true;
      ended.stop();
    });
  }
  const Result<os::Exit> exit = co_await os::run(*loop_, std::move(command), ended.token());
  if (late) {
    co_return unavailable("Get \"https://{}/v2/\": no answer from the registry in {} s",
                          ref_.domain, options_.answer_time_max / 1s);
  }
  if (!exit) co_return std::unexpected(exit.error());
  if (!exit->ok()) co_return std::unexpected(registry_error(exit->err, ref_));
  co_return exit->out;
}

os::Co<Result<std::string>> Registry::manifest(std::string digest, os::StopToken stop) {
  const char* verify = is_insecure_registry(ref_.domain, options_.insecure_registries)
                           ? "--tls-verify=false"
                           : "--tls-verify=true";
  os::Command words =
      command({"inspect", "--raw", verify, "--authfile", kAuthPath, location(digest)});
  co_return co_await ask(std::move(words), stop, true);
}

os::Co<Result<std::string>> Registry::config(std::string manifest_digest, os::StopToken stop) {
  const char* verify = is_insecure_registry(ref_.domain, options_.insecure_registries)
                           ? "--tls-verify=false"
                           : "--tls-verify=true";
  os::Command words = command(
      {"inspect", "--config", "--raw", verify, "--authfile", kAuthPath, location(manifest_digest)});
  co_return co_await ask(std::move(words), stop, true);
}

os::Co<Result<void>> Registry::copy_to(std::string manifest_digest, int folder,
                                       os::StopToken stop) {
  const char* verify = is_insecure_registry(ref_.domain, options_.insecure_registries)
                           ? "--src-tls-verify=false"
                           : "--src-tls-verify=true";
  os::Command words = command({"copy", "--quiet", verify, "--src-authfile", kAuthPath,
                               location(manifest_digest), kFolderImage});
  words.pass_fds.emplace_back(folder, kFolderFd);
  CO_RETURN_IF_ERROR(co_await ask(std::move(words), stop, false));
  co_return Result<void>{};
}

os::Co<Result<void>> Registry::log_in(std::string username, std::string password,
                                      const os::Fd& folder, os::StopToken stop) {
  const char* verify = is_insecure_registry(ref_.domain, options_.insecure_registries)
                           ? "--tls-verify=false"
                           : "--tls-verify=true";
  os::Command words = command({"login", "--username=" + username, "--password-stdin", verify,
                               "--authfile", kLoginPath, ref_.domain});
  words.input = std::move(password);
  words.pass_fds.emplace_back(folder.get(), kFolderFd);
  CO_RETURN_IF_ERROR(co_await ask(std::move(words), stop, true));
  co_return Result<void>{};
}

}  // namespace shoal::images
