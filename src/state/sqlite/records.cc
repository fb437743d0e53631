#include "state/sqlite/records.h"

#include <type_traits>

#include "base/check.h"

namespace shoal::state {
namespace {

template <class T>
constexpr RecordKind kKindOf = RecordKind::Task;
template <>
constexpr RecordKind kKindOf<model::Cluster> = RecordKind::Cluster;
template <>
constexpr RecordKind kKindOf<model::Node> = RecordKind::Node;
template <>
constexpr RecordKind kKindOf<model::Service> = RecordKind::Service;
template <>
constexpr RecordKind kKindOf<model::Network> = RecordKind::Network;

std::string spec_id(const model::ServiceId& service, model::Version version) {
  return fmt::format("{}/{}", service, version);
}

// Whether both tasks refer to one shared spec.
bool same_spec(const model::Task& a, const model::Task& b) {
  return a.service_id == b.service_id && a.spec_version == b.spec_version;
}

template <class T>
Result<store::Object> object_of(Result<T> object) {
  if (!object) return std::unexpected(std::move(object).error());
  return std::make_shared<const T>(*std::move(object));
}

}  // namespace

std::string Row::name() const {
  static constexpr const char* kNames[] = {"",        "cluster",     "node", "service",
                                           "network", "shared spec", "task"};
  const auto number = size_t(kind);
  return fmt::format("{} {}", number < std::size(kNames) ? kNames[number] : "unknown", id);
}

Result<void> Records::load(RecordKind kind, const std::string& id, std::string_view value) {
  const std::string name = Row{kind, id, {}}.name();
  ++row_count_;
  if (kind == RecordKind::SharedSpec) {
    ASSIGN_OR_RETURN(auto shared, with_context(codec::shared_spec_from_disk(value), "{}", name));
    const SpecKey key(shared.service_id, shared.spec_version);
    if (id != spec_id(key.first, key.second)) return internal_error("{}: damaged: wrong id", name);
    const auto service = services_.find(key.first);
    task_reader_.add(shared, service == services_.end() ? nullptr : service->second.get());
    held_[key] = {std::move(shared), 0};
    return {};
  }
  ASSIGN_OR_RETURN(store::Object object, with_context(decode(kind, id, value), "{}", name));
  if (store::id_of(object) != id) return internal_error("{}: damaged: wrong id", name);
  objects_.push_back(std::move(object));
  return {};
}

Result<store::Object> Records::decode(RecordKind kind, const std::string&, std::string_view value) {
  switch (kind) {
    case RecordKind::Cluster:
      return object_of(codec::cluster_from_disk(value));
    case RecordKind::Node:
      return object_of(codec::node_from_disk(value));
    case RecordKind::Network:
      return object_of(codec::network_from_disk(value));
    case RecordKind::Service: {
      ASSIGN_OR_RETURN(auto service, codec::service_from_disk(value));
      const auto ref = std::make_shared<const model::Service>(std::move(service));
      services_[ref->id] = ref;
      return ref;
    }
    case RecordKind::Task: {
      ASSIGN_OR_RETURN(auto task, task_reader_.read(value));
      if (const auto held = held_.find({task.service_id, task.spec_version}); held != held_.end()) {
        ++held->second.task_count;
      }
      return std::make_shared<const model::Task>(std::move(task));
    }
    case RecordKind::SharedSpec:
      break;
  }
  return internal_error("a kind of record ({}) that this version does not know", int(kind));
}

std::vector<store::Object> Records::take_objects() {
  services_.clear();
  task_reader_ = {};
  return std::move(objects_);
}

void Records::encode(const store::Batch& batch, std::vector<Row>& rows) {
  for (const store::Change& change : batch.changes) encode(change, rows);
}

void Records::encode(const store::Change& change, std::vector<Row>& rows) {
  std::visit(
      [&](const auto& before) {
        using R = std::decay_t<decltype(before)>;
        using T = std::remove_const_t<typename R::element_type>;
        const R& after = std::get<R>(change.after);
        row_count_ += size_t(after != nullptr) - size_t(before != nullptr);
        if constexpr (std::is_same_v<T, model::Task>) {
          const bool moves = !before || !after || !same_spec(*before, *after);
          if (after) encode_task(*after, moves, rows);
          if (!after) rows.push_back({RecordKind::Task, before->id.str(), {}});
          if (before && moves) release_spec(*before, rows);
        } else {
          const R& named = after ? after : before;
          rows.push_back({kKindOf<T>, named->id.str(),
                          after ? std::optional(codec::to_disk(*after)) : std::nullopt});
        }
      },
      change.before);
}

// `is_new`: this task did not refer to its shared spec before.
void Records::encode_task(const model::Task& task, bool is_new, std::vector<Row>& rows) {
  const SpecKey key(task.service_id, task.spec_version);
  auto [held, missing] = held_.try_emplace(key);
  if (missing) {
    held->second.shared = codec::SharedSpec::of(task);
    rows.push_back({RecordKind::SharedSpec, spec_id(key.first, key.second),
                    codec::to_disk(held->second.shared)});
    ++row_count_;
  }
  if (is_new) ++held->second.task_count;
  rows.push_back({RecordKind::Task, task.id.str(), codec::to_disk(task, held->second.shared)});
}

void Records::release_spec(const model::Task& task, std::vector<Row>& rows) {
  const auto held = held_.find({task.service_id, task.spec_version});
  CHECK(held != held_.end() && held->second.task_count > 0, "task {} holds no spec", task.id);
  if (--held->second.task_count > 0) return;
  rows.push_back({RecordKind::SharedSpec, spec_id(task.service_id, task.spec_version), {}});
  --row_count_;
  held_.erase(held);
}

}  // namespace shoal::state
