// The part of ImageStore that makes an image of the tar of a root file system (`docker import`).
#include "images/image_config.h"
#include "images/impl.h"
#include "images/platform.h"

namespace shoal::images {

os::Co<Result<ImagePtr>> ImageStore::import_rootfs(ImportRequest request, ByteSource body,
                                                   os::StopToken stop) {
  Image image;
  std::vector<std::string> names;
  if (!request.repository.empty()) {
    CO_ASSIGN_OR_RETURN(const auto ref, model::parse_image_ref(request.repository));
    if (!ref.digest.empty()) co_return invalid_argument("cannot import digest reference");
    names.push_back(ref.with_default_tag().familiar());
  }
  for (const auto& change : request.changes) {
    CO_RETURN_IF_ERROR(apply_change(image.config, change));
  }
  CO_ASSIGN_OR_RETURN(const Platform platform, parse_platform(request.platform));

  CO_ASSIGN_OR_RETURN(const Scratch::Path tar, co_await impl_->spool(std::move(body), stop));
  CO_ASSIGN_OR_RETURN(LayerRef layer, co_await impl_->layers->add("", *tar, stop));
  image.created = impl_->loop.now();
  image.architecture = platform.architecture;
  image.variant = platform.variant;
  image.os = platform.os;
  image.comment = request.message;
  image.layers.push_back({layer->diff_id, layer->size_bytes});
  image.history.push_back({.created = image.created, .comment = request.message});
  std::vector<LayerRef> refs{std::move(layer)};
  auto adding = impl_->add_image(write_image_config(image), std::move(refs), std::move(names));
  co_return co_await adding;
}

}  // namespace shoal::images
