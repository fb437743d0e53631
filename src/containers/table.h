// Table: finds this node's containers by id, prefix and name, and keeps names unique.
//
// Control thread only. A name is taken from the moment it is reserved, so that two creates with one
// name that overlap cannot both succeed.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "containers/entry.h"

namespace shoal::containers {

class Table {
 public:
  // NotFound "No such container: x"; InvalidArgument when a prefix fits several.
  Result<EntryRef> find(std::string_view ref) const;
  EntryRef by_id(const std::string& id) const;  // null when there is none

  // Takes the name for the container with `id`. AlreadyExists in Docker's words otherwise.
  Result<void> reserve(const std::string& name, const std::string& id);
  bool is_taken(const std::string& name) const { return names_.contains(name); }
  // Frees the name when it is that container's.
  void release(const std::string& name, const std::string& id);

  // Its name must be reserved.
  void insert(EntryRef entry);
  // Also frees its name.
  void erase(const std::string& id);

  // In the order of ids.
  const std::map<std::string, EntryRef, std::less<>>& entries() const { return entries_; }

 private:
  std::map<std::string, EntryRef, std::less<>> entries_;
  std::map<std::string, std::string, std::less<>> names_;  // to ids
};

}  // namespace shoal::containers
