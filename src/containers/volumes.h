// Volumes: the named and anonymous volumes of this node, driver "local".
//
//   DATA_ROOT/volumes/NAME/_data         what containers see
//   DATA_ROOT/volumes/NAME/volume.json   labels and times
//
// Control thread only; the disk is touched on the pool. A volume is on disk when create() answers.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/time.h"
#include "containers/machine.h"
#include "model/common.h"
#include "os/co.h"

namespace shoal::containers {

struct Volume {
  std::string name;
  std::string path;  // of its data, on the host
  Time created_at;
  model::Labels labels;
  bool anonymous = false;  // its name was made up
};
using VolumeRef = std::shared_ptr<const Volume>;

class Volumes {
 public:
  // The ids of the containers that mount the volume.
  using Users = std::function<std::vector<std::string>(const std::string& name)>;
  Volumes(Machine& machine, Users users);

  // Once, before anything else: reads what is there. Damaged ones are logged and left alone.
  os::Co<Result<void>> open();

  // The volume of that name, made when it is not there; a name is made up when it is empty. Only
  // driver "local" (or none) without options: Unimplemented names the rest. InvalidArgument for a
  // bad name.
  os::Co<Result<VolumeRef>> create(std::string name, std::string driver, model::Labels options,
                                   model::Labels labels);
  // The same for a container that is not written down yet: one under a made-up name is then
  // unclaimed, until claim().
  os::Co<Result<VolumeRef>> create_for_container(std::string name, std::string driver,
                                                 model::Labels options, model::Labels labels);
  // Its container is written down. Blocks.
  void claim(const std::string& name) const;
  // Found by open(): a daemon ended between the two. Each is to be claimed or removed.
  const std::vector<std::string>& unclaimed() const { return unclaimed_; }
  // NotFound "get x: no such volume".
  Result<VolumeRef> find(const std::string& name) const;
  std::vector<VolumeRef> list() const;  // by name
  bool in_use(const std::string& name) const { return !users_(name).empty(); }
  // Conflict "remove x: volume is in use - [id]"; with `force` one that is not there is fine.
  os::Co<Result<void>> remove(std::string name, bool force);

 private:
  os::Co<Result<VolumeRef>> make(std::string name, std::string driver, model::Labels options,
                                 model::Labels labels, bool for_container);
  std::string folder(const std::string& name) const;

  Machine& machine_;
  Users users_;
  std::map<std::string, VolumeRef> volumes_;
  std::vector<std::string> unclaimed_;
};

}  // namespace shoal::containers
