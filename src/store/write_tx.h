// WriteTx: the hand with which a transaction changes the tables.
//
// Lives for one call of the writing function given to Store::update(), on the control thread.
#pragma once

#include <vector>

#include "store/tables.h"

namespace shoal::store {

// What a writing function may do. Reads see the transaction's own writes. Objects go in by value;
// version and times in their meta are set here.
class WriteTx {
 public:
  const Tables& read() const { return tables_; }
  Time now() const { return now_; }
  model::Version version() const { return version_; }  // the version this transaction will get

  // AlreadyExists when the id ("object already exists") or the unique name is taken ("name
  // conflicts with an existing object: service web already exists"). Names differ by more than
  // ASCII case.
  Result<void> create(model::Cluster object);
  Result<void> create(model::Node object);
  Result<void> create(model::Service object);
  Result<void> create(model::Task object);
  Result<void> create(model::Network object);
  // NotFound when it is gone, OutOfSequence ("update out of sequence") when meta.version is not the
  // stored one, AlreadyExists when the object's new name is taken. created_at stays as it was.
  Result<void> update(model::Cluster object);
  Result<void> update(model::Node object);
  Result<void> update(model::Service object);
  Result<void> update(model::Task object);
  Result<void> update(model::Network object);
  // NotFound when there is none.
  Result<void> remove(const model::NodeId& id);
  Result<void> remove(const model::ServiceId& id);
  Result<void> remove(const model::TaskId& id);
  Result<void> remove(const model::NetworkId& id);

 private:
  friend class Store;
  WriteTx(Tables& tables, model::Version version, Time now)
      : tables_(tables), version_(version), now_(now) {}
  template <class T>
  Result<void> put_new(T object);
  template <class T>
  Result<void> put(T object);
  template <class T, class Table, class IdType>
  Result<void> drop(const Table& table, const IdType& id);
  void record(Change change);
  void undo();
  std::vector<Change> take_changes();

  Tables& tables_;
  model::Version version_;
  Time now_;
  std::vector<Change> changes_;
  bool wrote_twice_ = false;  // some object has more than one entry in changes_
};

// Whether an object read from an engine may enter the tables: its id and name must be free.
Result<void> check_loaded(const Tables& tables, const Object& object);

}  // namespace shoal::store
