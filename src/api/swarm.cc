#include "api/swarm.h"

#include "api/address_pools.h"
#include "api/body.h"
#include "api/lookup.h"
#include "api/rpc_error.h"
#include "api/versions.h"
#include "codec/json_objects.h"
#include "dispatcher/heartbeats.h"
#include "model/validate.h"

namespace shoal::api {
namespace {

using model::Cluster;
using model::ClusterSpec;

constexpr std::string_view kOnlyName = "default";

Result<void> check_spec(const ClusterSpec& spec) {
  if (!spec.annotations.name.empty() && spec.annotations.name != kOnlyName) {
    return invalid_argument("swarm spec must be named \"default\"");
  }
  if (const Result<void> sound = model::validate(spec); !sound) {
    return std::unexpected(rpc_error(sound.error()));
  }
  if (spec.auto_lock_managers) {
    return unimplemented("autolock is not supported by this version of Shoal yet");
  }
  return {};
}

Result<model::Availability> read_availability(codec::JsonReader& reader) {
  std::string word;
  reader.read("Availability", word, "swarm.NodeAvailability");
  if (word.empty() || word == "active") return model::Availability::Active;
  if (word == "pause") return model::Availability::Pause;
  if (word == "drain") return model::Availability::Drain;
  return invalid_argument("invalid Availability: \"{}\"", word);
}

Result<InitRequest> decode_init(std::string_view body) {
  ASSIGN_OR_RETURN(const codec::JsonDocument document, codec::JsonDocument::parse(body));
  codec::JsonReader reader = document.root("swarm.InitRequest");
  InitRequest init;
  reader.read("ListenAddr", init.listen_address);
  reader.read("AdvertiseAddr", init.advertise_address);
  reader.read("DataPathAddr", init.data_path_address);
  reader.read("DataPathPort", init.data_path_port);
  reader.read("DefaultAddrPool", init.default_address_pools);
  reader.read("SubnetSize", init.subnet_mask_length);
  reader.read("ForceNewCluster", init.force_new_cluster);
  const Result<model::Availability> availability = read_availability(reader);
  if (auto spec = reader.child("Spec", "Spec")) {
    ASSIGN_OR_RETURN(init.spec, codec::decode_cluster_spec(*spec, ClusterSpec{}));
  }
  bool auto_lock = false;
  reader.read("AutoLockManagers", auto_lock);
  init.spec.auto_lock_managers = init.spec.auto_lock_managers || auto_lock;
  RETURN_IF_ERROR(document.status());
  ASSIGN_OR_RETURN(init.availability, availability);
  RETURN_IF_ERROR(check_spec(init.spec));
  RETURN_IF_ERROR(check_addresses(init));
  init.spec.annotations.name = std::string(kOnlyName);
  return init;
}

Result<JoinRequest> decode_join(std::string_view body) {
  ASSIGN_OR_RETURN(const codec::JsonDocument document, codec::JsonDocument::parse(body));
  codec::JsonReader reader = document.root("swarm.JoinRequest");
  JoinRequest join;
  reader.read("ListenAddr", join.listen_address);
  reader.read("AdvertiseAddr", join.advertise_address);
  reader.read("DataPathAddr", join.data_path_address);
  reader.read("RemoteAddrs", join.remote_addresses);
  reader.read("JoinToken", join.join_token);
  const Result<model::Availability> availability = read_availability(reader);
  RETURN_IF_ERROR(document.status());
  ASSIGN_OR_RETURN(join.availability, availability);
  return join;
}

struct SigningCa {
  std::string certificate;
  std::string key;
};

// What `swarm ca --rotate` was given to rotate to.
Result<SigningCa> decode_signing_ca(std::string_view body) {
  ASSIGN_OR_RETURN(const codec::JsonDocument document, codec::JsonDocument::parse(body));
  codec::JsonReader reader = document.root("swarm.Spec");
  SigningCa given;
  if (auto ca = reader.child("CAConfig", "CAConfig")) {
    ca->read("SigningCACert", given.certificate);
    ca->read("SigningCAKey", given.key);
  }
  RETURN_IF_ERROR(document.status());
  if (given.certificate.empty() != given.key.empty()) {
    return invalid_argument(
        "rotating to a given root needs both CAConfig.SigningCACert and CAConfig.SigningCAKey: "
        "external certificate authorities are not supported");
  }
  return given;
}

Result<std::string> decode_unlock(std::string_view body) {
  ASSIGN_OR_RETURN(const codec::JsonDocument document, codec::JsonDocument::parse(body));
  codec::JsonReader reader = document.root("swarm.UnlockRequest");
  std::string key;
  reader.read("UnlockKey", key);
  RETURN_IF_ERROR(document.status());
  return key;
}

}  // namespace

void SwarmApi::add_routes(Router& router) {
  router.get("/swarm", [this](Request& q, Responder& p) { return inspect(q, p); });
  router.post("/swarm/init", [this](Request& q, Responder& p) { return init(q, p); });
  router.post("/swarm/join", [this](Request& q, Responder& p) { return join(q, p); });
  router.post("/swarm/leave", [this](Request& q, Responder& p) { return leave(q, p); });
  router.post("/swarm/update", [this](Request& q, Responder& p) { return update(q, p); });
  router.post("/swarm/unlock", [this](Request& q, Responder& p) { return unlock(q, p); });
  router.get("/swarm/unlockkey", [this](Request& q, Responder& p) { return unlock_key(q, p); });
}

os::Co<Result<void>> SwarmApi::init(Request& request, Responder& responder) {
  const Result<std::string> body = co_await json_body(request);
  if (!body) co_return std::unexpected(body.error());
  Result<InitRequest> init = decode_init(*body);
  if (!init) co_return std::unexpected(init.error());
  const Result<model::NodeId> node = co_await context_.swarm.init(std::move(*init));
  if (!node) co_return std::unexpected(node.error());
  codec::JsonWriter json;
  json.value(node->view());
  responder.json(200, json.take());
  co_return Result<void>{};
}

os::Co<Result<void>> SwarmApi::join(Request& request, Responder& responder) {
  const Result<std::string> body = co_await json_body(request);
  if (!body) co_return std::unexpected(body.error());
  Result<JoinRequest> join = decode_join(*body);
  if (!join) co_return std::unexpected(join.error());
  const Result<void> joined = co_await context_.swarm.join(std::move(*join));
  if (!joined) co_return joined;
  responder.empty(200);
  co_return Result<void>{};
}

os::Co<Result<void>> SwarmApi::leave(Request& request, Responder& responder) {
  const Result<void> left = co_await context_.swarm.leave(request.query_flag("force"));
  if (!left) co_return left;
  responder.empty(200);
  co_return Result<void>{};
}

os::Co<Result<void>> SwarmApi::inspect(Request&, Responder& responder) {
  const Result<store::Store*> store = managed_store(context_.swarm);
  if (!store) co_return std::unexpected(store.error());
  const auto cluster = find_cluster((*store)->read());
  if (!cluster) co_return std::unexpected(cluster.error());
  codec::JsonWriter json;
  const size_t nodes = (*store)->read().nodes().size();
  codec::encode_cluster(
      json, **cluster,
      dispatcher::effective_heartbeat_period((*cluster)->spec.heartbeat_period, nodes), true);
  responder.json(200, json.take());
  co_return Result<void>{};
}

os::Co<Result<void>> SwarmApi::update(Request& request, Responder& responder) {
  const Result<std::string> body = co_await json_body(request);
  if (!body) co_return std::unexpected(body.error());
  const Result<model::Version> version = update_version(request, "swarm");
  if (!version) co_return std::unexpected(version.error());
  const Result<store::Store*> store = managed_store(context_.swarm);
  if (!store) co_return std::unexpected(store.error());
  const auto stored = find_cluster((*store)->read());
  if (!stored) co_return std::unexpected(stored.error());

  Cluster changed = **stored;
  const Duration shown = dispatcher::effective_heartbeat_period(changed.spec.heartbeat_period,
                                                                (*store)->read().nodes().size());
  Result<ClusterSpec> spec = codec::decode_cluster_spec(*body, changed.spec);
  if (!spec) co_return std::unexpected(spec.error());
  // A client sends back what it was shown: that does not make the period one that was set.
  if (changed.spec.heartbeat_period == Duration{0} && spec->heartbeat_period == shown) {
    spec->heartbeat_period = Duration{0};
  }
  if (const Result<void> sound = check_spec(*spec); !sound) co_return sound;
  changed.spec = std::move(*spec);
  changed.meta.version = *version;
  for (const bool manager : {false, true}) {
    if (!request.query_flag(manager ? "rotateManagerToken" : "rotateWorkerToken")) continue;
    Result<std::string> token = context_.swarm.make_join_token(changed);
    if (!token) co_return std::unexpected(token.error());
    (manager ? changed.join_token_manager : changed.join_token_worker) = std::move(*token);
  }
  if (changed.spec.ca_force_rotate != (*stored)->spec.ca_force_rotate) {
    CO_ASSIGN_OR_RETURN(SigningCa given, decode_signing_ca(*body));
    auto rotation = co_await context_.swarm.make_root_rotation(
        changed, std::move(given.certificate), std::move(given.key));
    if (!rotation) co_return std::unexpected(rpc_error(rotation.error()));
    changed.rotation = std::move(*rotation);
  }
  const store::Store::Write write = [&](store::WriteTx& tx) { return tx.update(changed); };
  const auto done = co_await commit(context_.swarm, context_.loop.now(), write);
  if (!done) co_return std::unexpected(rpc_error(done.error()));
  responder.empty(200);
  co_return Result<void>{};
}

os::Co<Result<void>> SwarmApi::unlock(Request& request, Responder& responder) {
  const Result<std::string> body = co_await json_body(request);
  if (!body) co_return std::unexpected(body.error());
  Result<std::string> key = decode_unlock(*body);
  if (!key) co_return std::unexpected(key.error());
  if (context_.swarm.state() != LocalNodeState::Locked) co_return conflict("swarm is not locked");
  const Result<void> unlocked = co_await context_.swarm.unlock(std::move(*key));
  if (!unlocked) co_return unlocked;
  responder.empty(200);
  co_return Result<void>{};
}

os::Co<Result<void>> SwarmApi::unlock_key(Request&, Responder& responder) {
  const Result<store::Store*> store = managed_store(context_.swarm);
  if (!store) co_return std::unexpected(store.error());
  const Result<std::string> key = context_.swarm.unlock_key();
  if (!key) co_return std::unexpected(key.error());
  codec::JsonWriter json;
  json.begin_object().field("UnlockKey", *key).end_object();
  responder.json(200, json.take());
  co_return Result<void>{};
}

}  // namespace shoal::api
