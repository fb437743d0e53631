// Catalog: which images there are and what they are called. In memory, no disk, no time of its own:
// the store writes down what text() gives and brings it back with restore().
//
// Invariant: a name belongs to one image; Image::repo_tags and repo_digests are exactly its names.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "images/image.h"
#include "model/image_ref.h"

namespace shoal::images {

// What names and ids an image had when it was written down.
struct NamedImage {
  std::string id;
  std::vector<std::string> tags;     // familiar: "web:latest"
  std::vector<std::string> digests;  // "web@sha256:…"
  Time last_tagged;
};

class Catalog {
 public:
  // Takes the image in, without names. The same one again changes nothing.
  void add(Image image);
  // Takes it out, with its names.
  void remove(const std::string& id);
  // Names are familiar forms with a tag or with a digest. A name of another image moves here.
  void name(const std::string& id, const std::string& familiar, Time now);
  void unname(const std::string& familiar);

  // As ImageStore::resolve and list.
  Result<ImagePtr> resolve(std::string_view text) const;
  Result<std::vector<ImagePtr>> list(const ImageFilter& filter) const;
  // Null when there is none with exactly this id.
  ImagePtr find(const std::string& id) const;
  // All, by id.
  const std::map<std::string, ImagePtr>& images() const { return images_; }

  std::string text() const;
  static Result<std::vector<NamedImage>> parse(std::string_view text);

 private:
  ImagePtr by_prefix(std::string_view text) const;
  template <class Change>
  void change(const std::string& id, Change change);

  std::map<std::string, ImagePtr> images_;      // by id
  std::map<std::string, std::string> by_name_;  // familiar name to id
};

// All names of an image: tags, then digests.
std::vector<std::string> names_of(const Image& image);
// The id without "sha256:", cut to 12 digits.
std::string short_id(std::string_view id);
// True when `text` was meant as (a part of) this image's id, not as a name.
bool is_id_prefix(const std::string& id, std::string_view text);

}  // namespace shoal::images
