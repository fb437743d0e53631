// ImageFetcher: makes sure that a task's image is on the node. Tasks that want the same image at
// the same time share one pull. Control thread.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "images/image_store.h"

namespace shoal::agent {

class ImageFetcher {
 public:
  explicit ImageFetcher(images::ImageStore& images) : images_(images) {}

  // An image that is here is taken as it is, also by tag: the client pins a digest when it wants a
  // certain one. NotFound "No such image: web:2", with what the registry said, when it cannot be
  // had.
  os::Co<Result<images::ImagePtr>> fetch(std::string reference, std::string registry_auth,
                                         os::StopToken stop);

 private:
  struct Pull {
    std::optional<Result<images::ImagePtr>> outcome;  // set at the end
    os::Signal ended;
  };
  images::ImageStore& images_;
  std::map<std::string, std::shared_ptr<Pull>> pulls_;  // under way, by reference
};

}  // namespace shoal::agent
