// Nodes and what they say of themselves.
#include "codec/wire/parts.h"

namespace shoal::wire {
namespace {

using wire::get;  // besides those of this file
using wire::put;

constexpr uint32_t kMembershipAccepted = 1;

void put(const model::TlsInfo& in, pb::TlsInfo* out) {
  out->set_trust_root(in.trust_root);
  out->set_issuer_subject(in.issuer_subject);
  out->set_issuer_public_key(in.issuer_public_key);
}

model::TlsInfo get(const pb::TlsInfo& in) {
  return {.trust_root = in.trust_root(),
          .issuer_subject = in.issuer_subject(),
          .issuer_public_key = in.issuer_public_key()};
}

model::NodeSpec get(const pb::NodeSpec& in, Fault& fault) {
  return {.annotations = get(in.annotations(), fault),
          .role = enum_from(in.desired_role(), model::NodeRole::Manager, "desired role", fault),
          .availability =
              enum_from(in.availability(), model::Availability::Drain, "availability", fault)};
}

model::NodeStatus get(const pb::NodeStatus& in, Fault& fault) {
  return {.state = enum_from(in.state(), model::NodeState::Disconnected, "node state", fault),
          .message = in.message(),
          .address = in.address()};
}

}  // namespace

void put(const model::NodeDescription& in, pb::NodeDescription* out) {
  out->set_hostname(in.hostname);
  put(in.platform, out->mutable_platform());
  put(in.resources, out->mutable_resources());
  pb::Engine* engine = out->mutable_engine();
  engine->set_version(in.engine_version);
  put_labels(in.engine_labels, engine->mutable_labels());
  for (const model::Plugin& plugin : in.plugins) {
    pb::Plugin* message = engine->add_plugins();
    message->set_type(plugin.type);
    message->set_name(plugin.name);
  }
  put(in.tls, out->mutable_tls());
  out->set_shoal_version(in.shoal_version);
  out->set_data_path_address(in.data_path_address);
}

model::NodeDescription get(const pb::NodeDescription& in, Fault& fault) {
  model::NodeDescription out;
  out.hostname = in.hostname();
  out.platform = get(in.platform(), fault);
  out.resources = get(in.resources(), fault);
  out.engine_version = in.engine().version();
  out.engine_labels = labels_from(in.engine().labels(), "engine labels", fault);
  out.plugins = each_from<model::Plugin>(
      in.engine().plugins(), "plugins", fault,
      [](const pb::Plugin& plugin) { return model::Plugin{plugin.type(), plugin.name()}; });
  out.tls = get(in.tls());
  out.shoal_version = in.shoal_version();
  out.data_path_address = in.data_path_address();
  return out;
}

void put(const model::Node& in, pb::Node* out) {
  out->set_id(in.id.str());
  put(in.meta, out->mutable_meta());
  pb::NodeSpec* spec = out->mutable_spec();
  put(in.spec.annotations, spec->mutable_annotations());
  spec->set_desired_role(uint32_t(in.spec.role));
  spec->set_membership(kMembershipAccepted);
  spec->set_availability(uint32_t(in.spec.availability));
  put(in.description, out->mutable_description());
  out->mutable_status()->set_state(uint32_t(in.status.state));
  out->mutable_status()->set_message(in.status.message);
  out->mutable_status()->set_address(in.status.address);
  if (!in.manager_address.empty()) {
    out->mutable_manager_status()->set_address(in.manager_address);
  }
  out->set_role(uint32_t(in.role));
  put_all(in.attachments, out->mutable_attachments());
}

model::Node get(const pb::Node& in, Fault& fault) {
  model::Node out;
  out.id = id_from<model::NodeId>(in.id(), Need::Required, "node.id", fault);
  out.meta = get(in.meta(), fault);
  out.spec = get(in.spec(), fault);
  out.role = enum_from(in.role(), model::NodeRole::Manager, "node role", fault);
  out.description = get(in.description(), fault);
  out.status = get(in.status(), fault);
  out.manager_address = in.manager_status().address();
  out.attachments = all_from<model::NetworkAttachment>(in.attachments(), "networks", fault);
  return out;
}

}  // namespace shoal::wire
