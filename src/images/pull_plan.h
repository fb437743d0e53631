// What a pull is about to fetch; private to this room.
#pragma once

#include <string>
#include <vector>

#include "images/catalog.h"
#include "images/image.h"
#include "images/layer_store.h"
#include "images/manifest.h"

namespace shoal::images {

// A layer on its way here.
struct ComingLayer {
  Descriptor blob;
  std::string diff_id;
  LayerRef ref;          // set when it is here, unpacked
  bool arrived = false;  // the blob is whole; the client has been told

  std::string name() const { return short_id(blob.digest); }
};

struct PullPlan {
  std::string digest;           // of what the name means: a manifest or a list of them
  std::string manifest_digest;  // of the manifest for the platform
  std::string config;           // the configuration's bytes
  Image image;                  // what they say
  std::vector<ComingLayer> layers;
};

}  // namespace shoal::images
