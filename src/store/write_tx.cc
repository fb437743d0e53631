// What a transaction may do to the tables, and how it is undone.
#include <map>

#include "store/store.h"
#include "store/write_tx.h"

namespace shoal::store {
namespace {

// Nodes and tasks have no unique name; the others must keep theirs.
template <class T>
concept Named = requires(const T& object) { object.name(); };

template <class T>
const char* kind_of() {
  return kind_name(Object(model::Ref<T>()));
}

template <class T, class Table>
Result<void> check_name(const Table& table, const T& object) {
  if constexpr (Named<T>) {
    const auto holder = table.by_name(object.name());
    if (holder && holder->id != object.id) {
      return already_exists("name conflicts with an existing object: {} {} already exists",
                            kind_of<T>(), object.name());
    }
  }
  return {};
}

template <class T, class Table>
Result<void> check_new(const Table& table, const T& object) {
  if (object.id.empty()) return invalid_argument("a {} needs an id", kind_of<T>());
  if (table.get(object.id)) return already_exists("object already exists");
  return check_name(table, object);
}

const auto& table_of(const Tables& tables, const model::Cluster&) {
  return tables.clusters();
}
const auto& table_of(const Tables& tables, const model::Node&) {
  return tables.nodes();
}
const auto& table_of(const Tables& tables, const model::Service&) {
  return tables.services();
}
const auto& table_of(const Tables& tables, const model::Task&) {
  return tables.tasks();
}
const auto& table_of(const Tables& tables, const model::Network&) {
  return tables.networks();
}

}  // namespace

Result<void> check_loaded(const Tables& tables, const Object& object) {
  return std::visit(
      [&](const auto& ref) -> Result<void> {
        return with_context(check_new(table_of(tables, *ref), *ref), "loading {} {}",
                            kind_name(object), ref->id);
      },
      object);
}

template <class T>
Result<void> WriteTx::put_new(T object) {
  RETURN_IF_ERROR(check_new(table_of(tables_, object), object));
  object.meta = {.version = version_, .created_at = now_, .updated_at = now_};
  record({model::Ref<T>(), std::make_shared<const T>(std::move(object))});
  return {};
}

template <class T>
Result<void> WriteTx::put(T object) {
  const auto& table = table_of(tables_, object);
  const model::Ref<T> stored = table.get(object.id);
  if (!stored) return not_found("{} {} not found", kind_of<T>(), object.id);
  if (stored->meta.version != object.meta.version) return out_of_sequence("update out of sequence");
  RETURN_IF_ERROR(check_name(table, object));
  object.meta = {.version = version_, .created_at = stored->meta.created_at, .updated_at = now_};
  record({stored, std::make_shared<const T>(std::move(object))});
  return {};
}

template <class T, class Table, class IdType>
Result<void> WriteTx::drop(const Table& table, const IdType& id) {
  const model::Ref<T> stored = table.get(id);
  if (!stored) return not_found("{} {} not found", kind_of<T>(), id);
  record({stored, model::Ref<T>()});
  return {};
}

Result<void> WriteTx::create(model::Cluster object) {
  return put_new(std::move(object));
}
Result<void> WriteTx::create(model::Node object) {
  return put_new(std::move(object));
}
Result<void> WriteTx::create(model::Service object) {
  return put_new(std::move(object));
}
Result<void> WriteTx::create(model::Task object) {
  return put_new(std::move(object));
}
Result<void> WriteTx::create(model::Network object) {
  return put_new(std::move(object));
}

Result<void> WriteTx::update(model::Cluster object) {
  return put(std::move(object));
}
Result<void> WriteTx::update(model::Node object) {
  return put(std::move(object));
}
Result<void> WriteTx::update(model::Service object) {
  return put(std::move(object));
}
Result<void> WriteTx::update(model::Task object) {
  return put(std::move(object));
}
Result<void> WriteTx::update(model::Network object) {
  return put(std::move(object));
}

Result<void> WriteTx::remove(const model::NodeId& id) {
  return drop<model::Node>(tables_.nodes(), id);
}
Result<void> WriteTx::remove(const model::ServiceId& id) {
  return drop<model::Service>(tables_.services(), id);
}
Result<void> WriteTx::remove(const model::TaskId& id) {
  return drop<model::Task>(tables_.tasks(), id);
}
Result<void> WriteTx::remove(const model::NetworkId& id) {
  return drop<model::Network>(tables_.networks(), id);
}

void WriteTx::record(Change change) {
  tables_.apply(change);
  // Every object that this transaction wrote carries its version.
  wrote_twice_ =
      wrote_twice_ ||
      std::visit([this](const auto& before) { return before && before->meta.version == version_; },
                 change.before);
  changes_.push_back(std::move(change));
}

void WriteTx::undo() {
  for (auto change = changes_.rbegin(); change != changes_.rend(); ++change) {
    tables_.apply({change->after, change->before});
  }
  changes_.clear();
}

// The changes with every object once: its state before the transaction and after it.
std::vector<Change> WriteTx::take_changes() {
  if (!wrote_twice_) return std::move(changes_);
  const auto address = [](const Object& object) {
    return std::visit([](const auto& ref) { return static_cast<const void*>(ref.get()); }, object);
  };
  std::map<const void*, size_t> last_write;  // Only looked up, never walked.
  std::vector<Change> merged;
  for (Change& change : changes_) {
    size_t at = merged.size();
    if (const auto it = last_write.find(address(change.before));
        address(change.before) && it != last_write.end()) {
      at = it->second;
      merged[at].after = std::move(change.after);
    } else {
      merged.push_back(std::move(change));
    }
    if (const void* written = address(merged[at].after)) last_write[written] = at;
  }
  std::erase_if(merged, [](const Change& c) { return is_null(c.before) && is_null(c.after); });
  return merged;
}

}  // namespace shoal::store
