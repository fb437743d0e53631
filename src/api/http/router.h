// Router: finds the handler of a request and answers what every request has in common: the API
// version in the path, Docker's general headers, unknown paths and methods.
//
//   router.get("/containers/{id}/json", [&](Request& request, Responder& responder) {
//     return inspect(request, responder);   // a coroutine: os::Co<Result<void>>
//   });
//
// {name} matches one part of the path, {name...} one or more ("library/web"), as in
// /images/{name...}/json. A route with more literal parts wins over one with fewer.
//
// A handler that returns an Error gets it sent as {"message": …} with the status of http/error.h.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "api/http/connection.h"
#include "api/http/message.h"

namespace shoal::api {

using Handler = Dispatch;

class Router {
 public:
  // `server` is the Server header: "Shoal/0.1.0 (linux)".
  explicit Router(std::string server);

  void add(std::string method, std::string_view pattern, Handler handler);
  void get(std::string_view pattern, Handler h) { add("GET", pattern, std::move(h)); }
  void post(std::string_view pattern, Handler h) { add("POST", pattern, std::move(h)); }
  void put(std::string_view pattern, Handler h) { add("PUT", pattern, std::move(h)); }
  void del(std::string_view pattern, Handler h) { add("DELETE", pattern, std::move(h)); }
  void head(std::string_view pattern, Handler h) { add("HEAD", pattern, std::move(h)); }
  // Asked for every path that starts with /`first` before the handler of its route: true when it
  // has answered. It may change the route's parameters.
  using Detour = std::function<os::Co<Result<bool>>(Request&, Responder&)>;
  void detour(std::string first, Detour detour);
  // Every path that starts with /`first` and has no route of its own answers 501
  // "`what` not supported by this version of Shoal yet".
  void not_yet(std::string first, std::string what);

  // The Dispatch of a Server. The router must outlive it.
  os::Co<Result<void>> handle(Request& request, Responder& responder);

 private:
  struct Route {
    std::string method;
    std::vector<std::string> parts;
    size_t literal_count = 0;
    Handler handler;
  };
  const Route* find(const Request& request, Fields& params, bool& path_known) const;

  std::string server_;
  std::map<std::string, std::vector<Route>, std::less<>> by_first_part_;
  std::map<std::string, Detour, std::less<>> detours_;
  std::map<std::string, std::string, std::less<>> not_yet_;
};

// Cuts "/v1.41" off request.path and sets request.version. InvalidArgument, in Docker's words, when
// the version is older or newer than this API.
Result<void> negotiate_version(Request& request);

}  // namespace shoal::api
