// For the tests of every codec: objects in which each field differs from its default.
//
// The structured bindings name every member on purpose: a field added to a struct breaks the line
// of that struct here. Add it to the line, give it a value, and the round-trip tests fail until
// each codec knows it.
#pragma once

#include <memory>

#include "model/attach_protocol.h"
#include "model/cluster.h"
#include "model/join_protocol.h"
#include "model/log_protocol.h"
#include "model/network.h"
#include "model/node.h"
#include "model/node_protocol.h"
#include "model/reach_protocol.h"
#include "model/service.h"
#include "model/task.h"

namespace shoal::model {

inline Meta full_meta() {
  Meta meta;
  auto& [version, created_at, updated_at] = meta;
  version = 77;
  created_at = Time{1'700'000'000'123'456'789};
  updated_at = Time{1'700'000'001'000'000'001};
  return meta;
}

inline Annotations full_annotations(std::string text) {
  Annotations annotations;
  auto& [name, labels] = annotations;
  name = std::move(text);
  labels = {{"com.example.team", "a"}, {"zone", ""}};
  return annotations;
}

inline Driver full_driver(std::string text) {
  Driver driver;
  auto& [name, options] = driver;
  name = std::move(text);
  options = {{"max-size", "10m"}, {"tag", "x"}};
  return driver;
}

inline Platform full_platform() {
  Platform platform;
  auto& [architecture, os] = platform;
  architecture = "amd64";
  os = "linux";
  return platform;
}

inline Resources full_resources(int64_t seed) {
  Resources resources;
  auto& [nano_cpus, memory_bytes, pids, generic] = resources;
  nano_cpus = 1'500'000'000 + seed;
  memory_bytes = (int64_t(1) << 40) + seed;
  pids = 100 + seed;
  generic = {{.kind = "gpu", .value = int64_t(2)}, {.kind = "gpu", .value = std::string("U-1")}};
  return resources;
}

inline Mount full_mount() {
  Mount mount;
  auto& [type, source, target, read_only, consistency, propagation, bind_non_recursive,
         bind_create_mountpoint, bind_read_only_non_recursive, bind_read_only_force_recursive,
         volume_no_copy, volume_labels, volume_driver, volume_subpath, tmpfs_size_bytes, tmpfs_mode,
         tmpfs_options] = mount;
  type = MountType::Tmpfs;
  source = "data";
  target = "/data";
  read_only = true;
  consistency = "cached";
  propagation = "rslave";
  bind_non_recursive = true;
  bind_create_mountpoint = true;
  bind_read_only_non_recursive = true;
  bind_read_only_force_recursive = true;
  volume_no_copy = true;
  volume_labels = {{"a", "b"}};
  volume_driver = full_driver("local");
  volume_subpath = "sub/path";
  tmpfs_size_bytes = 1 << 20;
  tmpfs_mode = 0750;
  tmpfs_options = {{"uid", "5"}, {"noexec"}};
  return mount;
}

inline HealthConfig full_health_config() {
  HealthConfig health;
  auto& [test, interval, timeout, start_period, start_interval, retries] = health;
  test = {"CMD", "true"};
  interval = 1s;
  timeout = 2s;
  start_period = 3s;
  start_interval = 4s;
  retries = 5;
  return health;
}

inline FileReference full_file_reference(std::string kind) {
  FileReference file;
  auto& [object_id, object_name, runtime, target, uid, gid, mode] = file;
  object_id = kind + "1";
  object_name = kind + " name";
  runtime = true;
  target = "/run/" + kind;
  uid = "";
  gid = "12";
  mode = 0400;
  return file;
}

inline DnsConfig full_dns_config() {
  DnsConfig dns;
  auto& [nameservers, search, options] = dns;
  nameservers = {"10.0.0.53"};
  search = {"example.com"};
  options = {"ndots:2"};
  return dns;
}

inline Privileges full_privileges() {
  Privileges privileges;
  auto& [no_new_privileges, seccomp_mode, seccomp_profile, apparmor_mode, credential_spec_json,
         selinux_json] = privileges;
  no_new_privileges = true;
  seccomp_mode = "custom";
  seccomp_profile = "{}";
  apparmor_mode = "disabled";
  credential_spec_json = R"({"Config":"c"})";
  selinux_json = R"({"Disable":true})";
  return privileges;
}

inline ContainerSpec full_container_spec() {
  ContainerSpec spec;
  auto& [image, labels, command, args, hostname, env, dir, user, groups, privileges, tty,
         open_stdin, read_only, mounts, stop_signal, stop_grace_period, healthcheck, hosts, dns,
         secrets, configs, isolation, init, sysctls, cap_add, cap_drop, ulimits, oom_score_adj,
         registry_auth] = spec;
  image = "registry.example/web:2";
  labels = {{"l", "v"}};
  command = {"/entry", ""};
  args = {"-a", "b c"};
  hostname = "{{.Task.Name}}";
  env = {"A=1", "PATH"};
  dir = "/srv";
  user = "1000:1000";
  groups = {"audio"};
  privileges = full_privileges();
  tty = true;
  open_stdin = true;
  read_only = true;
  mounts = {full_mount(), Mount{.type = MountType::Bind, .source = "/a", .target = "/b"}};
  stop_signal = "SIGQUIT";
  stop_grace_period = 0s;
  healthcheck = full_health_config();
  hosts = {"10.0.0.1 db"};
  dns = full_dns_config();
  secrets = {full_file_reference("secret")};
  configs = {full_file_reference("config")};
  isolation = "default";
  init = false;
  sysctls = {{"net.core.somaxconn", "1024"}};
  cap_add = {"CAP_NET_ADMIN"};
  cap_drop = {"ALL"};
  ulimits = {{.name = "nofile", .soft = -1, .hard = 2048}};
  oom_score_adj = -500;
  registry_auth = "e30=";
  return spec;
}

inline NetworkAttachmentConfig full_network_attachment_config() {
  NetworkAttachmentConfig network;
  auto& [target, aliases, driver_options, addresses] = network;
  target = "front";
  aliases = {"www"};
  driver_options = {{"mtu", "1400"}};
  addresses = {"10.0.1.9"};
  return network;
}

inline AttachRequest full_attach_request() {
  AttachRequest request;
  auto& [network, container_id] = request;
  network = full_network_attachment_config();
  container_id = "c0ffee";
  return request;
}

inline RestartPolicy full_restart_policy() {
  RestartPolicy restart;
  auto& [condition, delay, max_attempts, window] = restart;
  condition = RestartCondition::OnFailure;
  delay = 0s;
  max_attempts = 3;
  window = 1min;
  return restart;
}

inline Placement full_placement() {
  Placement placement;
  auto& [constraints, spread, max_replicas, platforms] = placement;
  constraints = {"node.role==worker"};
  spread = {"node.labels.zone"};
  max_replicas = 2;
  platforms = {full_platform()};
  return placement;
}

inline TaskSpec full_task_spec() {
  TaskSpec spec;
  auto& [container, resources, restart, placement, log_driver, networks, force_update, runtime,
         attachment] = spec;
  container = full_container_spec();
  resources = ResourceRequirements{full_resources(1), full_resources(2)};
  restart = full_restart_policy();
  placement = full_placement();
  log_driver = full_driver("json-file");
  networks = {full_network_attachment_config()};
  force_update = 4;
  runtime = "container";
  attachment = NetworkAttachmentSpec{.container_id = "c0ffee"};
  return spec;
}

inline UpdateConfig full_update_config(uint64_t seed) {
  UpdateConfig config;
  auto& [parallelism, delay, failure_action, monitor, max_failure_ratio, order] = config;
  parallelism = seed;
  delay = 7s;
  failure_action = UpdateFailureAction::Rollback;
  monitor = 8s;
  max_failure_ratio = 0.25f;
  order = UpdateOrder::StartFirst;
  return config;
}

inline PortConfig full_port() {
  PortConfig port;
  auto& [name, protocol, target_port, published_port, mode] = port;
  name = "http";
  protocol = PortProtocol::Sctp;
  target_port = 80;
  published_port = 8081;
  mode = PublishMode::Host;
  return port;
}

inline Endpoint full_endpoint() {
  Endpoint endpoint;
  auto& [spec, ports, virtual_ips] = endpoint;
  spec = {.mode = ResolutionMode::Dnsrr, .ports = {full_port()}};
  ports = {full_port(), PortConfig{.target_port = 53}};
  virtual_ips = {{.network = NetworkId::of("net1"), .address = "10.0.1.2/24"}};
  return endpoint;
}

inline ServiceSpec full_service_spec(std::string name) {
  ServiceSpec spec;
  auto& [annotations, task, mode, update, rollback, networks, endpoint] = spec;
  annotations = full_annotations(std::move(name));
  task = std::make_shared<const TaskSpec>(full_task_spec());
  mode = ReplicatedJobMode{.max_concurrent = 2, .total_completions = 9};
  update = full_update_config(2);
  rollback = full_update_config(0);
  networks = {full_network_attachment_config()};
  endpoint = full_endpoint().spec;
  return spec;
}

inline Service full_service() {
  Service service;
  auto& [id, meta, spec, previous_spec, spec_version, previous_spec_version, endpoint,
         update_status, job_status, rebalance, pending_delete] = service;
  id = ServiceId::of("service1");
  meta = full_meta();
  spec = full_service_spec("web");
  previous_spec = full_service_spec("old");
  spec_version = 70;
  previous_spec_version = 60;
  endpoint = std::make_shared<const Endpoint>(full_endpoint());
  update_status = UpdateStatus{.state = UpdateState::RollbackCompleted,
                               .started_at = Time{5},
                               .completed_at = Time{6},
                               .message = "done"};
  job_status = JobStatus{.iteration = 3, .last_execution = Time{4}};
  rebalance = Rebalance{.state = RebalanceState::Ended,
                        .started_at = Time{7},
                        .ended_at = Time{8},
                        .message = "web.1 failed"};
  pending_delete = true;
  return service;
}

inline TaskStatus full_task_status() {
  TaskStatus status;
  auto& [timestamp, state, message, error, container, host_ports] = status;
  timestamp = Time{99};
  state = TaskState::Failed;
  message = "started";
  error = "task: non-zero exit (1)";
  container = ContainerStatus{.container_id = "abc", .pid = 4242, .exit_code = -1};
  host_ports = {full_port()};
  return status;
}

// Of full_service()'s present spec.
inline Task full_task() {
  Task task;
  auto& [id, meta, service_id, slot, node_id, spec, service_annotations, spec_version, status,
         desired_state, endpoint, networks, assigned_generic, job_iteration] = task;
  id = TaskId::of("task1");
  meta = full_meta();
  service_id = ServiceId::of("service1");
  slot = 12;
  node_id = NodeId::of("node1");
  spec = std::make_shared<const TaskSpec>(full_task_spec());
  service_annotations = std::make_shared<const Annotations>(full_annotations("web"));
  spec_version = 70;
  status = full_task_status();
  desired_state = TaskState::Remove;
  endpoint = std::make_shared<const Endpoint>(full_endpoint());
  networks = {{.network = NetworkId::of("net1"), .addresses = {"10.0.1.9/24"}, .aliases = {"w"}}};
  assigned_generic = full_resources(0).generic;
  job_iteration = 0;
  return task;
}

inline TlsInfo full_tls_info() {
  TlsInfo tls;
  auto& [trust_root, issuer_subject, issuer_public_key] = tls;
  trust_root = "-----BEGIN CERTIFICATE-----";
  issuer_subject = std::string("0\x13\x00\xff", 4);
  issuer_public_key = "0Y";
  return tls;
}

inline Node full_node() {
  Node node;
  auto& [id, meta, spec, role, description, status, manager_address, attachments] = node;
  id = NodeId::of("node1");
  meta = full_meta();
  auto& [annotations, spec_role, availability] = spec;
  annotations = full_annotations("first");
  spec_role = NodeRole::Manager;
  availability = Availability::Drain;
  role = NodeRole::Manager;
  auto& [hostname, platform, resources, engine_version, engine_labels, plugins, tls, shoal_version,
         data_path_address] = description;
  hostname = "host1";
  platform = full_platform();
  resources = full_resources(3);
  engine_version = "1.2.3";
  engine_labels = {{"disk", "ssd"}};
  plugins = {{.type = "Network", .name = "overlay"}, {.type = "Log", .name = "json-file"}};
  tls = full_tls_info();
  shoal_version = 9;
  data_path_address = "192.168.7.1";
  auto& [state, message, address] = status;
  state = NodeState::Disconnected;
  message = "heartbeat failure";
  address = "10.0.0.7";
  manager_address = "10.0.0.7:2377";
  attachments = {{.network = NetworkId::of("net1"), .addresses = {"10.0.0.2/24"}, .aliases = {}}};
  return node;
}

inline ClusterSpec full_cluster_spec() {
  ClusterSpec spec;
  auto& [annotations, task_history_limit, snapshot_interval, keep_old_snapshots,
         log_entries_for_slow_followers, election_tick, heartbeat_tick, heartbeat_period,
         node_cert_expiry, auto_lock_managers, default_log_driver, ca_force_rotate] = spec;
  annotations = full_annotations("default");
  task_history_limit = -1;
  snapshot_interval = 1;
  keep_old_snapshots = 2;
  log_entries_for_slow_followers = 3;
  election_tick = 4;
  heartbeat_tick = 5;
  heartbeat_period = 6s;
  node_cert_expiry = 7h;
  auto_lock_managers = true;
  default_log_driver = full_driver("journald");
  ca_force_rotate = 8;
  return spec;
}

inline Cluster full_cluster() {
  Cluster cluster;
  auto& [id, meta, spec, join_token_worker, join_token_manager, root_ca, root_ca_key, rotation,
         default_address_pools, subnet_mask_length, data_path_port, had_ingress_network] = cluster;
  id = ClusterId::of("cluster1");
  meta = full_meta();
  spec = full_cluster_spec();
  join_token_worker = "SWMTKN-1-w";
  join_token_manager = "SWMTKN-1-m";
  root_ca = full_tls_info();
  root_ca_key = "-----BEGIN PRIVATE KEY-----\n";
  rotation = RootRotation{full_tls_info(), "new key", "cross", "SWMTKN-1-x", "SWMTKN-1-y"};
  default_address_pools = {"172.20.0.0/16", "fd00::/48"};
  subnet_mask_length = 26;
  data_path_port = 7789;
  had_ingress_network = true;
  return cluster;
}

inline Network full_network() {
  Network network;
  auto& [id, meta, spec, allocation, error] = network;
  id = NetworkId::of("net1");
  meta = full_meta();
  auto& [annotations, driver, ipv6, internal, attachable, ingress, ipam_driver, ipam] = spec;
  annotations = full_annotations("front");
  driver = full_driver("overlay");
  ipv6 = true;
  internal = true;
  attachable = true;
  ingress = true;
  ipam_driver = full_driver("default");
  ipam = {{.subnet = "10.9.0.0/24",
           .range = "10.9.0.128/25",
           .gateway = "10.9.0.1",
           .auxiliary = {{"router", "10.9.0.3"}}}};
  allocation = NetworkAllocation{.ipam = ipam, .vni = 4097};
  error = "no subnet is free";
  return network;
}

// One change of every kind.
// Without the parts that never leave the manager or are objects of their own.
inline SessionRequest full_session_request() {
  SessionRequest request;
  auto& [description, previous, address] = request;
  description = full_node().description;
  previous = SessionId::of("session1");
  address = "";  // the listener knows it
  return request;
}

inline SessionMessage full_session_message() {
  SessionMessage message;
  auto& [session, node, managers, network_keys, root_ca, renew_certificate] = message;
  session = SessionId::of("session2");
  node = std::make_shared<const Node>(full_node());
  managers = {{.node = NodeId::of("node1"), .address = "10.0.0.7:2377", .weight = -512}};
  network_keys = {{.subsystem = "networking:gossip", .key = "0123456789abcdef", .lamport_time = 5}};
  root_ca = "-----BEGIN CERTIFICATE-----";
  renew_certificate = true;
  return message;
}

inline StatusReport full_status_report() {
  StatusReport report;
  auto& [session, updates] = report;
  session = SessionId::of("session1");
  updates = {{.task = TaskId::of("task1"), .status = full_task_status()},
             {.task = TaskId::of("task2"), .status = {}}};
  return report;
}

inline IssueRequest full_issue_request() {
  IssueRequest request;
  auto& [csr, token, availability] = request;
  csr = "-----BEGIN CERTIFICATE REQUEST-----";
  token = "SWMTKN-1-a-b";
  availability = Availability::Drain;
  return request;
}

inline IssuedCertificate full_issued_certificate() {
  IssuedCertificate issued;
  auto& [state, error, role, csr, certificates, node] = issued;
  state = IssuanceState::Issued;
  error = "none";
  role = NodeRole::Manager;
  csr = "-----BEGIN CERTIFICATE REQUEST-----";
  certificates = "-----BEGIN CERTIFICATE-----";
  node = NodeId::of("node1");
  return issued;
}

inline LogSubscription full_log_subscription() {
  LogSubscription subscription;
  auto& [id, selector, options, close] = subscription;
  id = LogSubscriptionId::of("sub1");
  auto& [services, nodes, tasks] = selector;
  services = {ServiceId::of("service1"), ServiceId::of("service2")};
  nodes = {NodeId::of("node1")};
  tasks = {TaskId::of("task1")};
  auto& [stdout_wanted, stderr_wanted, follow, tail, since] = options;
  stdout_wanted = false;
  stderr_wanted = true;
  follow = true;
  tail = 10;
  since = Time{1'700'000'000'000'000'001};
  close = true;
  return subscription;
}

inline LogPublication full_log_publication() {
  LogPublication publication;
  auto& [subscription, messages, close] = publication;
  subscription = LogSubscriptionId::of("sub1");
  LogMessage message;
  auto& [service, node, task, time, stream, data, attributes] = message;
  service = ServiceId::of("service1");
  node = NodeId::of("node1");
  task = TaskId::of("task1");
  time = Time{1'700'000'000'000'000'001};
  stream = LogStream::Stderr;
  data = std::string("a\0\xff\n", 4);
  attributes = {{"tag", "x"}};
  messages = {message, LogMessage{}};
  close = true;
  return publication;
}

inline ReachInput full_reach_input() {
  ReachInput input;
  auto& [request, bytes, end] = input;
  auto& [method, path, query, api_minor, content_type, body] = request.emplace();
  method = "POST";
  path = "/containers/c1/exec";
  query = {{"tail", "5"}, {"tail", ""}, {"", "x"}};
  api_minor = 41;
  content_type = "application/json";
  body = std::string("{\0}", 3);
  bytes = std::string("a\0\xff", 3);
  end = true;
  return input;
}

inline ReachOutput full_reach_output() {
  ReachOutput output;
  auto& [id, head, bytes, end] = output;
  id = ReachId::of("reach1");
  auto& [form, status, content_type] = head.emplace();
  form = ReachForm::Raw;
  status = 404;
  content_type = "application/json";
  bytes = std::string("a\0\xff", 3);
  end = true;
  return output;
}

}  // namespace shoal::model
