// The status of a task, and the numbers of its states.
#include "codec/wire/parts.h"

namespace shoal::wire {
namespace {

// The most that is kept of a message or an error: a node must not be able to fill the manager's
// store with them, and a report that is refused would only be sent again.
constexpr size_t kTextBytesMax = 64 << 10;

std::string cut(const std::string& text) {
  return text.substr(0, kTextBytesMax);
}

}  // namespace

model::TaskState state_from(uint32_t number, const char* what, Fault& fault) {
  const auto state = model::task_state_of(number);
  if (!state) fault.note("{}: unknown task state {}", what, number);
  return state.value_or(model::TaskState::New);
}

void put(const model::TaskStatus& in, pb::TaskStatus* out) {
  if (in.timestamp.is_set()) put(in.timestamp, out->mutable_timestamp());
  out->set_state(uint32_t(in.state));
  out->set_message(in.message);
  out->set_error(in.error);
  if (in.container) {
    out->mutable_container()->set_container_id(in.container->container_id);
    out->mutable_container()->set_pid(in.container->pid);
    out->mutable_container()->set_exit_code(in.container->exit_code);
  }
  if (!in.host_ports.empty()) put_all(in.host_ports, out->mutable_ports()->mutable_ports());
}

model::TaskStatus get(const pb::TaskStatus& in, Fault& fault) {
  model::TaskStatus out;
  out.timestamp = get(in.timestamp(), "status.timestamp", fault);
  out.state = state_from(in.state(), "status.state", fault);
  out.message = cut(in.message());
  out.error = cut(in.error());
  if (in.has_container()) {
    out.container = model::ContainerStatus{.container_id = in.container().container_id(),
                                           .pid = in.container().pid(),
                                           .exit_code = in.container().exit_code()};
  }
  out.host_ports = all_from<model::PortConfig>(in.ports().ports(), "status.port_status", fault);
  return out;
}

}  // namespace shoal::wire
