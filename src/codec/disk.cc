#include "codec/disk.h"

#include "codec/disk_frame.h"
#include "codec/disk_parts.h"
#include "codec/disk_record.h"

namespace shoal::codec {
namespace {

void put(const model::TlsInfo& in, disk::TlsInfo* out) {
  out->set_trust_root(in.trust_root);
  out->set_issuer_subject(in.issuer_subject);
  out->set_issuer_public_key(in.issuer_public_key);
}

model::TlsInfo get(const disk::TlsInfo& in) {
  return {.trust_root = in.trust_root(),
          .issuer_subject = in.issuer_subject(),
          .issuer_public_key = in.issuer_public_key()};
}

void put(const model::ClusterSpec& in, disk::ClusterSpec* out) {
  codec::put(in.annotations, out->mutable_annotations());
  out->set_task_history_limit(in.task_history_limit);
  out->set_snapshot_interval(in.snapshot_interval);
  out->set_keep_old_snapshots(in.keep_old_snapshots);
  out->set_log_entries_for_slow_followers(in.log_entries_for_slow_followers);
  out->set_election_tick(in.election_tick);
  out->set_heartbeat_tick(in.heartbeat_tick);
  out->set_heartbeat_period_ns(in.heartbeat_period.count());
  out->set_node_cert_expiry_ns(in.node_cert_expiry.count());
  out->set_auto_lock_managers(in.auto_lock_managers);
  codec::put(in.default_log_driver, out->mutable_default_log_driver());
  out->set_ca_force_rotate(in.ca_force_rotate);
}

model::ClusterSpec get(const disk::ClusterSpec& in, Fault& fault) {
  model::ClusterSpec out;
  out.annotations = codec::get(in.annotations(), fault);
  out.task_history_limit = in.task_history_limit();
  out.snapshot_interval = in.snapshot_interval();
  out.keep_old_snapshots = in.keep_old_snapshots();
  out.log_entries_for_slow_followers = in.log_entries_for_slow_followers();
  out.election_tick = in.election_tick();
  out.heartbeat_tick = in.heartbeat_tick();
  out.heartbeat_period = Duration{in.heartbeat_period_ns()};
  out.node_cert_expiry = Duration{in.node_cert_expiry_ns()};
  out.auto_lock_managers = in.auto_lock_managers();
  out.default_log_driver = codec::get(in.default_log_driver(), fault);
  out.ca_force_rotate = in.ca_force_rotate();
  return out;
}

void put(const model::NodeDescription& in, disk::NodeDescription* out) {
  out->set_hostname(in.hostname);
  codec::put(in.platform, out->mutable_platform());
  codec::put(in.resources, out->mutable_resources());
  out->set_engine_version(in.engine_version);
  put_labels(in.engine_labels, out->mutable_engine_labels());
  for (const model::Plugin& plugin : in.plugins) {
    disk::Plugin* message = out->add_plugins();
    message->set_type(plugin.type);
    message->set_name(plugin.name);
  }
  put(in.tls, out->mutable_tls());
  out->set_shoal_version(in.shoal_version);
  out->set_data_path_address(in.data_path_address);
}

model::NodeDescription get(const disk::NodeDescription& in, Fault& fault) {
  model::NodeDescription out;
  out.hostname = in.hostname();
  out.platform = codec::get(in.platform(), fault);
  out.resources = codec::get(in.resources(), fault);
  out.engine_version = in.engine_version();
  out.engine_labels = labels_from(in.engine_labels());
  for (const auto& plugin : in.plugins()) out.plugins.push_back({plugin.type(), plugin.name()});
  out.tls = get(in.tls());
  out.shoal_version = in.shoal_version();
  out.data_path_address = in.data_path_address();
  return out;
}

void put(const model::UpdateStatus& in, disk::UpdateStatus* out) {
  out->set_state(uint32_t(in.state));
  out->set_started_at_ns(in.started_at.unix_ns);
  out->set_completed_at_ns(in.completed_at.unix_ns);
  out->set_message(in.message);
}

model::UpdateStatus get(const disk::UpdateStatus& in, Fault& fault) {
  return {
      .state = enum_from(in.state(), model::UpdateState::RollbackCompleted, "update state", fault),
      .started_at = Time{in.started_at_ns()},
      .completed_at = Time{in.completed_at_ns()},
      .message = in.message()};
}

void put(const model::Rebalance& in, disk::Rebalance* out) {
  out->set_state(uint32_t(in.state));
  out->set_started_at_ns(in.started_at.unix_ns);
  out->set_ended_at_ns(in.ended_at.unix_ns);
  out->set_message(in.message);
}

model::Rebalance get(const disk::Rebalance& in, Fault& fault) {
  return {.state = enum_from(in.state(), model::RebalanceState::Ended, "rebalance state", fault),
          .started_at = Time{in.started_at_ns()},
          .ended_at = Time{in.ended_at_ns()},
          .message = in.message()};
}

void put(const model::RootRotation& in, disk::RootRotation* out) {
  put(in.root, out->mutable_root());
  out->set_key(in.key);
  out->set_cross_signed(in.cross_signed);
  out->set_join_token_worker(in.join_token_worker);
  out->set_join_token_manager(in.join_token_manager);
}

model::RootRotation get(const disk::RootRotation& in) {
  model::RootRotation out;
  out.root = get(in.root());
  out.key = in.key();
  out.cross_signed = in.cross_signed();
  out.join_token_worker = in.join_token_worker();
  out.join_token_manager = in.join_token_manager();
  return out;
}

}  // namespace

std::string to_disk(const model::Cluster& cluster) {
  disk::Cluster out;
  out.set_id(cluster.id.str());
  put_meta(cluster.meta, out.mutable_meta());
  put(cluster.spec, out.mutable_spec());
  out.set_join_token_worker(cluster.join_token_worker);
  out.set_join_token_manager(cluster.join_token_manager);
  put(cluster.root_ca, out.mutable_root_ca());
  put_strings(cluster.default_address_pools, out.mutable_default_address_pools());
  out.set_subnet_mask_length(cluster.subnet_mask_length);
  out.set_data_path_port(cluster.data_path_port);
  out.set_had_ingress_network(cluster.had_ingress_network);
  out.set_root_ca_key(cluster.root_ca_key);
  if (cluster.rotation) put(*cluster.rotation, out.mutable_rotation());
  return framed(out);
}

Result<model::Cluster> cluster_from_disk(std::string_view bytes) {
  return read_record<disk::Cluster>(bytes, [](const disk::Cluster& in, Fault& fault) {
    model::Cluster out;
    out.id = id_from<model::ClusterId>(in.id(), true, fault);
    out.meta = meta_from(in.meta());
    out.spec = get(in.spec(), fault);
    out.join_token_worker = in.join_token_worker();
    out.join_token_manager = in.join_token_manager();
    out.root_ca = get(in.root_ca());
    out.default_address_pools = strings_from(in.default_address_pools());
    out.subnet_mask_length = in.subnet_mask_length();
    out.data_path_port = in.data_path_port();
    out.had_ingress_network = in.had_ingress_network();
    out.root_ca_key = in.root_ca_key();
    if (in.has_rotation()) out.rotation = get(in.rotation());
    return out;
  });
}

std::string to_disk(const model::Node& node) {
  disk::Node out;
  out.set_id(node.id.str());
  put_meta(node.meta, out.mutable_meta());
  codec::put(node.spec.annotations, out.mutable_spec()->mutable_annotations());
  out.mutable_spec()->set_role(uint32_t(node.spec.role));
  out.mutable_spec()->set_availability(uint32_t(node.spec.availability));
  out.set_role(uint32_t(node.role));
  put(node.description, out.mutable_description());
  out.mutable_status()->set_state(uint32_t(node.status.state));
  out.mutable_status()->set_message(node.status.message);
  out.mutable_status()->set_address(node.status.address);
  out.set_manager_address(node.manager_address);
  put_each(node.attachments, out.mutable_attachments());
  return framed(out);
}

Result<model::Node> node_from_disk(std::string_view bytes) {
  return read_record<disk::Node>(bytes, [](const disk::Node& in, Fault& fault) {
    constexpr auto kLastRole = model::NodeRole::Manager;
    model::Node out;
    out.id = id_from<model::NodeId>(in.id(), true, fault);
    out.meta = meta_from(in.meta());
    out.spec.annotations = codec::get(in.spec().annotations(), fault);
    out.spec.role = enum_from(in.spec().role(), kLastRole, "node role", fault);
    out.spec.availability =
        enum_from(in.spec().availability(), model::Availability::Drain, "availability", fault);
    out.role = enum_from(in.role(), kLastRole, "node role", fault);
    out.description = get(in.description(), fault);
    out.status.state =
        enum_from(in.status().state(), model::NodeState::Disconnected, "node state", fault);
    out.status.message = in.status().message();
    out.status.address = in.status().address();
    out.manager_address = in.manager_address();
    out.attachments = get_each<model::NetworkAttachment>(in.attachments(), fault);
    return out;
  });
}

std::string to_disk(const model::Service& service) {
  disk::Service out;
  out.set_id(service.id.str());
  put_meta(service.meta, out.mutable_meta());
  codec::put(service.spec, out.mutable_spec());
  if (service.previous_spec) codec::put(*service.previous_spec, out.mutable_previous_spec());
  out.set_spec_version(service.spec_version);
  out.set_previous_spec_version(service.previous_spec_version);
  if (service.endpoint) codec::put(*service.endpoint, out.mutable_endpoint());
  if (service.update_status) put(*service.update_status, out.mutable_update_status());
  if (service.job_status) {
    out.mutable_job_status()->set_iteration(service.job_status->iteration);
    out.mutable_job_status()->set_last_execution_ns(service.job_status->last_execution.unix_ns);
  }
  if (service.rebalance) put(*service.rebalance, out.mutable_rebalance());
  out.set_pending_delete(service.pending_delete);
  return framed(out);
}

Result<model::Service> service_from_disk(std::string_view bytes) {
  return read_record<disk::Service>(bytes, [](const disk::Service& in, Fault& fault) {
    model::Service out;
    out.id = id_from<model::ServiceId>(in.id(), true, fault);
    out.meta = meta_from(in.meta());
    out.spec = codec::get(in.spec(), fault);
    if (in.has_previous_spec()) out.previous_spec = codec::get(in.previous_spec(), fault);
    out.spec_version = in.spec_version();
    out.previous_spec_version = in.previous_spec_version();
    if (in.has_endpoint()) {
      out.endpoint = std::make_shared<const model::Endpoint>(codec::get(in.endpoint(), fault));
    }
    if (in.has_update_status()) out.update_status = get(in.update_status(), fault);
    if (in.has_job_status()) {
      out.job_status = model::JobStatus{.iteration = in.job_status().iteration(),
                                        .last_execution = {in.job_status().last_execution_ns()}};
    }
    if (in.has_rebalance()) out.rebalance = get(in.rebalance(), fault);
    out.pending_delete = in.pending_delete();
    return out;
  });
}

}  // namespace shoal::codec
