// Scratch: names for what is half done, in one folder that is emptied when the store opens.
// Whatever still has its ScratchFolder object is deleted with it, on the pool.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/result.h"
#include "os/loop.h"

namespace shoal::images {

class Scratch {
 public:
  // Blocks: creates the folder, or empties it of what a crash left.
  static Result<std::unique_ptr<Scratch>> open(os::Loop& loop, const std::string& data_root);

  // A path in the folder that nobody else uses; nothing is created. What is there when the last
  // copy of the pointer goes is deleted in the background. Control thread.
  using Path = std::shared_ptr<const std::string>;
  Path make_path();

 private:
  Scratch(os::Loop& loop, std::string folder) : loop_(loop), folder_(std::move(folder)) {}

  os::Loop& loop_;
  std::string folder_;
  uint64_t next_ = 0;
};

}  // namespace shoal::images
