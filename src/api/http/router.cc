#include "api/http/router.h"

#include <algorithm>
#include <charconv>

#include "api/http/error.h"
#include "base/check.h"

namespace shoal::api {
namespace {

std::vector<std::string> split_path(std::string_view path) {
  std::vector<std::string> parts;
  while (!path.empty()) {
    path.remove_prefix(1);  // the slash
    const std::string_view part = path.substr(0, path.find('/'));
    parts.emplace_back(part);
    path.remove_prefix(part.size());
  }
  return parts;
}

bool is_param(std::string_view part) {
  return part.starts_with('{') && part.ends_with('}');
}
bool is_rest(std::string_view part) {
  return part.ends_with("...}");
}

std::string_view param_name(std::string_view part) {
  part.remove_prefix(1);
  part.remove_suffix(is_rest(part) ? 4 : 1);
  return part;
}

// Matches `path` against `pattern` from their starts; fills `params` on success.
bool matches(const std::vector<std::string>& pattern, const std::vector<std::string>& path,
             Fields& params) {
  params.clear();
  const auto rest =
      std::find_if(pattern.begin(), pattern.end(), [](const auto& part) { return is_rest(part); });
  const bool has_rest = rest != pattern.end();
  if (has_rest ? path.size() < pattern.size() : path.size() != pattern.size()) return false;
  size_t at = 0;
  for (const auto& part : pattern) {
    if (is_rest(part)) {
      std::string joined = path[at++];
      for (size_t extra = path.size() - pattern.size(); extra > 0; --extra) {
        joined += "/" + path[at++];
      }
      params.emplace_back(param_name(part), std::move(joined));
    } else if (is_param(part)) {
      if (path[at].empty()) return false;
      params.emplace_back(param_name(part), path[at++]);
    } else if (path[at++] != part) {
      return false;
    }
  }
  return true;
}

std::string_view first_part(std::string_view path) {
  return path.empty() ? path : path.substr(1, path.find('/', 1) - 1);
}

std::string version_text(ApiVersion version) {
  return fmt::format("{}.{}", version.major, version.minor);
}

// "1.41" as a version; nothing for any other text.
std::optional<ApiVersion> parse_version(std::string_view text) {
  ApiVersion version{};
  const char* end = text.data() + text.size();
  const auto major = std::from_chars(text.data(), end, version.major);
  if (major.ec != std::errc{} || major.ptr == end || *major.ptr != '.') return std::nullopt;
  const auto minor = std::from_chars(major.ptr + 1, end, version.minor);
  if (minor.ec != std::errc{} || (minor.ptr != end && *minor.ptr != '.')) return std::nullopt;
  return version;
}

}  // namespace

Result<void> negotiate_version(Request& request) {
  std::string_view path = request.path;
  if (!path.starts_with("/v")) return {};
  const std::string_view text = path.substr(2, path.find('/', 2) - 2);
  if (text.empty() || text.find_first_not_of("0123456789.") != std::string_view::npos) return {};
  const std::optional<ApiVersion> version = parse_version(text);
  if (!version) return invalid_argument("invalid API version \"{}\"", text);
  if (*version > kApiVersionMax) {
    return invalid_argument("client version {} is too new. Maximum supported API version is {}",
                            text, version_text(kApiVersionMax));
  }
  if (*version < kApiVersionMin) {
    return invalid_argument(
        "client version {} is too old. Minimum supported API version is {}, please upgrade your "
        "client to a newer version",
        text, version_text(kApiVersionMin));
  }
  request.version = *version;
  request.path.erase(0, 2 + text.size());
  return {};
}

Router::Router(std::string server) : server_(std::move(server)) {}

void Router::add(std::string method, std::string_view pattern, Handler handler) {
  Route route{std::move(method), split_path(pattern), 0, std::move(handler)};
  CHECK(!route.parts.empty() && !is_param(route.parts[0]), "route {}", pattern);
  route.literal_count = size_t(std::count_if(route.parts.begin(), route.parts.end(),
                                             [](const auto& part) { return !is_param(part); }));
  by_first_part_[route.parts[0]].push_back(std::move(route));
}

void Router::detour(std::string first, Detour detour) {
  detours_[std::move(first)] = std::move(detour);
}

void Router::not_yet(std::string first, std::string what) {
  not_yet_[std::move(first)] = std::move(what);
}

const Router::Route* Router::find(const Request& request, Fields& params, bool& path_known) const {
  const std::vector<std::string> path = split_path(request.path);
  if (path.empty()) return nullptr;
  const auto candidates = by_first_part_.find(path[0]);
  if (candidates == by_first_part_.end()) return nullptr;
  const Route* best = nullptr;
  for (const auto& route : candidates->second) {
    Fields found;
    if (best && best->literal_count >= route.literal_count) continue;
    if (!matches(route.parts, path, found)) continue;
    path_known = true;
    if (route.method != request.method) continue;
    best = &route;
    params = std::move(found);
  }
  return best;
}

os::Co<Result<void>> Router::handle(Request& request, Responder& responder) {
  responder.header("Api-Version", version_text(kApiVersionMax));
  responder.header("Docker-Experimental", "false");
  responder.header("Ostype", "linux");
  responder.header("Server", server_);
  if (const Result<void> version = negotiate_version(request); !version) co_return version;

  bool path_known = false;
  if (const Route* route = find(request, request.params, path_known)) {
    if (const auto at = detours_.find(first_part(request.path)); at != detours_.end()) {
      const Result<bool> answered = co_await at->second(request, responder);
      if (!answered) co_return std::unexpected(answered.error());
      if (*answered) co_return Result<void>{};
    }
    co_return co_await route->handler(request, responder);
  }
  if (path_known) {
    Response refusal{.status = 405, .body = error_body("method not allowed")};
    responder.reply(std::move(refusal));
    co_return Result<void>{};
  }
  if (const auto known = not_yet_.find(first_part(request.path)); known != not_yet_.end()) {
    co_return unimplemented("{} not supported by this version of Shoal yet", known->second);
  }
  co_return not_found("page not found");
}

}  // namespace shoal::api
