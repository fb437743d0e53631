// The inside of Containers, shared by the files that implement it.
#pragma once

#include <functional>
#include <vector>

#include "containers/containers.h"
#include "containers/networks.h"
#include "containers/runner.h"
#include "containers/table.h"

namespace shoal::containers {

struct Containers::Impl {
  explicit Impl(Machine m);

  // --- create.cc
  os::Co<Result<Created>> create(model::ContainerConfig config);
  // --- control.cc
  os::Co<Result<bool>> start(EntryRef entry);
  os::Co<Result<bool>> stop(EntryRef entry, std::optional<Duration> grace, std::string signal);
  os::Co<Result<void>> kill(EntryRef entry, std::string signal);
  os::Co<Result<void>> rename(EntryRef entry, std::string name);
  os::Co<Result<void>> remove(EntryRef entry, RemoveOptions options);
  // Held.
  os::Co<Result<void>> remove_now(EntryRef entry, bool volumes);
  // Those that nobody else uses.
  os::Co<Result<void>> remove_anonymous_volumes(const Entry& entry);
  // --- network_change.cc
  os::Co<Result<void>> connect_network(EntryRef entry, model::NetworkConnection connection);
  os::Co<Result<void>> disconnect_network(EntryRef entry, std::string network);
  // --- adoption.cc
  os::Co<Result<void>> open();

  void emit(const ContainerRef& container, std::string action, model::Labels more);
  std::vector<std::string> users_of_volume(const std::string& name) const;
  std::string folder_of(const std::string& id) const;

  // create.cc
  Result<void> resolve_references(model::ContainerConfig& config) const;
  os::Co<Result<std::vector<MountPoint>>> resolve_mounts(std::vector<model::Mount> mounts);
  // adoption.cc
  // With the names of volumes whose container was being removed.
  os::Co<Result<std::vector<EntryRef>>> read_records(std::vector<std::string>& orphaned);
  os::Co<Result<void>> start_network(const std::vector<EntryRef>& entries);
  os::Co<> adopt(EntryRef entry, bool engine_knows);
  os::Co<> settle(EntryRef entry);
  os::Co<> remove_volumes(std::vector<std::string> names);
  os::Co<> remove_strangers(std::vector<std::string> engine_ids);

  Machine machine;
  Table table;
  std::vector<std::function<void(const Event&)>> handlers;
  Volumes volumes;
  Networks networks;
  Execs execs;
  Runner runner;
};

}  // namespace shoal::containers
