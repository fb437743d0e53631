// The part of ImageStore that takes names and images away, in the order and with the words of
// `docker rmi` (moby, daemon/images/image_delete.go).
#include <algorithm>
#include <set>

#include "images/impl.h"
#include "os/file.h"

namespace shoal::images {
namespace {

bool is_digest_name(std::string_view name) {
  return name.find('@') != name.npos;
}

std::string repository_of(const std::string& familiar) {
  const auto ref = model::parse_image_ref(familiar);
  return ref ? ref->familiar_name() : familiar;
}

// At most one tag, and digests only of the same repository: then an id stands for the name.
bool is_single_reference(const Image& image) {
  if (image.repo_tags.size() + image.repo_digests.size() <= 1) return true;
  if (image.repo_tags.size() > 1) return false;
  std::set<std::string> repositories;
  for (const auto& name : names_of(image)) repositories.insert(repository_of(name));
  return repositories.size() == 1;
}

std::unexpected<Error> delete_conflict(const Image& image, bool hard, const std::string& why) {
  return conflict("conflict: unable to delete {} ({}) - {}", short_id(image.id),
                  hard ? "cannot be forced" : "must be forced", why);
}

// What stands in the way of deleting the image itself.
Result<void> check_delete(const Image& image, bool force, bool check_names,
                          const std::vector<ImageUser>& users) {
  for (const auto& user : users) {
    if (!user.running) continue;
    return delete_conflict(
        image, true, "image is being used by running container " + short_id(user.container_id));
  }
  if (force) return {};
  if (check_names && names_of(image).size() > 1) {
    return delete_conflict(image, false, "image is referenced in multiple repositories");
  }
  if (!users.empty()) {
    return delete_conflict(
        image, false,
        "image is being used by stopped container " + short_id(users.front().container_id));
  }
  return {};
}

struct Removal {
  Catalog& catalog;
  std::string id;
  std::vector<RemovedItem> records;

  ImagePtr image() const { return catalog.find(id); }
  void untag(const std::string& name) {
    catalog.unname(name);
    records.push_back({.untagged = name});
  }
  void untag_all() {
    for (const auto& name : names_of(*image())) untag(name);
  }
  // A digest without any tag of its repository means nothing to anybody.
  void untag_lonely_digests(const std::string& repository) {
    const ImagePtr now = image();
    const auto same = [&](const auto& name) { return repository_of(name) == repository; };
    if (std::any_of(now->repo_tags.begin(), now->repo_tags.end(), same)) return;
    for (const auto& name : now->repo_digests) {
      if (same(name)) untag(name);
    }
  }
};

// The name of the image that the caller wrote; NotFound when it is none of its names.
std::string name_written(const Image& image, const std::string& text) {
  const auto ref = model::parse_image_ref(text);
  if (!ref) return "";
  const std::string name = ref->digest.empty() ? ref->with_default_tag().familiar()
                                               : ref->familiar_name() + "@" + ref->digest;
  const auto names = names_of(image);
  return std::find(names.begin(), names.end(), name) == names.end() ? "" : name;
}

// Takes the name away. True when the image itself is to go, too.
Result<bool> remove_by_name(Removal& removal, const std::string& written, const std::string& name,
                            bool force, const std::vector<ImageUser>& users) {
  const ImagePtr image = removal.image();
  if (!force && is_single_reference(*image) && !users.empty()) {
    return conflict(
        "conflict: unable to remove repository reference \"{}\" (must force) - container {} is "
        "using its referenced image {}",
        written, short_id(users.front().container_id), short_id(image->id));
  }
  removal.untag(name);
  if (!is_digest_name(name)) removal.untag_lonely_digests(repository_of(name));
  if (!names_of(*removal.image()).empty()) return false;
  // A container that runs keeps its image, which has no name any more; one that does not run keeps
  // only the layers.
  return std::none_of(users.begin(), users.end(), [](const auto& user) { return user.running; });
}

Result<bool> remove_by_id(Removal& removal, bool force, const std::vector<ImageUser>& users) {
  const ImagePtr image = removal.image();
  RETURN_IF_ERROR(check_delete(*image, force, !is_single_reference(*image), users));
  removal.untag_all();
  return true;
}

}  // namespace

os::Co<Result<std::vector<RemovedItem>>> ImageStore::remove(std::string name, bool force,
                                                            ImageUsers users) {
  CO_ASSIGN_OR_RETURN(const ImagePtr image, impl_->catalog.resolve(name));
  const std::vector<ImageUser> using_it = users(image->id);
  Removal removal{impl_->catalog, image->id, {}};
  const std::string known = name_written(*image, name);
  auto whole = known.empty() ? remove_by_id(removal, force, using_it)
                             : remove_by_name(removal, name, known, force, using_it);
  if (!whole) co_return std::unexpected(whole.error());
  if (*whole) impl_->drop_image(image, removal.records);
  CO_RETURN_IF_ERROR(co_await impl_->persist());
  if (*whole) co_await impl_->delete_config(image->id);
  co_return std::move(removal.records);
}

os::Co<Result<PruneReport>> ImageStore::prune(ImageFilter filter, ImageUsers users) {
  // All unused ones, or (unless the caller says otherwise) those without a name.
  const bool all = filter.dangling && !*filter.dangling;
  filter.dangling = all ? std::nullopt : std::optional(true);
  CO_ASSIGN_OR_RETURN(const std::vector<ImagePtr> found, impl_->catalog.list(filter));
  const uint64_t before = impl_->layers->size_bytes();
  PruneReport report;
  std::vector<std::string> dropped;
  for (const auto& image : found) {
    if (!users(image->id).empty()) continue;
    Removal removal{impl_->catalog, image->id, {}};
    removal.untag_all();
    impl_->drop_image(image, removal.records);
    report.removed.insert(report.removed.end(), removal.records.begin(), removal.records.end());
    dropped.push_back(image->id);
  }
  report.reclaimed_bytes = before - impl_->layers->size_bytes();
  CO_RETURN_IF_ERROR(co_await impl_->persist());
  for (const auto& id : dropped) co_await impl_->delete_config(id);
  co_return std::move(report);
}

os::Co<> ImageStore::Impl::delete_config(std::string id) {
  if (catalog.find(id)) co_return;  // Came back meanwhile.
  const std::string path = config_path(id);
  auto job = [&] { return ::unlink(path.c_str()); };
  co_await loop.offload(std::move(job));
}

}  // namespace shoal::images
