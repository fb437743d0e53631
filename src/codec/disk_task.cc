// Tasks and the specs that they share.
#include "codec/disk.h"
#include "codec/disk_record.h"

namespace shoal::codec {
namespace {

using model::TaskState;

template <class T>
bool same_value(const model::Ref<T>& a, const model::Ref<T>& b) {
  return a == b || (a && b && *a == *b);
}

// Where a part of a task is stored; `own` gives the place in the task, if there.
template <class T, class Own>
disk::Task::Source put_part(const model::Ref<T>& part, const model::Ref<T>& shared, Own own) {
  if (!part) return disk::Task::NONE;
  if (same_value(part, shared)) return disk::Task::SHARED;
  put(*part, own());
  return disk::Task::OWN;
}

TaskState state_from(uint32_t number, Fault& fault) {
  const auto state = model::task_state_of(number);
  if (!state) fault.note("unknown task state {}", number);
  return state.value_or(TaskState::New);
}

void put_status(const model::TaskStatus& in, disk::TaskStatus* out) {
  out->set_timestamp_ns(in.timestamp.unix_ns);
  out->set_state(uint32_t(in.state));
  out->set_message(in.message);
  out->set_error(in.error);
  if (in.container) {
    out->mutable_container()->set_container_id(in.container->container_id);
    out->mutable_container()->set_pid(in.container->pid);
    out->mutable_container()->set_exit_code(in.container->exit_code);
  }
  put_each(in.host_ports, out->mutable_host_ports());
}

model::TaskStatus status_from(const disk::TaskStatus& in, Fault& fault) {
  model::TaskStatus out;
  out.timestamp = Time{in.timestamp_ns()};
  out.state = state_from(in.state(), fault);
  out.message = in.message();
  out.error = in.error();
  if (in.has_container()) {
    out.container = model::ContainerStatus{.container_id = in.container().container_id(),
                                           .pid = in.container().pid(),
                                           .exit_code = in.container().exit_code()};
  }
  out.host_ports = get_each<model::PortConfig>(in.host_ports(), fault);
  return out;
}

// `shared` is null when no such record was read.
template <class T, class Message>
model::Ref<T> part_from(disk::Task::Source source, const model::Ref<T>& shared, const Message& own,
                        const char* what, Fault& fault) {
  if (source == disk::Task::NONE) return nullptr;
  if (source == disk::Task::OWN) return std::make_shared<const T>(get(own, fault));
  if (source != disk::Task::SHARED) fault.note("unknown source of the {}", what);
  if (!shared) fault.note("its {} is missing", what);
  return shared;
}

}  // namespace

SharedSpec SharedSpec::of(const model::Task& task) {
  return {.service_id = task.service_id,
          .spec_version = task.spec_version,
          .spec = task.spec,
          .service_annotations = task.service_annotations};
}

std::string to_disk(const SharedSpec& shared) {
  disk::SharedSpec out;
  out.set_service_id(shared.service_id.str());
  out.set_spec_version(shared.spec_version);
  if (shared.spec) put(*shared.spec, out.mutable_spec());
  if (shared.service_annotations) {
    put(*shared.service_annotations, out.mutable_service_annotations());
  }
  return framed(out);
}

Result<SharedSpec> shared_spec_from_disk(std::string_view bytes) {
  return read_record<disk::SharedSpec>(bytes, [](const disk::SharedSpec& in, Fault& fault) {
    SharedSpec out;
    out.service_id = id_from<model::ServiceId>(in.service_id(), false, fault);
    out.spec_version = in.spec_version();
    if (in.has_spec()) out.spec = std::make_shared<const model::TaskSpec>(get(in.spec(), fault));
    if (in.has_service_annotations()) {
      out.service_annotations =
          std::make_shared<const model::Annotations>(get(in.service_annotations(), fault));
    }
    return out;
  });
}

std::string to_disk(const model::Task& task, const SharedSpec& shared) {
  disk::Task out;
  out.set_id(task.id.str());
  put_meta(task.meta, out.mutable_meta());
  out.set_service_id(task.service_id.str());
  out.set_slot(task.slot);
  out.set_node_id(task.node_id.str());
  out.set_spec_version(task.spec_version);
  put_status(task.status, out.mutable_status());
  out.set_desired_state(uint32_t(task.desired_state));
  out.set_has_endpoint(task.endpoint != nullptr);
  if (task.endpoint) {
    disk::Endpoint endpoint;
    put(*task.endpoint, &endpoint);
    endpoint.SerializeToString(out.mutable_endpoint());
  }
  put_each(task.networks, out.mutable_networks());
  put_each(task.assigned_generic, out.mutable_assigned_generic());
  if (task.job_iteration) out.set_job_iteration(*task.job_iteration);
  const auto own_spec = [&] { return out.mutable_own_spec(); };
  const auto own_annotations = [&] { return out.mutable_own_annotations(); };
  out.set_spec_source(put_part(task.spec, shared.spec, own_spec));
  out.set_annotations_source(
      put_part(task.service_annotations, shared.service_annotations, own_annotations));
  return framed(out);
}

void TaskReader::add(SharedSpec shared, const model::Service* service) {
  if (service && same_value(shared.spec, service->spec.task)) shared.spec = service->spec.task;
  const std::pair key(shared.service_id, shared.spec_version);
  shared_.insert_or_assign(key, std::move(shared));
}

Result<model::Task> TaskReader::read(std::string_view bytes) {
  return read_record<disk::Task>(bytes, [this](const disk::Task& in, Fault& fault) {
    model::Task out;
    out.id = id_from<model::TaskId>(in.id(), true, fault);
    out.meta = meta_from(in.meta());
    out.service_id = id_from<model::ServiceId>(in.service_id(), false, fault);
    out.slot = in.slot();
    out.node_id = id_from<model::NodeId>(in.node_id(), false, fault);
    out.spec_version = in.spec_version();
    out.status = status_from(in.status(), fault);
    out.desired_state = state_from(in.desired_state(), fault);
    if (in.has_endpoint()) out.endpoint = endpoint(in.endpoint(), fault);
    out.networks = get_each<model::NetworkAttachment>(in.networks(), fault);
    out.assigned_generic = get_each<model::GenericResource>(in.assigned_generic(), fault);
    if (in.has_job_iteration()) out.job_iteration = in.job_iteration();

    const auto found = shared_.find({out.service_id, out.spec_version});
    const SharedSpec shared = found == shared_.end() ? SharedSpec() : found->second;
    out.spec = part_from(in.spec_source(), shared.spec, in.own_spec(), "spec", fault);
    out.service_annotations = part_from(in.annotations_source(), shared.service_annotations,
                                        in.own_annotations(), "service annotations", fault);
    return out;
  });
}

model::Ref<model::Endpoint> TaskReader::endpoint(const std::string& bytes, Fault& fault) {
  auto& place = endpoints_[bytes];
  if (place) return place;
  disk::Endpoint message;
  if (!message.ParseFromString(bytes)) fault.note("its endpoint is damaged");
  place = std::make_shared<const model::Endpoint>(get(message, fault));
  return place;
}

}  // namespace shoal::codec
