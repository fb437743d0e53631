#include "images/scratch.h"

#include "os/file.h"

namespace shoal::images {

Result<std::unique_ptr<Scratch>> Scratch::open(os::Loop& loop, const std::string& data_root) {
  std::string folder = data_root + "/scratch";
  RETURN_IF_ERROR(os::remove_tree(folder));
  RETURN_IF_ERROR(os::make_folders(folder));
  return std::unique_ptr<Scratch>(new Scratch(loop, std::move(folder)));
}

Scratch::Path Scratch::make_path() {
  auto path = std::make_unique<std::string>(folder_ + "/" + std::to_string(next_++));
  return Path(path.release(), [&loop = loop_](const std::string* gone) {
    loop.offload_job(
        [name = *gone] {
          // What cannot be deleted now goes when the store opens the next time.
          (void)os::remove_tree(name);
        },
        [] {});
    delete gone;
  });
}

}  // namespace shoal::images
