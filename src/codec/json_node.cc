#include "base/base64.h"
#include "codec/json_objects.h"
#include "codec/json_words.h"

namespace shoal::codec {
namespace {

using model::Availability;
using model::Node;
using model::NodeRole;
using model::NodeState;

constexpr Word<NodeRole> kRoles[] = {{NodeRole::Worker, "worker"}, {NodeRole::Manager, "manager"}};
constexpr Word<Availability> kAvailabilities[] = {{Availability::Active, "active"},
                                                  {Availability::Pause, "pause"},
                                                  {Availability::Drain, "drain"}};
constexpr Word<NodeState> kStates[] = {{NodeState::Unknown, "unknown"},
                                       {NodeState::Down, "down"},
                                       {NodeState::Ready, "ready"},
                                       {NodeState::Disconnected, "disconnected"}};

// Unlike elsewhere, an empty word is wrong here.
template <class E, size_t N>
Result<void> read_required(JsonReader& reader, std::string_view key, const Word<E> (&words)[N],
                           E& out) {
  std::string text;
  reader.read(key, text, key);
  if (text.empty()) return invalid_argument("invalid {}: \"\"", key);
  return read_word(words, key, text, out);
}

void encode_description(JsonWriter& json, const model::NodeDescription& description) {
  json.begin_object();
  json.optional_field("Hostname", description.hostname);
  json.key("Platform").begin_object();
  json.optional_field("Architecture", description.platform.architecture);
  json.optional_field("OS", description.platform.os).end_object();
  json.key("Resources").begin_object();
  json.optional_field("NanoCPUs", description.resources.nano_cpus);
  json.optional_field("MemoryBytes", description.resources.memory_bytes);
  if (!description.resources.generic.empty()) {
    json.key("GenericResources");
    encode_generic(json, description.resources.generic);
  }
  json.end_object();
  json.key("Engine").begin_object();
  json.optional_field("EngineVersion", description.engine_version);
  json.optional_field("Labels", description.engine_labels);
  if (!description.plugins.empty()) {
    json.key("Plugins").begin_array();
    for (const auto& plugin : description.plugins) {
      json.begin_object().field("Type", plugin.type).field("Name", plugin.name).end_object();
    }
    json.end_array();
  }
  json.end_object();
  json.key("TLSInfo");
  encode_tls(json, description.tls);
  json.end_object();
}

}  // namespace

std::string_view word(NodeState state) {
  return word_of(kStates, state);
}
std::string_view word(NodeRole role) {
  return word_of(kRoles, role);
}
std::string_view word(Availability availability) {
  return word_of(kAvailabilities, availability);
}

void encode_tls(JsonWriter& json, const model::TlsInfo& tls) {
  json.begin_object();
  json.optional_field("TrustRoot", tls.trust_root);
  json.optional_field("CertIssuerSubject", to_base64(tls.issuer_subject));
  json.optional_field("CertIssuerPublicKey", to_base64(tls.issuer_public_key));
  json.end_object();
}

Result<model::NodeSpec> decode_node_spec(std::string_view json) {
  ASSIGN_OR_RETURN(const JsonDocument document, JsonDocument::parse(json));
  JsonReader reader = document.root("swarm.NodeSpec");
  RETURN_IF_ERROR(document.status());
  model::NodeSpec spec;
  reader.read("Name", spec.annotations.name);
  reader.read("Labels", spec.annotations.labels);
  const Result<void> role = read_required(reader, "Role", kRoles, spec.role);
  const Result<void> availability =
      read_required(reader, "Availability", kAvailabilities, spec.availability);
  RETURN_IF_ERROR(document.status());
  RETURN_IF_ERROR(role);
  RETURN_IF_ERROR(availability);
  return spec;
}

void encode_node(JsonWriter& json, const Node& node, const model::NodeId& leader) {
  json.begin_object().field("ID", node.id.view());
  encode_meta(json, node.meta);
  json.key("Spec").begin_object();
  json.optional_field("Name", node.spec.annotations.name);
  json.field("Labels", node.spec.annotations.labels);
  json.field("Role", word_of(kRoles, node.spec.role));
  json.field("Availability", word_of(kAvailabilities, node.spec.availability)).end_object();
  json.key("Description");
  encode_description(json, node.description);
  json.key("Status").begin_object().field("State", word_of(kStates, node.status.state));
  json.optional_field("Message", node.status.message);
  json.optional_field("Addr", node.status.address).end_object();
  if (node.role == NodeRole::Manager) {
    const bool reachable = node.status.state == NodeState::Ready;
    json.key("ManagerStatus").begin_object();
    json.optional_field("Leader", node.id == leader);
    json.field("Reachability", reachable ? "reachable" : "unreachable");
    json.field("Addr", node.manager_address).end_object();
  }
  json.end_object();
}

}  // namespace shoal::codec
