#include "containers/names.h"

#include <algorithm>
#include <array>

namespace shoal::containers {
namespace {

constexpr std::array kManners = {
    "amber",   "ample",  "azure",  "bold",    "brave",  "brisk",  "bright", "calm",   "candid",
    "clever",  "cosmic", "crisp",  "curious", "deft",   "eager",  "early",  "fair",   "fleet",
    "fond",    "frosty", "gentle", "glad",    "golden", "grand",  "hardy",  "humble", "jolly",
    "keen",    "kind",   "lively", "loyal",   "lucid",  "mellow", "merry",  "nimble", "noble",
    "patient", "plucky", "proud",  "quick",   "quiet",  "rapid",  "ready",  "serene", "sharp",
    "silver",  "sleek",  "steady", "still",   "subtle", "sunny",  "swift",  "tidal",  "tidy",
    "vivid",   "warm",   "wise",   "witty"};
constexpr std::array kSwimmers = {
    "anchovy", "barb",     "bass",     "bream",    "carp",     "char",   "clam",     "cod",
    "conch",   "coral",    "crab",     "cuttle",   "dolphin",  "eel",    "flounder", "grouper",
    "gurnard", "haddock",  "hake",     "halibut",  "herring",  "kelp",   "lamprey",  "limpet",
    "ling",    "lobster",  "loach",    "mackerel", "manta",    "marlin", "minnow",   "mullet",
    "mussel",  "narwhal",  "nautilus", "octopus",  "orca",     "otter",  "oyster",   "perch",
    "pike",    "pilchard", "plaice",   "pollock",  "porpoise", "prawn",  "ray",      "roach",
    "salmon",  "sardine",  "seal",     "shad",     "shrimp",   "smelt",  "sole",     "sprat",
    "squid",   "starfish", "sturgeon", "tench",    "tetra",    "trout",  "tuna",     "turbot",
    "urchin",  "walrus",   "whelk",    "whiting",  "wrasse",   "zander"};

bool is_alphanumeric(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool is_name(std::string_view name) {
  return name.size() >= 2 && is_alphanumeric(name.front()) &&
         std::all_of(name.begin(), name.end(),
                     [](char c) { return is_alphanumeric(c) || c == '_' || c == '.' || c == '-'; });
}

}  // namespace

Result<std::string> check_container_name(std::string_view name) {
  const std::string_view bare = name.starts_with('/') ? name.substr(1) : name;
  if (!is_name(bare)) {
    return invalid_argument(
        "Invalid container name ({}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed", name);
  }
  return std::string(bare);
}

Result<void> check_volume_name(std::string_view name) {
  if (name.size() == 1) {
    return invalid_argument(
        "create {}: volume name is too short, names should be at least two "
        "alphanumeric characters",
        name);
  }
  if (!is_name(name)) {
    return invalid_argument(
        "create {}: \"{}\" includes invalid characters for a local volume name, only "
        "\"[a-zA-Z0-9][a-zA-Z0-9_.-]\" are allowed. If you intended to pass a host directory, use "
        "absolute path",
        name, name);
  }
  return {};
}

std::string make_up_name(Rng& rng, int attempt) {
  std::string name = fmt::format("{}_{}", kManners[rng.below(kManners.size())],
                                 kSwimmers[rng.below(kSwimmers.size())]);
  if (attempt > 0) name += char('0' + rng.below(10));
  return name;
}

std::string make_id(Rng& rng) {
  constexpr size_t kShortIdLength = 12;
  for (;;) {
    const std::string id =
        fmt::format("{:016x}{:016x}{:016x}{:016x}", rng.next(), rng.next(), rng.next(), rng.next());
    const auto is_letter = [](char c) { return c >= 'a'; };
    if (std::any_of(id.begin(), id.begin() + kShortIdLength, is_letter)) return id;
  }
}

}  // namespace shoal::containers
