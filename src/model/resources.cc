#include "model/resources.h"

#include <algorithm>

#include "base/check.h"

namespace shoal::model {
namespace {

int64_t count_of(const GenericResource& resource) {
  const auto* count = std::get_if<int64_t>(&resource.value);
  return count ? *count : 1;
}

}  // namespace

int64_t generic_count(const GenericResources& resources, const std::string& kind) {
  int64_t count = 0;
  for (const GenericResource& resource : resources) {
    if (resource.kind == kind) count += count_of(resource);
  }
  return count;
}

bool has_generic(const GenericResources& available, const GenericResources& wanted) {
  return std::ranges::all_of(wanted, [&](const GenericResource& want) {
    return generic_count(available, want.kind) >= generic_count(wanted, want.kind);
  });
}

GenericResources claim_generic(GenericResources& available, const GenericResources& wanted) {
  GenericResources claimed;
  for (const GenericResource& want : wanted) {
    int64_t left = count_of(want);
    for (GenericResource& piece : available) {
      if (left == 0) break;
      if (piece.kind != want.kind) continue;
      if (auto* count = std::get_if<int64_t>(&piece.value)) {
        const int64_t part = std::min(*count, left);
        if (part > 0) claimed.push_back({want.kind, part});
        *count -= part;
        left -= part;
      } else {
        claimed.push_back(piece);
        piece.kind.clear();  // Taken; swept below.
        --left;
      }
    }
    CHECK(left == 0, "{} of {} are missing", left, want.kind);
  }
  std::erase_if(available, [](const GenericResource& piece) { return piece.kind.empty(); });
  return claimed;
}

void take_generic(GenericResources& available, const GenericResources& taken) {
  for (const GenericResource& piece : taken) {
    for (auto at = available.begin(); at != available.end(); ++at) {
      if (at->kind != piece.kind || at->value.index() != piece.value.index()) continue;
      if (auto* count = std::get_if<int64_t>(&at->value)) {
        *count -= std::get<int64_t>(piece.value);
        break;
      }
      if (at->value == piece.value) {
        available.erase(at);
        break;
      }
    }
  }
}

}  // namespace shoal::model
