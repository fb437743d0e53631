// Journal: records under keys, and the order in which they last changed; so whoever was told
// everything up to some version can be told exactly what is new, and nobody is kept a list for.
//
// A record that is gone leaves a mark behind for a while. Marks are bounded: whoever was told
// before the oldest one that was dropped must be told everything. Memory is proportional to the
// records.
#pragma once

#include <cstdint>
#include <map>
#include <variant>
#include <vector>

#include "model/network_feed.h"

namespace shoal::dispatcher {

// Marks of records that are gone: so many, and as many again as there are records.
inline constexpr size_t kMarksMin = 100;

class Journal {
 public:
  // What a record is about: the network itself, or something in it. In the order in which a node is
  // told of everything.
  using Key = std::variant<std::monostate, model::ServiceId, model::TaskId, model::NodeId>;
  using Record = model::Ref<model::NetworkChange>;

  // Whoever was told something at `version` or before was not told by this journal.
  explicit Journal(uint64_t version) : forgotten_(version) {}

  // `version` is above all that were used before. False when the record says that already.
  bool put(const Key& key, model::NetworkChange record, uint64_t version);
  // `gone` is what those are told who know the record. False when there is none.
  bool remove(const Key& key, model::NetworkChange gone, uint64_t version);

  bool contains(const Key& key) const;
  // A record, also of what is gone, when it changed after `version`; else null.
  Record changed_since(const Key& key, uint64_t version) const;
  // Appends what changed after `version`, in the order in which it did. False, and nothing is
  // appended, when that is not known any more.
  bool append_since(uint64_t version, std::vector<Record>& out) const;
  // Appends every record, in the order of keys.
  void append_all(std::vector<Record>& out) const;
  size_t size() const { return entries_.size() - marks_.size(); }

 private:
  struct Entry {
    Record record;
    uint64_t version = 0;
    bool gone = false;
  };
  using Entries = std::map<Key, Entry>;

  void set(Entries::iterator at, model::NetworkChange record, uint64_t version);
  void drop_old_marks();

  Entries entries_;
  std::map<uint64_t, Entries::iterator> by_version_;
  std::map<uint64_t, Entries::iterator> marks_;  // of these the ones that are gone
  uint64_t forgotten_;                           // of the newest mark that was dropped
};

}  // namespace shoal::dispatcher
