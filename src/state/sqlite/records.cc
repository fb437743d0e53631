#include "state/sqlite/records.h"

#include <algorithm>
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

const char* to_string(RecordKind kind) {
  static constexpr const char* kNames[] = {"cluster", "node",        "service",
                                           "network", "shared_spec", "task"};
  static_assert(std::size(kNames) == kRecordKindCount);
  return kNames[size_t(kind)];
}

std::string Row::name() const {
  return fmt::format("{} {}", to_string(kind), id);
}

Result<void> Records::load(const Row& row) {
  ++row_count_;
  Numbers& numbers = numbers_[size_t(row.kind)];
  numbers.last = std::max(numbers.last, row.number);
  if (row.kind == RecordKind::SharedSpec) return load_spec(row);
  ASSIGN_OR_RETURN(store::Object object, decode(row));
  if (store::id_of(object) != row.id) return internal_error("damaged: wrong id");
  numbers.of[AnyId::of(row.id)] = row.number;
  objects_.push_back(std::move(object));
  return {};
}

Result<void> Records::load_spec(const Row& row) {
  ASSIGN_OR_RETURN(auto shared, codec::shared_spec_from_disk(*row.value));
  const SpecKey key(shared.service_id, shared.spec_version);
  if (row.id != spec_id(key.first, key.second)) return internal_error("damaged: wrong id");
  const auto service = services_.find(key.first);
  task_reader_.add(shared, service == services_.end() ? nullptr : service->second.get());
  held_[key] = {.shared = std::move(shared), .row = row.number};
  return {};
}

Result<store::Object> Records::decode(const Row& row) {
  switch (row.kind) {
    case RecordKind::Cluster:
      return object_of(codec::cluster_from_disk(*row.value));
    case RecordKind::Node:
      return object_of(codec::node_from_disk(*row.value));
    case RecordKind::Network:
      return object_of(codec::network_from_disk(*row.value));
    case RecordKind::Service: {
      ASSIGN_OR_RETURN(auto service, codec::service_from_disk(*row.value));
      const auto ref = std::make_shared<const model::Service>(std::move(service));
      services_[ref->id] = ref;
      return ref;
    }
    case RecordKind::Task: {
      ASSIGN_OR_RETURN(auto task, task_reader_.read(*row.value));
      const auto held = held_.find({task.service_id, task.spec_version});
      if (held == held_.end()) return internal_error("damaged: its spec is missing");
      ++held->second.task_count;
      return std::make_shared<const model::Task>(std::move(task));
    }
    case RecordKind::SharedSpec:
      break;
  }
  CHECK(false, "a shared spec is no object");
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
        if constexpr (std::is_same_v<T, model::Task>) {
          const bool moves = !before || !after || !same_spec(*before, *after);
          if (after) encode_task(*after, moves, rows);
          if (!after) rows.push_back(remove(RecordKind::Task, before->id.view()));
          if (before && moves) release_spec(*before, rows);
        } else {
          rows.push_back(after ? put(kKindOf<T>, after->id.view(), codec::to_disk(*after))
                               : remove(kKindOf<T>, before->id.view()));
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
    held->second.row = ++numbers_[size_t(RecordKind::SharedSpec)].last;
    rows.push_back({RecordKind::SharedSpec, held->second.row, spec_id(key.first, key.second),
                    codec::to_disk(held->second.shared)});
    ++row_count_;
  }
  if (is_new) ++held->second.task_count;
  rows.push_back(put(RecordKind::Task, task.id.view(), codec::to_disk(task, held->second.shared)));
}

void Records::release_spec(const model::Task& task, std::vector<Row>& rows) {
  const auto held = held_.find({task.service_id, task.spec_version});
  CHECK(held != held_.end() && held->second.task_count > 0, "task {} holds no spec", task.id);
  if (--held->second.task_count > 0) return;
  rows.push_back(
      {RecordKind::SharedSpec, held->second.row, spec_id(task.service_id, task.spec_version), {}});
  --row_count_;
  held_.erase(held);
}

Row Records::put(RecordKind kind, std::string_view id, std::string value) {
  Numbers& numbers = numbers_[size_t(kind)];
  const auto [place, added] = numbers.of.try_emplace(AnyId::of(id), numbers.last + 1);
  if (added) {
    ++numbers.last;
    ++row_count_;
  }
  return {kind, place->second, std::string(id), std::move(value)};
}

Row Records::remove(RecordKind kind, std::string_view id) {
  Numbers& numbers = numbers_[size_t(kind)];
  const auto place = numbers.of.find(AnyId::of(id));
  CHECK(place != numbers.of.end(), "{} {} has no row", to_string(kind), id);
  const int64_t number = place->second;
  numbers.of.erase(place);
  --row_count_;
  return {kind, number, std::string(id), {}};
}

}  // namespace shoal::state
