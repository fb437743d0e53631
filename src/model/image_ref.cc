#include "model/image_ref.h"

#include <algorithm>

namespace shoal::model {
namespace {

constexpr std::string_view kDefaultDomain = "docker.io";
constexpr std::string_view kLegacyDomain = "index.docker.io";
constexpr std::string_view kOfficial = "library/";
constexpr std::string_view kHexDigits = "0123456789abcdef";
constexpr std::string_view kDigestPrefix = "sha256:";
constexpr size_t kDigestHexLength = 64;
constexpr size_t kNameLengthMax = 255;
constexpr size_t kTagLengthMax = 128;

bool is_lower_or_digit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}
bool is_upper(char c) {
  return c >= 'A' && c <= 'Z';
}
bool is_alphanumeric(char c) {
  return is_lower_or_digit(c) || is_upper(c);
}

bool all_of(std::string_view text, bool (*fits)(char)) {
  return std::all_of(text.begin(), text.end(), fits);
}

std::string_view cut_front(std::string_view& text, char separator) {
  const size_t end = std::min(text.find(separator), text.size());
  const std::string_view part = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return part;
}

// Runs of lower-case letters and digits, with ".", "_", "__" or dashes between them.
bool is_path_part(std::string_view part) {
  if (part.empty() || !is_lower_or_digit(part.front()) || !is_lower_or_digit(part.back())) {
    return false;
  }
  for (size_t i = 0; i < part.size();) {
    if (is_lower_or_digit(part[i])) {
      ++i;
      continue;
    }
    const size_t end = std::min(part.find_first_not_of(part[i], i), part.size());
    const size_t length_max = part[i] == '-' ? part.size() : part[i] == '_' ? 2 : 1;
    const bool separator = part[i] == '-' || part[i] == '_' || part[i] == '.';
    if (!separator || end - i > length_max || !is_lower_or_digit(part[end])) return false;
    i = end;
  }
  return true;
}

bool is_path(std::string_view path) {
  if (path.empty() || path.back() == '/') return false;
  while (!path.empty()) {
    if (!is_path_part(cut_front(path, '/'))) return false;
  }
  return true;
}

bool is_host(std::string_view host) {
  if (host.starts_with('[')) {
    return host.ends_with(']') && host.size() > 2 &&
           host.substr(1, host.size() - 2).find_first_not_of("0123456789abcdefABCDEF:") ==
               host.npos;
  }
  if (host.empty() || host.back() == '.') return false;
  while (!host.empty()) {
    const std::string_view label = cut_front(host, '.');
    const bool ends_fit =
        !label.empty() && is_alphanumeric(label.front()) && is_alphanumeric(label.back());
    if (!ends_fit || !all_of(label, [](char c) { return is_alphanumeric(c) || c == '-'; })) {
      return false;
    }
  }
  return true;
}

bool is_domain(std::string_view domain) {
  const size_t colon = domain.rfind(':');
  if (colon == domain.npos || domain.ends_with(']')) return is_host(domain);
  const std::string_view port = domain.substr(colon + 1);
  return !port.empty() && all_of(port, [](char c) { return c >= '0' && c <= '9'; }) &&
         is_host(domain.substr(0, colon));
}

// The first part is a registry when it cannot be a part of a path on the default one.
bool names_registry(std::string_view first) {
  return first.find_first_of(".:") != first.npos || first == "localhost" ||
         std::any_of(first.begin(), first.end(), is_upper);
}

void split_domain(std::string_view name, ImageRef& ref) {
  const size_t slash = name.find('/');
  if (slash != name.npos && names_registry(name.substr(0, slash))) {
    ref.domain = name.substr(0, slash);
    ref.path = name.substr(slash + 1);
  } else {
    ref.domain = kDefaultDomain;
    ref.path = name;
  }
  if (ref.domain == kLegacyDomain) ref.domain = kDefaultDomain;
  if (ref.domain == kDefaultDomain && ref.path.find('/') == ref.path.npos) {
    ref.path = std::string(kOfficial) + ref.path;
  }
}

}  // namespace

std::string ImageRef::full_name() const {
  return domain + "/" + path;
}

std::string ImageRef::familiar_name() const {
  if (domain != kDefaultDomain) return full_name();
  const std::string_view rest(path);
  const bool official =
      rest.starts_with(kOfficial) && rest.find('/', kOfficial.size()) == rest.npos;
  return official ? path.substr(kOfficial.size()) : path;
}

std::string ImageRef::familiar() const {
  std::string text = familiar_name();
  if (!tag.empty()) text += ":" + tag;
  if (!digest.empty()) text += "@" + digest;
  return text;
}

ImageRef ImageRef::with_default_tag() const {
  ImageRef completed = *this;
  if (tag.empty() && digest.empty()) completed.tag = "latest";
  return completed;
}

bool is_sha256_digest(std::string_view text) {
  return text.size() == kDigestPrefix.size() + kDigestHexLength &&
         text.starts_with(kDigestPrefix) &&
         text.substr(kDigestPrefix.size()).find_first_not_of(kHexDigits) == text.npos;
}

bool is_image_tag(std::string_view text) {
  return !text.empty() && text.size() <= kTagLengthMax && text[0] != '.' && text[0] != '-' &&
         all_of(text,
                [](char c) { return is_alphanumeric(c) || c == '_' || c == '.' || c == '-'; });
}

Result<ImageRef> parse_image_ref(std::string_view text) {
  const auto invalid = [] { return invalid_argument("invalid reference format"); };
  if (text.size() == kDigestHexLength && text.find_first_not_of(kHexDigits) == text.npos) {
    return invalid_argument(
        "invalid repository name ({}), cannot specify 64-byte hexadecimal strings", text);
  }
  ImageRef ref;
  std::string_view name = text;
  if (const size_t at = name.find('@'); at != name.npos) {
    ref.digest = name.substr(at + 1);
    if (!is_sha256_digest(ref.digest)) return invalid();
    name = name.substr(0, at);
  }
  const size_t colon = name.rfind(':');
  if (colon != name.npos && name.find('/', colon) == name.npos) {
    ref.tag = name.substr(colon + 1);
    if (!is_image_tag(ref.tag)) return invalid();
    name = name.substr(0, colon);
  }
  if (name.empty()) return invalid();
  split_domain(name, ref);
  if (std::any_of(ref.path.begin(), ref.path.end(), is_upper)) {
    return invalid_argument("invalid reference format: repository name ({}) must be lowercase",
                            ref.path);
  }
  if (!is_domain(ref.domain) || !is_path(ref.path)) return invalid();
  if (ref.full_name().size() > kNameLengthMax) {
    return invalid_argument("repository name must not be more than {} characters", kNameLengthMax);
  }
  return ref;
}

}  // namespace shoal::model
