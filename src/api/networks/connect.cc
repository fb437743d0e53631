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

Result<std::string> NetworksApi::name_if_attachable(std::string_view ref) {
  const auto found = find(ref, "swarm");
  const bool asks_a_manager =
      context_.swarm.state() == LocalNodeState::Active && !context_.swarm.store();
  if (!found && asks_a_manager) return std::string(ref);
  if (!found) return std::unexpected(found.error());
  const std::string& name = found->shown.name;
  if (asks_a_manager || found->shown.attachable) return name;
  return permission_denied(
      "Could not attach to network {}: rpc error: code = PermissionDenied desc = network {} not "
      "manually attachable",
      name, name);
}

os::Co<Result<void>> NetworksApi::connect(Request& request, Responder& responder) {
  CO_ASSIGN_OR_RETURN(const std::string body, co_await json_body(request));
  CO_ASSIGN_OR_RETURN(Wish wish, decode_wish(body));
  CO_ASSIGN_OR_RETURN(const std::string container, node_.find_container(wish.container));
  const std::string ref(request.param("id"));
  const auto found = find(ref, "");
  if (!found && found.error().code != ErrorCode::NotFound) co_return std::unexpected(found.error());
  if (found && found->shown.scope == "local") {
    wish.connection.name = found->shown.id;
  } else {
    CO_ASSIGN_OR_RETURN(wish.connection.name, name_if_attachable(ref));
  }
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
