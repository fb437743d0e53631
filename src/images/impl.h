// What the functions of ImageStore share; private to this room. Each group of them has its file:
// image_store.cc lookups and tags, remove.cc, store_rootfs.cc mounts; import.cc, load.cc, save.cc,
// pull.cc.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "images/catalog.h"
#include "images/image_store.h"
#include "images/keyed_lock.h"
#include "images/layer_store.h"
#include "images/pull_plan.h"
#include "images/registry.h"
#include "images/rootfs.h"
#include "images/scratch.h"
#include "images/turns.h"

namespace shoal::images {

// Bodies are written to the disk before they are looked at; a client may not fill it for ever.
inline constexpr uint64_t kBodyBytesMax = uint64_t{64} << 30;

struct ImageStore::Impl {
  Impl(os::Loop& l, Log& g, StoreOptions o) : loop(l), log(g), options(std::move(o)) {}

  os::Loop& loop;
  Log& log;
  const StoreOptions options;
  std::unique_ptr<Scratch> scratch;
  Catalog catalog;
  std::map<std::string, std::vector<LayerRef>> image_layers;   // by image id
  std::map<std::string, std::vector<LayerRef>> rootfs_layers;  // by container id
  // Declared after the refs and so gone before them: refs that go with the store delete nothing.
  std::unique_ptr<LayerStore> layers;
  KeyedLock pulls;                                          // by reference
  Turns turns;                                              // of those who talk to registries
  std::shared_ptr<int> uploads = std::make_shared<int>(0);  // bodies that are coming in
  std::string policy_file;                                  // empty: the system has one
  KeyedLock rootfs_locks;                                   // by container id

  // Writes of the catalog: `changes` counts what happened in memory, `saved` what is on disk.
  uint64_t changes = 0;
  uint64_t saved = 0;
  bool saving = false;
  os::Signal save_ended;

  std::string config_path(const std::string& id) const;
  std::string catalog_path() const { return options.data_root + "/images/repositories.json"; }
  RootfsFolders rootfs_folders(std::string_view container_id) const;

  // Makes the catalog as it is now durable; callers at the same moment share one write.
  os::Co<Result<void>> persist();
  // Makes an image of a configuration and its layers, durably, and gives it these names. The same
  // image may be there already.
  os::Co<Result<ImagePtr>> add_image(std::string config, std::vector<LayerRef> refs,
                                     std::vector<std::string> names);
  // Takes the image out of memory at once (persist() follows); `records` gets the "Deleted" lines.
  void drop_image(const ImagePtr& image, std::vector<RemovedItem>& records);
  // After persist(): forgets what is on disk of an image that is gone.
  os::Co<> delete_config(std::string id);
  // Writes a body to a file in scratch/.
  os::Co<Result<Scratch::Path>> spool(ByteSource body, os::StopToken stop);

  // Fetches and unpacks what is not here yet, and makes the image.
  os::Co<Result<ImagePtr>> bring_in(Registry& registry, PullPlan& plan, ProgressSink sink,
                                    os::StopToken stop);
  RegistryOptions registry_options() const;
  // Finds out which signature policy skopeo will use, writing one of our own if there is none.
  Result<void> set_policy();

  Result<void> restore_images(std::vector<LayerRef>& found);
  Result<void> remove_lonely_configs();
  Result<void> restore_rootfs(std::vector<LayerRef>& found);
};

// Fills in the sizes, which a configuration does not tell.
void set_sizes(Image& image, const std::vector<LayerRef>& refs);

}  // namespace shoal::images
