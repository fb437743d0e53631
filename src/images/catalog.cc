#include "images/catalog.h"

#include <fnmatch.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/check.h"

namespace shoal::images {
namespace {
using Json = nlohmann::json;

constexpr std::string_view kDigestPrefix = "sha256:";
constexpr std::string_view kHexDigits = "0123456789abcdef";
constexpr size_t kShortIdLength = 12;

bool is_digest_name(std::string_view familiar) {
  return familiar.find('@') != familiar.npos;
}

std::unexpected<Error> no_such_image(std::string_view text) {
  const auto ref = model::parse_image_ref(text);
  return not_found("No such image: {}", ref ? ref->with_default_tag().familiar() : text);
}

// A pattern with or without a tag, as path.Match of Go: "*" stops at slashes.
bool matches_reference(const std::string& pattern, const std::string& familiar) {
  const auto ref = model::parse_image_ref(familiar);
  CHECK(ref, "{}", familiar);
  return ::fnmatch(pattern.c_str(), familiar.c_str(), FNM_PATHNAME) == 0 ||
         ::fnmatch(pattern.c_str(), ref->familiar_name().c_str(), FNM_PATHNAME) == 0;
}

bool has_label(const Image& image, std::string_view wanted) {
  const size_t equals = wanted.find('=');
  const auto at = image.config.labels.find(std::string(wanted.substr(0, equals)));
  if (at == image.config.labels.end()) return false;
  return equals == wanted.npos || at->second == wanted.substr(equals + 1);
}

bool has_labels(const Image& image, const std::vector<std::string>& labels) {
  return std::all_of(labels.begin(), labels.end(),
                     [&](const auto& label) { return has_label(image, label); });
}

// Keeps the names that fit a pattern. Null when none does.
ImagePtr with_matching_names(const ImagePtr& image, const std::vector<std::string>& patterns) {
  if (patterns.empty()) return image;
  const auto fits_none = [&](const std::string& name) {
    return std::none_of(patterns.begin(), patterns.end(),
                        [&](const auto& pattern) { return matches_reference(pattern, name); });
  };
  Image copy = *image;
  std::erase_if(copy.repo_tags, fits_none);
  std::erase_if(copy.repo_digests, fits_none);
  if (copy.repo_tags.empty() && copy.repo_digests.empty()) return nullptr;
  return std::make_shared<const Image>(std::move(copy));
}

void insert_sorted(std::vector<std::string>& list, const std::string& item) {
  list.insert(std::lower_bound(list.begin(), list.end(), item), item);
}

std::vector<std::string> texts_of(const Json& object, const char* key) {
  std::vector<std::string> texts;
  const auto at = object.find(key);
  if (at == object.end() || !at->is_array()) return texts;
  for (const auto& item : *at) {
    if (item.is_string()) texts.push_back(item.get<std::string>());
  }
  return texts;
}

}  // namespace

std::vector<std::string> names_of(const Image& image) {
  std::vector<std::string> names = image.repo_tags;
  names.insert(names.end(), image.repo_digests.begin(), image.repo_digests.end());
  return names;
}

std::string short_id(std::string_view id) {
  if (id.starts_with(kDigestPrefix)) id.remove_prefix(kDigestPrefix.size());
  return std::string(id.substr(0, kShortIdLength));
}

bool is_id_prefix(const std::string& id, std::string_view text) {
  return !text.empty() && (id.starts_with(text) ||
                           std::string_view(id).substr(kDigestPrefix.size()).starts_with(text));
}

void Catalog::add(Image image) {
  const std::string id = image.id;
  image.repo_tags.clear();
  image.repo_digests.clear();
  images_.emplace(id, std::make_shared<const Image>(std::move(image)));
}

void Catalog::remove(const std::string& id) {
  const ImagePtr image = find(id);
  if (!image) return;
  for (const auto& name : names_of(*image)) by_name_.erase(name);
  images_.erase(id);
}

// Images are shared with readers: changed as a copy.
template <class Change>
void Catalog::change(const std::string& id, Change change) {
  auto& slot = images_.at(id);
  Image copy = *slot;
  change(copy);
  slot = std::make_shared<const Image>(std::move(copy));
}

void Catalog::name(const std::string& id, const std::string& familiar, Time now) {
  CHECK(images_.contains(id), "{}", id);
  const auto owner = by_name_.find(familiar);
  if (owner != by_name_.end() && owner->second == id) return;
  unname(familiar);
  by_name_[familiar] = id;
  change(id, [&](Image& image) {
    insert_sorted(is_digest_name(familiar) ? image.repo_digests : image.repo_tags, familiar);
    image.last_tagged = now;
  });
}

void Catalog::unname(const std::string& familiar) {
  const auto owner = by_name_.extract(familiar);
  if (owner.empty()) return;
  change(owner.mapped(), [&](Image& image) {
    std::erase(image.repo_tags, familiar);
    std::erase(image.repo_digests, familiar);
  });
}

ImagePtr Catalog::find(const std::string& id) const {
  const auto at = images_.find(id);
  return at == images_.end() ? nullptr : at->second;
}

ImagePtr Catalog::by_prefix(std::string_view text) const {
  if (text.starts_with(kDigestPrefix)) text.remove_prefix(kDigestPrefix.size());
  if (text.empty() || text.find_first_not_of(kHexDigits) != text.npos) return nullptr;
  const std::string prefix = std::string(kDigestPrefix) + std::string(text);
  const auto first = images_.lower_bound(prefix);
  if (first == images_.end() || !first->first.starts_with(prefix)) return nullptr;
  const auto second = std::next(first);
  if (second != images_.end() && second->first.starts_with(prefix)) return nullptr;
  return first->second;
}

Result<ImagePtr> Catalog::resolve(std::string_view text) const {
  const auto ref = model::parse_image_ref(text);
  if (ref) {
    // A digest says it all: a tag beside it is not looked at.
    const std::string name = ref->digest.empty() ? ref->with_default_tag().familiar()
                                                 : ref->familiar_name() + "@" + ref->digest;
    const auto at = by_name_.find(name);
    if (at != by_name_.end()) return images_.at(at->second);
    // By the digest of the configuration, as ids are also written.
    if (const auto image = find(ref->digest)) return image;
  }
  if (ImagePtr image = by_prefix(text)) return image;
  const bool is_id = text.find_first_not_of(kHexDigits) == text.npos && !text.empty();
  if (!ref && !is_id) return std::unexpected(ref.error());
  return no_such_image(text);
}

Result<std::vector<ImagePtr>> Catalog::list(const ImageFilter& filter) const {
  Time before = Time::max();
  Time since{INT64_MIN};
  if (!filter.before.empty()) {
    ASSIGN_OR_RETURN(const ImagePtr image, resolve(filter.before));
    before = image->created;
  }
  if (!filter.since.empty()) {
    ASSIGN_OR_RETURN(const ImagePtr image, resolve(filter.since));
    since = image->created;
  }
  if (filter.until) before = std::min(before, *filter.until);

  std::vector<ImagePtr> found;
  for (const auto& [id, image] : images_) {
    if (image->created >= before || image->created <= since) continue;
    if (filter.dangling && *filter.dangling != image->repo_tags.empty()) continue;
    if (!has_labels(*image, filter.labels)) continue;
    if (ImagePtr shown = with_matching_names(image, filter.references)) found.push_back(shown);
  }
  std::stable_sort(found.begin(), found.end(),
                   [](const auto& a, const auto& b) { return a->created > b->created; });
  return found;
}

std::string Catalog::text() const {
  Json list = Json::array();
  for (const auto& [id, image] : images_) {
    list.push_back({{"id", id},
                    {"tags", image->repo_tags},
                    {"digests", image->repo_digests},
                    {"tagged", image->last_tagged.unix_ns}});
  }
  return Json{{"version", 1}, {"images", std::move(list)}}.dump(1);
}

Result<std::vector<NamedImage>> Catalog::parse(std::string_view text) {
  const Json json = Json::parse(text, nullptr, false);
  if (!json.is_object() || !json.contains("images") || !json["images"].is_array()) {
    return internal_error("the list of images is damaged");
  }
  std::vector<NamedImage> named;
  for (const auto& item : json["images"]) {
    if (!item.is_object() || !item.contains("id") || !item["id"].is_string()) {
      return internal_error("the list of images is damaged");
    }
    const auto tagged = item.find("tagged");
    const bool has_time = tagged != item.end() && tagged->is_number_integer();
    named.push_back({item["id"].get<std::string>(), texts_of(item, "tags"),
                     texts_of(item, "digests"), Time{has_time ? tagged->get<int64_t>() : 0}});
  }
  return named;
}

}  // namespace shoal::images
