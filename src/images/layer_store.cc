#include "images/layer_store.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>

#include "images/keyed_lock.h"
#include "images/unpack.h"
#include "os/file.h"

namespace shoal::images {
namespace {

constexpr size_t kMetaBytesMax = 256;
constexpr int kLinkBase = 36;
constexpr mode_t kLayerRootMode = 0755;
constexpr std::string_view kDigestPrefix = "sha256:";

std::string hex_of(std::string_view diff_id) {
  return std::string(diff_id.substr(kDigestPrefix.size()));
}

std::string link_name(uint64_t number) {
  char text[16];
  return std::string(text, std::to_chars(text, text + sizeof text, number, kLinkBase).ptr);
}

struct Folders {
  std::string layers;
  std::string links;

  std::string layer(const std::string& diff_id) const { return layers + "/" + hex_of(diff_id); }
  std::string link(const std::string& name) const { return links + "/" + name; }
};

Result<StoredLayer> read_layer(const Folders& folders, const std::string& hex) {
  StoredLayer layer;
  layer.diff_id = std::string(kDigestPrefix) + hex;
  ASSIGN_OR_RETURN(const std::string meta,
                   os::read_file(folders.layers + "/" + hex + "/meta", kMetaBytesMax));
  const size_t space = meta.find(' ');
  if (space == meta.npos) return internal_error("layer {}: bad meta file", hex);
  layer.link = meta.substr(0, space);
  const char* end = meta.data() + meta.size();
  if (std::from_chars(meta.data() + space + 1, end, layer.size_bytes).ptr != end) {
    return internal_error("layer {}: bad meta file", hex);
  }
  return layer;
}

Result<void> make_link(const Folders& folders, const StoredLayer& layer) {
  const std::string target = "../layers/" + hex_of(layer.diff_id) + "/diff";
  const std::string path = folders.link(layer.link);
  ::unlink(path.c_str());  // A crash may have left one.
  if (::symlink(target.c_str(), path.c_str()) == 0) return {};
  return os::system_error("symlink", path, errno);
}

// Unpacks into `scratch` and checks the content.
Result<Unpacked> unpack_and_check(const std::string& scratch, const std::string& diff_id,
                                  const std::string& tar_path, const std::atomic<bool>& cancelled) {
  const std::string diff = scratch + "/diff";
  RETURN_IF_ERROR(os::make_folders(diff));
  if (::chmod(diff.c_str(), kLayerRootMode) != 0) return os::system_error("chmod", diff, errno);
  ASSIGN_OR_RETURN(Unpacked unpacked, unpack_tar(tar_path, diff, cancelled));
  if (!diff_id.empty() && unpacked.digest != diff_id) {
    return invalid_argument("layer does not match its digest: expected {}, got {}", diff_id,
                            unpacked.digest);
  }
  return unpacked;
}

// Makes the layer visible in one step. What is in it is made durable with the image that needs it:
// a layer without an image is deleted at the next start anyway.
Result<bool> publish(const Folders& folders, const std::string& scratch,
                     const std::string& tar_path, const StoredLayer& layer) {
  if (::rename(tar_path.c_str(), (scratch + "/blob").c_str()) != 0) {
    return os::system_error("rename", tar_path, errno);
  }
  {
    std::ofstream meta(scratch + "/meta");
    meta << layer.link << ' ' << layer.size_bytes;
    if (!meta.flush()) return os::system_error("write", scratch + "/meta", errno);
  }
  RETURN_IF_ERROR(make_link(folders, layer));
  const std::string home = folders.layer(layer.diff_id);
  if (::rename(scratch.c_str(), home.c_str()) != 0) {
    return os::system_error("rename", home, errno);
  }
  return true;
}

Result<std::vector<std::string>> names_in(const std::string& folder) {
  std::vector<std::string> names;
  std::error_code error;
  for (std::filesystem::directory_iterator at(folder, error), end; !error && at != end;
       at.increment(error)) {
    names.push_back(at->path().filename());
  }
  if (error) return os::system_error("list", folder, error.value());
  return names;
}

// Links to layers that did not come to be.
Result<void> remove_others(const std::string& folder, const std::set<std::string>& known) {
  ASSIGN_OR_RETURN(const auto names, names_in(folder));
  for (const auto& name : names) {
    if (!known.contains(name)) RETURN_IF_ERROR(os::remove_tree(folder + "/" + name));
  }
  return {};
}

}  // namespace

// Shared with the refs, which may outlive the store.
struct LayerStore::State : std::enable_shared_from_this<State> {
  State(os::Loop& l, Scratch& s, Folders f) : loop(l), scratch(s), folders(std::move(f)) {}

  os::Loop& loop;
  Scratch& scratch;
  const Folders folders;
  bool closed = false;
  uint64_t next_link = 0;
  std::map<std::string, std::weak_ptr<const StoredLayer>> layers;
  // Held while a layer is unpacked or deleted: whoever wants it meanwhile waits.
  KeyedLock locks;

  LayerRef keep(StoredLayer layer) {
    const auto weak = weak_from_this();
    LayerRef ref(new StoredLayer(std::move(layer)), [weak](const StoredLayer* gone) {
      std::unique_ptr<const StoredLayer> owned(gone);
      const auto state = weak.lock();
      if (state && !state->closed) state->on_unused(*owned);
    });
    layers[ref->diff_id] = ref;
    return ref;
  }

  void on_unused(const StoredLayer& layer) {
    layers.erase(layer.diff_id);
    os::spawn(remove(shared_from_this(), layer));
  }

  static os::Co<> remove(std::shared_ptr<State> state, StoredLayer layer) {
    const auto guard = co_await state->locks.acquire(layer.diff_id);
    const auto grave = state->scratch.make_path();
    const std::string home = state->folders.layer(layer.diff_id);
    const std::string link = state->folders.link(layer.link);
    auto job = [&] {
      // Renamed first: from then on it is not there, however long deleting takes.
      return ::unlink(link.c_str()) + ::rename(home.c_str(), grave->c_str());
    };
    co_await state->loop.offload(std::move(job));
  }

  LayerRef find(const std::string& diff_id) const {
    const auto at = layers.find(diff_id);
    return at == layers.end() ? nullptr : at->second.lock();
  }
};

LayerStore::LayerStore(std::shared_ptr<State> state) : state_(std::move(state)) {}
LayerStore::~LayerStore() {
  state_->closed = true;
}

Result<std::unique_ptr<LayerStore>> LayerStore::open(os::Loop& loop, Scratch& scratch,
                                                     const std::string& data_root,
                                                     std::vector<LayerRef>& initial) {
  Folders folders{data_root + "/layers", data_root + "/l"};
  RETURN_IF_ERROR(os::make_folders(folders.layers));
  RETURN_IF_ERROR(os::make_folders(folders.links + "/" + std::string(kEmptyLayerLink)));
  auto state = std::make_shared<State>(loop, scratch, folders);
  ASSIGN_OR_RETURN(const auto names, names_in(folders.layers));
  std::set<std::string> links = {std::string(kEmptyLayerLink)};
  for (const auto& name : names) {
    auto layer = read_layer(folders, name);
    if (!layer) {
      // Cut off by a power failure before the image that it is for: an image that counts on it all
      // the same is found to be damaged.
      const auto grave = scratch.make_path();
      const std::string home = folders.layers + "/" + name;
      if (::rename(home.c_str(), grave->c_str()) == 0) continue;
      return os::system_error("remove", home, errno);
    }
    RETURN_IF_ERROR(make_link(folders, *layer));
    links.insert(layer->link);
    uint64_t number = 0;
    const char* text = layer->link.data();
    std::from_chars(text, text + layer->link.size(), number, kLinkBase);
    state->next_link = std::max(state->next_link, number + 1);
    initial.push_back(state->keep(std::move(*layer)));
  }
  RETURN_IF_ERROR(remove_others(folders.links, links));
  return std::unique_ptr<LayerStore>(new LayerStore(std::move(state)));
}

LayerRef LayerStore::find(const std::string& diff_id) const {
  return state_->find(diff_id);
}

os::Co<Result<LayerRef>> LayerStore::add(std::string diff_id, std::string tar_path,
                                         os::StopToken stop) {
  const auto state = state_;
  KeyedLock::Guard guard;
  if (!diff_id.empty()) {
    guard = co_await state->locks.acquire(diff_id);
    if (LayerRef here = state->find(diff_id)) co_return here;
    if (stop.stopped()) co_return cancelled("stopped");
  }
  const auto scratch = state->scratch.make_path();
  const auto cancel = std::make_shared<std::atomic<bool>>(false);
  const auto on_stop = stop.on_stop([cancel] { *cancel = true; });
  auto unpack = [&] { return unpack_and_check(*scratch, diff_id, tar_path, *cancel); };
  CO_ASSIGN_OR_RETURN(const Unpacked unpacked, co_await state->loop.offload(std::move(unpack)));
  if (!guard) {  // An import learns only now what it is; it may be here already.
    guard = co_await state->locks.acquire(unpacked.digest);
    if (LayerRef here = state->find(unpacked.digest)) co_return here;
  }
  StoredLayer layer{unpacked.digest, link_name(state->next_link++), unpacked.size_bytes};
  auto job = [&] { return publish(state->folders, *scratch, tar_path, layer); };
  Result<bool> published = co_await state->loop.offload(std::move(job));
  if (!published) co_return std::unexpected(published.error());
  co_return state->keep(std::move(layer));
}

const std::string& LayerStore::links_folder() const {
  return state_->folders.links;
}

std::string LayerStore::blob_path(const std::string& diff_id) const {
  return state_->folders.layer(diff_id) + "/blob";
}

uint64_t LayerStore::size_bytes() const {
  uint64_t sum = 0;
  for (const auto& [id, weak] : state_->layers) {
    if (const auto layer = weak.lock()) sum += layer->size_bytes;
  }
  return sum;
}

}  // namespace shoal::images
