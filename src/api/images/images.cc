#include "api/images/images.h"

#include <charconv>

#include "api/body.h"
#include "api/filters.h"
#include "api/images/image_json.h"
#include "api/listing.h"
#include "codec/json_reader.h"
#include "codec/json_writer.h"
#include "model/image_ref.h"

namespace shoal::api {
namespace {
using images::ImageFilter;
using images::ImagePtr;

std::vector<std::string> values_of(const FilterValues& filters, std::string_view name) {
  const auto found = filters.find(name);
  if (found == filters.end()) return {};
  return {found->second.begin(), found->second.end()};
}

// One value, or empty; several are refused as Docker does.
Result<std::string> single_value(const FilterValues& filters, std::string_view name) {
  const auto values = values_of(filters, name);
  if (values.size() > 1) return invalid_argument("invalid filter '{}'", name);
  if (values.empty()) return std::string();
  return values.front();
}

Result<std::optional<bool>> flag_of(const FilterValues& filters, std::string_view name) {
  const Result<std::string> given = single_value(filters, name);
  if (!given) return std::unexpected(given.error());
  const std::string_view value = *given;
  if (value.empty()) return std::optional<bool>();
  if (value == "1" || value == "true" || value == "True") return std::optional<bool>(true);
  if (value == "0" || value == "false" || value == "False") return std::optional<bool>(false);
  return invalid_argument("invalid filter '{}=[{}]'", name, value);
}

// "10m", "2h30m": how long ago.
Result<Duration> parse_age(std::string_view text) {
  const std::string whole(text);
  Duration sum{0};
  while (!text.empty()) {
    int64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    text.remove_prefix(size_t(end - text.data()));
    const char unit = text.empty() ? '?' : text.front();
    constexpr int64_t kHoursMax = 1'000'000;
    const Duration scale = unit == 'h' ? Duration(1h) : unit == 'm' ? Duration(1min) : Duration(1s);
    const bool known = unit == 'h' || unit == 'm' || unit == 's';
    if (error != std::errc() || !known || number < 0 || number > kHoursMax) {
      return invalid_argument("invalid filter 'until=[{}]'", whole);
    }
    sum += number * scale;
    text.remove_prefix(1);
  }
  return sum;
}

// A date, seconds since 1970, or an age.
Result<Time> parse_until(const std::string& text, Time now) {
  if (const auto date = parse_rfc3339(text)) return *date;
  int64_t seconds = 0;
  const char* end = text.data() + text.size();
  if (std::from_chars(text.data(), end, seconds).ptr == end) {
    return Time{seconds * 1'000'000'000};
  }
  ASSIGN_OR_RETURN(const Duration age, parse_age(text));
  return now - age;
}

Result<ImageFilter> image_filter(const Request& request, Time now,
                                 const std::vector<std::string_view>& known) {
  ASSIGN_OR_RETURN(const FilterValues filters, parse_filters(request.query_value("filters")));
  RETURN_IF_ERROR(check_filter_names(filters, known));
  ImageFilter filter;
  filter.references = values_of(filters, "reference");
  filter.labels = values_of(filters, "label");
  ASSIGN_OR_RETURN(filter.dangling, flag_of(filters, "dangling"));
  ASSIGN_OR_RETURN(filter.before, single_value(filters, "before"));
  ASSIGN_OR_RETURN(filter.since, single_value(filters, "since"));
  ASSIGN_OR_RETURN(const std::string until, single_value(filters, "until"));
  if (!until.empty()) {
    ASSIGN_OR_RETURN(filter.until, parse_until(until, now));
  }
  return filter;
}

Handler bind(ImagesApi* api, os::Co<Result<void>> (ImagesApi::*handler)(Request&, Responder&)) {
  return [api, handler](Request& request, Responder& responder) {
    return (api->*handler)(request, responder);
  };
}

os::Co<Result<void>> not_there(Request& request, Responder&) {
  const bool search = request.method == "GET";
  co_return unimplemented("{} is not supported by this version of Shoal yet",
                          search ? "searching registries" : "pushing images");
}

}  // namespace

void ImagesApi::add_routes(Router& router) {
  router.get("/images/json", bind(this, &ImagesApi::list));
  router.post("/images/create", bind(this, &ImagesApi::create));
  router.post("/images/load", bind(this, &ImagesApi::load));
  router.post("/images/prune", bind(this, &ImagesApi::prune));
  router.get("/images/get", bind(this, &ImagesApi::save));
  router.get("/images/{name...}/get", bind(this, &ImagesApi::save));
  router.get("/images/{name...}/json", bind(this, &ImagesApi::inspect));
  router.get("/images/{name...}/history", bind(this, &ImagesApi::history));
  router.post("/images/{name...}/tag", bind(this, &ImagesApi::tag));
  router.del("/images/{name...}", bind(this, &ImagesApi::remove));
  router.post("/auth", bind(this, &ImagesApi::login));
  router.get("/distribution/{name...}/json", bind(this, &ImagesApi::distribution));
  // Named here because their paths are also those of other calls.
  router.get("/images/search", &not_there);
  router.post("/images/{name...}/push", &not_there);
}

void ImagesApi::post(std::string action, const std::string& id, const std::string& name) {
  Event event{.type = "image", .action = std::move(action), .id = id, .time = loop_.now()};
  event.attributes["name"] = name;
  events_.post(std::move(event));
}

os::Co<Result<void>> ImagesApi::list(Request& request, Responder& responder) {
  CO_ASSIGN_OR_RETURN(ImageFilter filter,
                      image_filter(request, loop_.wall_now(),
                                   {"dangling", "label", "before", "since", "reference", "until"}));
  CO_ASSIGN_OR_RETURN(auto found, store_.list(filter));
  const size_t count = found.size();
  CO_RETURN_IF_ERROR(co_await reserve_list(responder, count));
  auto encode = [found = std::move(found), version = request.version] {
    return image_list_json(found, version);
  };
  co_return co_await answer_list(loop_, responder, count, std::move(encode));
}

os::Co<Result<void>> ImagesApi::inspect(Request& request, Responder& responder) {
  CO_ASSIGN_OR_RETURN(const ImagePtr image, store_.resolve(request.param("name")));
  responder.json(200, image_json(*image, request.version));
  co_return Result<void>{};
}

os::Co<Result<void>> ImagesApi::history(Request& request, Responder& responder) {
  CO_ASSIGN_OR_RETURN(const ImagePtr image, store_.resolve(request.param("name")));
  responder.json(200, history_json(*image));
  co_return Result<void>{};
}

os::Co<Result<void>> ImagesApi::tag(Request& request, Responder& responder) {
  const std::string source(request.param("name"));
  std::string target(request.query_value("repo"));
  const std::string_view wanted = request.query_value("tag");
  if (!wanted.empty()) target += fmt::format(":{}", wanted);
  CO_ASSIGN_OR_RETURN(const ImagePtr image, store_.resolve(source));
  CO_RETURN_IF_ERROR(co_await store_.tag(source, target));
  post("tag", image->id, target);
  responder.empty(201);
  co_return Result<void>{};
}

os::Co<Result<void>> ImagesApi::remove(Request& request, Responder& responder) {
  const std::string name(request.param("name"));
  CO_ASSIGN_OR_RETURN(const ImagePtr image, store_.resolve(name));
  CO_ASSIGN_OR_RETURN(const auto removed,
                      co_await store_.remove(name, request.query_flag("force"), users_));
  for (const auto& item : removed) {
    if (!item.untagged.empty()) post("untag", image->id, item.untagged);
    if (item.deleted == image->id) post("delete", image->id, image->id);
  }
  responder.json(200, removed_json(removed));
  co_return Result<void>{};
}

os::Co<Result<void>> ImagesApi::prune(Request& request, Responder& responder) {
  CO_ASSIGN_OR_RETURN(ImageFilter filter,
                      image_filter(request, loop_.now(), {"dangling", "label", "until"}));
  CO_ASSIGN_OR_RETURN(const auto report, co_await store_.prune(std::move(filter), users_));
  post("prune", "", "");
  responder.json(200, prune_json(report));
  co_return Result<void>{};
}

os::Co<Result<void>> ImagesApi::login(Request& request, Responder& responder) {
  CO_ASSIGN_OR_RETURN(const std::string body, co_await json_body(request));
  CO_ASSIGN_OR_RETURN(const auto document, codec::JsonDocument::parse(body));
  auto reader = document.root("AuthConfig");
  images::LoginRequest asked;
  reader.read("username", asked.username);
  reader.read("password", asked.password);
  reader.read("serveraddress", asked.server_address);
  CO_RETURN_IF_ERROR(document.status());
  CO_RETURN_IF_ERROR(co_await store_.log_in(std::move(asked), request.stop));
  codec::JsonWriter json;
  json.begin_object();
  json.field("IdentityToken", "").field("Status", "Login Succeeded");
  json.end_object();
  responder.json(200, json.take());
  co_return Result<void>{};
}

os::Co<Result<void>> ImagesApi::distribution(Request& request, Responder& responder) {
  images::PullRequest asked;
  asked.reference = request.param("name");
  asked.registry_auth = request.header("x-registry-auth");
  CO_ASSIGN_OR_RETURN(const auto info,
                      co_await store_.inspect_remote(std::move(asked), request.stop));
  responder.json(200, distribution_json(info));
  co_return Result<void>{};
}

}  // namespace shoal::api
