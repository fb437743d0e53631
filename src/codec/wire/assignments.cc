// AssignmentsMessage, field by field: tasks are written with their shared parts spliced in, and
// read one after the other from where they lie.
#include <map>

#include "codec/wire/dispatcher.h"
#include "codec/wire/field_walk.h"
#include "codec/wire/parts.h"

namespace shoal::wire {
namespace {

using model::AssignmentAction;
using model::AssignmentChange;
using model::AssignmentsMessage;
using model::AssignmentsType;

// Numbers of the fields of AssignmentsMessage, its AssignmentChange and that one's Assignment.
enum MessageField : uint32_t { kType = 1, kAppliesTo = 2, kResultsIn = 3, kChanges = 4 };
enum ChangeField : uint32_t { kAssignment = 1, kAction = 2 };
enum AssignmentField : uint32_t { kTask = 1 };

// --- writing ---

// A task but for the parts it shares. The network is described as far as Docker Engines look into
// it without asking.
void put_own(const model::Task& in, pb::Task& out) {
  out.Clear();
  out.set_id(in.id.str());
  put(in.meta, out.mutable_meta());
  out.set_service_id(in.service_id.str());
  out.set_slot(in.slot);
  out.set_node_id(in.node_id.str());
  put(in.status, out.mutable_status());
  out.set_desired_state(uint32_t(in.desired_state));
  put_all(in.networks, out.mutable_networks());
  out.mutable_spec_version()->set_index(in.spec_version);
  put_all(in.assigned_generic, out.mutable_assigned_generic());
  if (in.job_iteration) out.mutable_job_iteration()->set_index(*in.job_iteration);
}

class Writer {
 public:
  void write(const AssignmentChange& change, std::string& out) {
    if (change.action == AssignmentAction::Remove || !change.task) {
      task_.Clear();
      task_.set_id(change.task_id.str());
      append(change.action, {}, out);
    } else {
      put_own(*change.task, task_);
      append(change.action, shared_part(*change.task), out);
    }
  }

 private:
  using Shared = std::tuple<const void*, const void*, const void*>;

  // Three messages one in the other; the innermost is task_ and then `shared`.
  void append(AssignmentAction action, std::string_view shared, std::string& out) {
    const size_t own_size = task_.ByteSizeLong();
    const size_t task_size = own_size + shared.size();
    const size_t assignment_size = bytes_field_size(kTask, task_size);
    const bool says_action = action != AssignmentAction::Update;
    append_bytes_head(out, kChanges,
                      bytes_field_size(kAssignment, assignment_size) + (says_action ? 2 : 0));
    append_bytes_head(out, kAssignment, assignment_size);
    append_bytes_head(out, kTask, task_size);
    const size_t at = out.size();
    out.resize(at + own_size);
    task_.SerializeWithCachedSizesToArray(reinterpret_cast<uint8_t*>(out.data() + at));
    out.append(shared);
    if (says_action) append_varint_field(out, kAction, uint64_t(action));
  }

  // The fields of the task that others share, ready to be spliced in.
  const std::string& shared_part(const model::Task& task) {
    const Shared key(task.spec.get(), task.service_annotations.get(), task.endpoint.get());
    const auto [place, is_new] = shared_.try_emplace(key);
    if (!is_new) return place->second;
    pb::Task fields;
    if (task.spec) {
      pb::TaskSpec spec;
      put(*task.spec, &spec);
      fields.set_spec(bytes_of(spec));
      if (spec.has_log_driver()) fields.set_log_driver(bytes_of(spec.log_driver()));
    }
    if (task.service_annotations) {
      pb::Annotations annotations;
      put(*task.service_annotations, &annotations);
      fields.set_service_annotations(bytes_of(annotations));
    }
    if (task.endpoint) {
      pb::Endpoint endpoint;
      put(*task.endpoint, &endpoint);
      fields.set_endpoint(bytes_of(endpoint));
    }
    return place->second = bytes_of(fields);
  }

  pb::Task task_;                         // one object for all tasks: it keeps its memory
  std::map<Shared, std::string> shared_;  // only looked up: no order of addresses gets out
};

// --- reading ---

template <class Message>
auto parsed(std::string_view bytes, const char* what, Fault& fault) {
  Message message;
  if (!parse(bytes, message)) fault.note("{}: not such a message", what);
  Fault inner;
  auto value = get(message, inner);
  if (!inner.reason.empty()) fault.note("{}: {}", what, inner.reason);
  return value;
}

// Makes objects of the shared parts, each once.
class SharedReader {
 public:
  model::Ref<model::TaskSpec> spec(const pb::Task& task, Fault& fault) {
    const std::pair key(std::string_view(task.spec()), std::string_view(task.log_driver()));
    const auto found = specs_.find(key);
    if (found != specs_.end()) return found->second;
    auto spec =
        std::make_shared<model::TaskSpec>(parsed<pb::TaskSpec>(task.spec(), "task.spec", fault));
    // Docker's managers say there which log driver applies when the spec names none.
    if (!spec->log_driver && task.has_log_driver()) {
      spec->log_driver = parsed<pb::Driver>(task.log_driver(), "task.log_driver", fault);
    }
    return specs_.emplace(key, std::move(spec)).first->second;
  }
  model::Ref<model::Annotations> annotations(const std::string& bytes, Fault& fault) {
    return one<pb::Annotations>(annotations_, bytes, "task.service_annotations", fault);
  }
  model::Ref<model::Endpoint> endpoint(const std::string& bytes, Fault& fault) {
    return one<pb::Endpoint>(endpoints_, bytes, "task.endpoint", fault);
  }

 private:
  using TwoTexts = std::pair<std::string, std::string>;
  struct Less {
    using is_transparent = void;
    bool operator()(const auto& a, const auto& b) const {
      const int first = std::string_view(a.first).compare(b.first);
      return first != 0 ? first < 0 : std::string_view(a.second) < std::string_view(b.second);
    }
  };
  template <class T>
  using ByBytes = std::map<std::string, model::Ref<T>, std::less<>>;

  template <class Message, class T>
  static model::Ref<T> one(ByBytes<T>& known, const std::string& bytes, const char* what,
                           Fault& fault) {
    const auto [place, is_new] = known.try_emplace(bytes);
    if (is_new) place->second = std::make_shared<const T>(parsed<Message>(bytes, what, fault));
    return place->second;
  }

  std::map<TwoTexts, model::Ref<model::TaskSpec>, Less> specs_;
  ByBytes<model::Annotations> annotations_;
  ByBytes<model::Endpoint> endpoints_;
};

model::Task task_from(const pb::Task& in, SharedReader& shared, Fault& fault) {
  model::Task out;
  out.id = id_from<model::TaskId>(in.id(), Need::Required, "task.id", fault);
  out.meta = get(in.meta(), fault);
  out.service_id =
      id_from<model::ServiceId>(in.service_id(), Need::Optional, "task.service_id", fault);
  out.slot = in.slot();
  out.node_id = id_from<model::NodeId>(in.node_id(), Need::Optional, "task.node_id", fault);
  out.spec = shared.spec(in, fault);
  out.service_annotations = shared.annotations(in.service_annotations(), fault);
  out.spec_version = in.spec_version().index();
  out.status = get(in.status(), fault);
  out.desired_state = state_from(in.desired_state(), "task.desired_state", fault);
  if (in.has_endpoint()) out.endpoint = shared.endpoint(in.endpoint(), fault);
  out.networks = all_from<model::NetworkAttachment>(in.networks(), "task.networks", fault);
  out.assigned_generic =
      all_from<model::GenericResource>(in.assigned_generic(), "task.assigned_generic", fault);
  if (in.has_job_iteration()) out.job_iteration = in.job_iteration().index();
  return out;
}

class Reader {
 public:
  Result<AssignmentsMessage> read(std::string_view bytes) {
    FieldWalk walk(bytes);
    while (fault_.reason.empty() && walk.next()) take(walk);
    if (walk.damaged()) fault_.note("not such a message");
    if (!fault_.reason.empty()) return invalid_argument("assignments: {}", fault_.reason);
    return std::move(message_);
  }

 private:
  void take(const FieldWalk& field) {
    switch (field.number()) {
      case kType:
        message_.type =
            enum_from(uint32_t(field.varint()), AssignmentsType::Incremental, "type", fault_);
        break;
      case kAppliesTo:
        message_.applies_to = field.bytes();
        break;
      case kResultsIn:
        message_.results_in = field.bytes();
        break;
      case kChanges:
        take_change(field.bytes());
        break;
    }
  }

  void take_change(std::string_view bytes) {
    std::string_view assignment;
    auto action = AssignmentAction::Update;
    FieldWalk walk(bytes);
    while (walk.next()) {
      if (walk.number() == kAssignment) assignment = walk.bytes();
      if (walk.number() == kAction) {
        action = enum_from(uint32_t(walk.varint()), AssignmentAction::Remove, "action", fault_);
      }
    }
    if (walk.damaged()) fault_.note("changes: not such a message");
    FieldWalk item(assignment);
    while (item.next()) {
      if (item.number() == kTask && item.is_bytes()) take_task(action, item.bytes());
    }
    if (item.damaged()) fault_.note("changes: not such a message");
  }

  void take_task(AssignmentAction action, std::string_view bytes) {
    if (message_.changes.size() == kAssignmentChangesMax) {
      return fault_.note("changes: more than {}", kAssignmentChangesMax);
    }
    if (!parse(bytes, task_)) return fault_.note("task: not such a message");
    AssignmentChange change{.action = action};
    if (action == AssignmentAction::Update) {
      auto task = std::make_shared<const model::Task>(task_from(task_, shared_, fault_));
      change.task_id = task->id;
      change.task = std::move(task);
    } else {
      change.task_id = id_from<model::TaskId>(task_.id(), Need::Required, "task.id", fault_);
    }
    message_.changes.push_back(std::move(change));
  }

  AssignmentsMessage message_;
  pb::Task task_;  // one object for all tasks: it keeps its memory
  SharedReader shared_;
  Fault fault_;
};

}  // namespace

std::string encode(const AssignmentsMessage& message) {
  constexpr size_t kTypicalTaskBytes = 512;
  std::string out;
  out.reserve(message.changes.size() * kTypicalTaskBytes);
  if (message.type != AssignmentsType::Complete) {
    append_varint_field(out, kType, uint64_t(message.type));
  }
  if (!message.applies_to.empty()) append_bytes_field(out, kAppliesTo, message.applies_to);
  if (!message.results_in.empty()) append_bytes_field(out, kResultsIn, message.results_in);
  Writer writer;
  for (const AssignmentChange& change : message.changes) writer.write(change, out);
  return out;
}

Result<AssignmentsMessage> decode_assignments(std::string_view bytes) {
  if (bytes.size() > kAssignmentsBytesMax) {
    return invalid_argument("assignments: {} bytes; at most {} are taken", bytes.size(),
                            kAssignmentsBytesMax);
  }
  return Reader().read(bytes);
}

}  // namespace shoal::wire
