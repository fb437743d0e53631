// The part of ImageStore that fetches images from registries.
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <map>

#include "images/image_config.h"
#include "images/impl.h"
#include "images/manifest.h"
#include "images/platform.h"
#include "images/pull_plan.h"
#include "images/registry.h"
#include "os/fd.h"
#include "os/file.h"
#include "os/sha256.h"

namespace shoal::images {
namespace {

constexpr Duration kProgressInterval = 200ms;
// A registry that sends less than this in the time that it may be silent is as good as silent.
constexpr uint64_t kTrickleBytes = 16'384;
constexpr std::string_view kPartialBlobPrefix = "oci-put-blob";

std::string hex_of(const std::string& digest) {
  return digest.substr(digest.find(':') + 1);
}

std::string digest_of(std::string_view bytes) {
  return "sha256:" + os::sha256_hex(bytes);
}

// Sizes of the blobs in a layout: those that are whole by name, the others from the oldest on.
struct Arrived {
  std::map<std::string, uint64_t> whole;  // by hex digest
  std::vector<uint64_t> partial;
  uint64_t total = 0;
};

Result<Arrived> look_at(const std::string& folder) {
  Arrived arrived;
  std::vector<std::pair<ino_t, uint64_t>> partial;
  for (const std::string& place : {folder, folder + "/blobs/sha256"}) {
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator(place, error)) {
      struct stat info{};
      const std::string name = entry.path().filename();
      if (::lstat(entry.path().c_str(), &info) != 0 || !S_ISREG(info.st_mode)) continue;
      const auto size = uint64_t(info.st_size);
      arrived.total += size;
      if (name.starts_with(kPartialBlobPrefix)) {
        partial.emplace_back(info.st_ino, size);
      } else if (&place != &folder) {
        arrived.whole[name] = size;
      }
    }
  }
  std::sort(partial.begin(), partial.end());
  for (const auto& [inode, size] : partial) arrived.partial.push_back(size);
  return arrived;
}

// A layout with an empty blob for each layer that is here already: skopeo then does not fetch it.
Result<bool> make_layout(const std::string& folder, const std::vector<std::string>& have) {
  RETURN_IF_ERROR(os::make_folders(folder + "/blobs/sha256"));
  for (const auto& digest : have) {
    const std::string path = folder + "/blobs/sha256/" + hex_of(digest);
    const os::Fd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    if (!fd) return os::system_error("create", path, errno);
  }
  return true;
}

void show_arrived(const Arrived& arrived, std::vector<ComingLayer>& layers,
                  const ProgressSink& sink) {
  auto partial = arrived.partial.begin();
  for (auto& layer : layers) {
    if (layer.ref || layer.arrived) continue;
    const auto whole = arrived.whole.find(hex_of(layer.blob.digest));
    if (whole != arrived.whole.end()) {
      layer.arrived = true;
      sink({.status = "Download complete", .id = layer.name()});
    } else if (partial != arrived.partial.end()) {
      // Which unfinished file is which layer is not told; they are begun in this order.
      const uint64_t size = std::min(*partial++, layer.blob.size_bytes);
      sink({.status = "Downloading",
            .id = layer.name(),
            .current_bytes = size,
            .total_bytes = layer.blob.size_bytes});
    }
  }
}

// The bytes of a document, checked against what was asked for.
Result<void> check_digest(const std::string& bytes, const std::string& digest) {
  if (digest.empty() || digest_of(bytes) == digest) return {};
  return invalid_argument("the registry sent something else than {}", digest);
}

os::Co<Result<PullPlan>> plan_pull(Registry& registry, Platform platform, bool platform_asked,
                                   os::StopToken stop) {
  PullPlan plan;
  CO_ASSIGN_OR_RETURN(std::string bytes, co_await registry.manifest(registry.ref().digest, stop));
  CO_RETURN_IF_ERROR(check_digest(bytes, registry.ref().digest));
  plan.digest = plan.manifest_digest = digest_of(bytes);
  CO_ASSIGN_OR_RETURN(Manifest manifest, parse_manifest(bytes));
  if (manifest.is_list()) {
    CO_ASSIGN_OR_RETURN(const Descriptor chosen, choose_platform(manifest, platform));
    plan.manifest_digest = chosen.digest;
    CO_ASSIGN_OR_RETURN(bytes, co_await registry.manifest(chosen.digest, stop));
    CO_RETURN_IF_ERROR(check_digest(bytes, chosen.digest));
    CO_ASSIGN_OR_RETURN(manifest, parse_manifest(bytes));
    if (manifest.is_list()) co_return invalid_argument("invalid manifest: a list in a list");
  }
  CO_ASSIGN_OR_RETURN(plan.config, co_await registry.config(plan.manifest_digest, stop));
  CO_RETURN_IF_ERROR(check_digest(plan.config, manifest.config.digest));
  CO_ASSIGN_OR_RETURN(plan.image, parse_image_config(plan.config));
  const Platform offered{
      .architecture = plan.image.architecture, .os = plan.image.os, .variant = plan.image.variant};
  if (platform_asked && !platform_fits(platform, offered)) {
    co_return not_found(
        "image with reference {} was found but does not match the specified platform: wanted "
        "{}/{}, actual: {}/{}",
        registry.ref().familiar(), platform.os, platform.architecture, offered.os,
        offered.architecture);
  }
  if (manifest.layers.size() != plan.image.layers.size()) {
    co_return invalid_argument("invalid image: {} layers, but {} in its configuration",
                               manifest.layers.size(), plan.image.layers.size());
  }
  for (size_t i = 0; i < manifest.layers.size(); ++i) {
    plan.layers.push_back({.blob = manifest.layers[i], .diff_id = plan.image.layers[i].diff_id});
  }
  co_return plan;
}

// Copies in the background, so that the caller can look at the progress meanwhile.
struct Transfer {
  Result<void> result;
  os::StopSource stop;   // ends it
  os::StopSource ended;  // told when it has ended
};

os::Co<> transfer(Registry* registry, std::string digest, int folder,
                  std::shared_ptr<Transfer> state) {
  state->result = co_await registry->copy_to(std::move(digest), folder, state->stop.token());
  state->ended.stop();
}

os::Co<Result<void>> watch_transfer(os::Loop& loop, std::string folder,
                                    std::vector<ComingLayer>& layers, ProgressSink sink,
                                    Duration stall_max, std::shared_ptr<Transfer> state) {
  uint64_t counted = 0;
  Time counted_at = loop.now();
  bool stalled = false;
  while (co_await loop.sleep(kProgressInterval, state->ended.token())) {
    auto look = [&folder] { return look_at(folder); };
    const Result<Arrived> arrived = co_await loop.offload(std::move(look));
    if (!arrived) continue;
    show_arrived(*arrived, layers, sink);
    if (arrived->total >= counted + kTrickleBytes) {
      counted = arrived->total;
      counted_at = loop.now();
    }
    if (loop.now() - counted_at < stall_max) continue;
    stalled = true;
    state->stop.stop();
  }
  if (!stalled) co_return state->result;
  co_return unavailable("the registry has sent less than {} bytes in {} s", kTrickleBytes,
                        stall_max / 1s);
}

os::Co<Result<void>> download(os::Loop& loop, Registry& registry, PullPlan& plan,
                              std::string folder, ProgressSink sink, os::StopToken stop,
                              Duration stall_max) {
  std::vector<std::string> have;
  for (const auto& layer : plan.layers) {
    if (layer.ref) have.push_back(layer.blob.digest);
  }
  auto make = [&] { return make_layout(folder, have); };
  CO_RETURN_IF_ERROR(co_await loop.offload(std::move(make)));
  const os::Fd layout(::open(folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!layout) co_return os::system_error("open", folder, errno);

  const auto state = std::make_shared<Transfer>();
  const auto client_gone = stop.on_stop([state] { state->stop.stop(); });
  os::spawn(transfer(&registry, plan.manifest_digest, layout.get(), state));
  auto watching = watch_transfer(loop, folder, plan.layers, sink, stall_max, state);
  const Result<void> watched = co_await watching;
  CO_RETURN_IF_ERROR(with_context(watched, "fetching the layers into {}", folder));
  for (auto& layer : plan.layers) {
    if (!layer.ref && !layer.arrived) sink({.status = "Download complete", .id = layer.name()});
  }
  co_return Result<void>{};
}

os::Co<Result<void>> unpack_all(LayerStore& store, PullPlan& plan, std::string folder,
                                ProgressSink sink, os::StopToken stop) {
  for (auto& layer : plan.layers) {
    if (layer.ref) continue;
    sink({.status = "Extracting",
          .id = layer.name(),
          .current_bytes = layer.blob.size_bytes,
          .total_bytes = layer.blob.size_bytes});
    auto adding =
        store.add(layer.diff_id, folder + "/blobs/sha256/" + hex_of(layer.blob.digest), stop);
    Result<LayerRef> added = co_await adding;
    added = with_context(std::move(added), "failed to register layer {}", layer.name());
    if (!added) co_return std::unexpected(added.error());
    layer.ref = std::move(*added);
    sink({.status = "Pull complete", .id = layer.name()});
  }
  co_return Result<void>{};
}

void show_plan(const PullPlan& plan, const ProgressSink& sink) {
  for (const auto& layer : plan.layers) {
    sink({.status = layer.ref ? "Already exists" : "Pulling fs layer", .id = layer.name()});
  }
}

// The names by which a pulled image is known here.
std::vector<std::string> pulled_names(const model::ImageRef& ref, const std::string& digest) {
  std::vector<std::string> names{ref.familiar_name() + "@" + digest};
  if (ref.digest.empty()) names.push_back(ref.familiar());
  return names;
}

}  // namespace

os::Co<Result<ImagePtr>> ImageStore::Impl::bring_in(Registry& registry, PullPlan& plan,
                                                    ProgressSink sink, os::StopToken stop) {
  for (auto& layer : plan.layers) layer.ref = layers->find(layer.diff_id);
  show_plan(plan, sink);
  const bool complete = std::all_of(plan.layers.begin(), plan.layers.end(),
                                    [](const auto& layer) { return layer.ref != nullptr; });
  const Scratch::Path folder = scratch->make_path();
  if (!complete) {
    const Duration stall_max = options.registry_answer_max;
    auto loading = download(loop, registry, plan, *folder, sink, stop, stall_max);
    CO_RETURN_IF_ERROR(co_await loading);
    auto unpacking = unpack_all(*layers, plan, *folder, sink, stop);
    CO_RETURN_IF_ERROR(co_await unpacking);
  }
  std::vector<LayerRef> refs;
  for (const auto& layer : plan.layers) refs.push_back(layer.ref);
  auto adding = add_image(plan.config, std::move(refs), pulled_names(registry.ref(), plan.digest));
  co_return co_await adding;
}

RegistryOptions ImageStore::Impl::registry_options() const {
  return {options.insecure_registries, policy_file, options.registry_answer_max};
}

os::Co<Result<ImagePtr>> ImageStore::pull(PullRequest request, ProgressSink progress,
                                          os::StopToken stop) {
  CO_ASSIGN_OR_RETURN(model::ImageRef ref, model::parse_image_ref(request.reference));
  ref = ref.with_default_tag();
  CO_ASSIGN_OR_RETURN(const Platform platform, parse_platform(request.platform));
  const auto guard = co_await impl_->pulls.acquire(ref.full_name() + " " + ref.familiar());
  const auto here = impl_->catalog.resolve(ref.familiar());
  if (here && !ref.digest.empty()) {
    progress({.status = "Digest: " + ref.digest});
    progress({.status = "Status: Image is up to date for " + ref.familiar()});
    co_return *here;
  }
  CO_ASSIGN_OR_RETURN(Registry registry, Registry::create(impl_->loop, impl_->registry_options(),
                                                          ref, request.registry_auth));
  CO_ASSIGN_OR_RETURN(const auto turn, co_await impl_->turns.take(ref.domain, stop));
  auto planning = plan_pull(registry, platform, !request.platform.empty(), stop);
  CO_ASSIGN_OR_RETURN(PullPlan plan, co_await planning);
  // Only now: a pull that cannot begin is an answer with a status, not a line of a stream.
  progress({.status = "Pulling from " + ref.path, .id = ref.digest.empty() ? ref.tag : ref.digest});
  auto bringing = impl_->bring_in(registry, plan, progress, stop);
  CO_ASSIGN_OR_RETURN(ImagePtr image, co_await bringing);
  const bool same = here && (*here)->id == image->id;
  progress({.status = "Digest: " + plan.digest});
  progress({.status = (same ? "Status: Image is up to date for "
                            : "Status: Downloaded newer image for ") +
                      ref.familiar()});
  co_return image;
}

os::Co<Result<DistributionInfo>> ImageStore::inspect_remote(PullRequest request,
                                                            os::StopToken stop) {
  CO_ASSIGN_OR_RETURN(model::ImageRef ref, model::parse_image_ref(request.reference));
  ref = ref.with_default_tag();
  CO_ASSIGN_OR_RETURN(Registry registry, Registry::create(impl_->loop, impl_->registry_options(),
                                                          ref, request.registry_auth));
  CO_ASSIGN_OR_RETURN(const auto turn, co_await impl_->turns.take(ref.domain, stop));
  CO_ASSIGN_OR_RETURN(const std::string bytes, co_await registry.manifest(ref.digest, stop));
  CO_RETURN_IF_ERROR(check_digest(bytes, ref.digest));
  CO_ASSIGN_OR_RETURN(const Manifest manifest, parse_manifest(bytes));
  DistributionInfo info{
      .media_type = manifest.media_type, .digest = digest_of(bytes), .size_bytes = bytes.size()};
  for (const auto& part : manifest.manifests) info.platforms.push_back(part.platform);
  if (!manifest.is_list()) {
    CO_ASSIGN_OR_RETURN(const std::string config, co_await registry.config(info.digest, stop));
    CO_ASSIGN_OR_RETURN(const Image image, parse_image_config(config));
    info.platforms.push_back(
        {.architecture = image.architecture, .os = image.os, .variant = image.variant});
  }
  co_return info;
}

}  // namespace shoal::images
