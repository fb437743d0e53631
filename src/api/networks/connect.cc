// The calls that connect containers to networks by hand.
#include "api/body.h"
#include "api/endpoint_json.h"
#include "api/networks/networks.h"
#include "codec/json_reader.h"

namespace shoal::api {
namespace {

struct Wish {
  std::string container;
  model::NetworkConnection connection;  // without its network
};

Result<Wish> decode_wish(std::string_view body) {
  ASSIGN_OR_RETURN(const codec::JsonDocument document, codec::JsonDocument::parse(body));
  codec::JsonReader reader = document.root("NetworkConnect");
  Wish wish;
  reader.read("Container", wish.container);
  if (auto settings = reader.child("EndpointConfig", "EndpointSettings")) {
    RETURN_IF_ERROR(decode_endpoint(*settings, wish.connection));
  }
  RETURN_IF_ERROR(document.status());
  if (wish.container.empty()) return invalid_argument("invalid name or ID supplied: \"\"");
  return wish;
}

}  // namespace

Error NetworksApi::why_not_joined(const Found& found) {
  const std::string& name = found.shown.name;
  if (!found.stored || found.shown.attachable) {
    return {
        ErrorCode::Unimplemented,
        "connecting a container to an overlay network is not supported by this version of Shoal "
        "yet"};
  }
  return {ErrorCode::PermissionDenied,
          fmt::format("Could not attach to network {}: rpc error: code = PermissionDenied desc = "
                      "network {} not manually attachable",
                      name, name)};
}

os::Co<Result<void>> NetworksApi::connect(Request& request, Responder& responder) {
  CO_ASSIGN_OR_RETURN(const std::string body, co_await json_body(request));
  CO_ASSIGN_OR_RETURN(Wish wish, decode_wish(body));
  CO_ASSIGN_OR_RETURN(const std::string container, node_.find_container(wish.container));
  CO_ASSIGN_OR_RETURN(const Found found, find(request.param("id"), ""));
  const codec::NetworkResource& network = found.shown;
  if (network.scope == "swarm") co_return std::unexpected(why_not_joined(found));
  wish.connection.name = network.id;
  CO_RETURN_IF_ERROR(co_await node_.connect(container, std::move(wish.connection)));
  responder.empty(200);
  co_return Result<void>{};
}

// Also from a network that is gone: a container that does not run still names it.
os::Co<Result<void>> NetworksApi::disconnect(Request& request, Responder& responder) {
  CO_ASSIGN_OR_RETURN(const std::string body, co_await json_body(request));
  CO_ASSIGN_OR_RETURN(const Wish wish, decode_wish(body));
  CO_ASSIGN_OR_RETURN(const std::string container, node_.find_container(wish.container));
  const std::string ref(request.param("id"));
  const auto found = find(ref, "");
  if (!found && found.error().code != ErrorCode::NotFound) co_return std::unexpected(found.error());
  CO_RETURN_IF_ERROR(co_await node_.disconnect(container, found ? found->shown.name : ref));
  responder.empty(200);
  co_return Result<void>{};
}

}  // namespace shoal::api
