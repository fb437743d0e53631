// LayerStore: the unpacked layers of a node, each once, counted by those who stand on it.
//
//   layers/<hex of diff id>/diff   what overlayfs mounts as a lower folder
//   layers/<hex of diff id>/blob   the tar as it came, often compressed: for save and push, which
//                                  must give the same bytes again
//   layers/<hex of diff id>/meta   "LINK SIZE": the short name in l/, and the bytes of its files
//   l/<LINK>                       -> ../layers/<hex>/diff, so that many fit in one mount call
//
// A layer is unpacked in scratch/ and renamed when it is whole and its digest is right. A LayerRef
// keeps its layer; when the last one goes, the layer is deleted in the background. Two that add the
// same layer at once share the work. Control thread; the disk work runs on the pool.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "images/scratch.h"
#include "os/co.h"
#include "os/loop.h"
#include "os/sync.h"

namespace shoal::images {

struct StoredLayer {
  std::string diff_id;  // "sha256:…"
  std::string link;     // name in l/
  uint64_t size_bytes = 0;
};
// An empty folder in l/, for images without any layer: an overlay needs at least one.
inline constexpr std::string_view kEmptyLayerLink = "empty";
using LayerRef = std::shared_ptr<const StoredLayer>;

class LayerStore {
 public:
  // Blocks. `initial` keeps every layer found: the caller takes what it knows and drops the rest,
  // which deletes it.
  static Result<std::unique_ptr<LayerStore>> open(os::Loop& loop, Scratch& scratch,
                                                  const std::string& data_root,
                                                  std::vector<LayerRef>& initial);
  // Refs may live longer; they no longer delete anything then.
  ~LayerStore();

  // Null when it is not here (or not whole yet).
  LayerRef find(const std::string& diff_id) const;
  // The layer unpacked from `tar_path`, or the one that is already here. The file, which must be in
  // scratch/, is taken over. An empty diff_id: whatever the tar holds (import). InvalidArgument
  // when the content does not match.
  os::Co<Result<LayerRef>> add(std::string diff_id, std::string tar_path, os::StopToken stop);

  const std::string& links_folder() const;
  std::string blob_path(const std::string& diff_id) const;
  uint64_t size_bytes() const;

 private:
  struct State;
  explicit LayerStore(std::shared_ptr<State> state);
  std::shared_ptr<State> state_;
};

}  // namespace shoal::images
