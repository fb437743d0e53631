// Sealed values and key files as a damaged disk, or somebody, may leave them.
#include "base/check.h"
#include "crypto/sealer.h"
#include "fuzz/fuzz.h"

namespace shoal::fuzz {
namespace {

constexpr std::string_view kName = "task/abc";

const crypto::Sealer& sealer() {
  static const auto made = crypto::Sealer::with_new_key();
  return *made;
}

}  // namespace

void run(std::string_view input) {
  const auto opened = sealer().open(kName, input);
  if (opened) CHECK(opened->size() + crypto::kSealedOverhead == input.size());
  CHECK(!sealer().open("task/abd", input) || !opened, "a value opens under two names");
  const auto other = crypto::Sealer::from_key_text(input);
  if (!other) return;
  const std::string sealed = (*other)->seal(kName, input);
  CHECK((*other)->open(kName, sealed).value() == input);
}

std::vector<std::string> seeds() {
  return {sealer().seal(kName, "a value"), sealer().seal(kName, ""), sealer().key_text()};
}

}  // namespace shoal::fuzz
