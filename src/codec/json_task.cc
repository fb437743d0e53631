#include "codec/json_network.h"
#include "codec/json_objects.h"

namespace shoal::codec {
namespace {

void encode_status(JsonWriter& json, const model::TaskStatus& status) {
  json.begin_object();
  json.field("Timestamp", status.timestamp);
  json.field("State", model::to_string(status.state));
  json.optional_field("Message", status.message);
  json.optional_field("Err", status.error);
  if (status.container) {
    json.key("ContainerStatus").begin_object();
    json.field("ContainerID", status.container->container_id);
    json.field("PID", status.container->pid);
    json.field("ExitCode", status.container->exit_code).end_object();
  }
  json.key("PortStatus").begin_object();
  if (!status.host_ports.empty()) {
    json.key("Ports").begin_array();
    for (const auto& port : status.host_ports) encode_port(json, port);
    json.end_array();
  }
  json.end_object().end_object();
}

}  // namespace

const std::string& TaskEncoder::text_of(const model::NetworkId& network) {
  std::string& text = network_texts_[network];
  if (!text.empty()) return text;
  JsonWriter json;
  if (const auto known = networks_.find(network); known != networks_.end()) {
    encode_network_object(json, *known->second);
  } else {
    json.begin_object().field("ID", network.view()).end_object();
  }
  return text = json.take();
}

void TaskEncoder::encode_attachments(JsonWriter& json, const model::Task& task) {
  if (task.networks.empty()) return;
  json.key("NetworksAttachments").begin_array();
  for (const auto& attachment : task.networks) {
    json.begin_object().key("Network").raw(text_of(attachment.network));
    json.optional_field("Addresses", attachment.addresses).end_object();
  }
  json.end_array();
}

void TaskEncoder::encode(JsonWriter& json, const model::Task& task) {
  json.begin_object().field("ID", task.id.view());
  encode_meta(json, task.meta);
  json.key("Labels").begin_object().end_object();
  if (task.spec) {
    std::string& text = specs_[task.spec.get()];
    if (text.empty()) {
      JsonWriter spec;
      encode_task_spec(spec, *task.spec, false);
      text = spec.take();
    }
    json.key("Spec").raw(text);
  }
  json.field("ServiceID", task.service_id.view());
  json.optional_field("Slot", task.slot);
  if (!task.node_id.empty()) json.field("NodeID", task.node_id.view());
  if (!task.assigned_generic.empty()) {
    json.key("AssignedGenericResources");
    encode_generic(json, task.assigned_generic);
  }
  json.key("Status");
  encode_status(json, task.status);
  json.field("DesiredState", model::to_string(task.desired_state));
  encode_attachments(json, task);
  if (!task.assigned_generic.empty()) {
    json.key("GenericResources");
    encode_generic(json, task.assigned_generic);
  }
  if (task.job_iteration) {
    json.key("JobIteration").begin_object();
    json.optional_field("Index", *task.job_iteration).end_object();
  }
  json.end_object();
}

}  // namespace shoal::codec
