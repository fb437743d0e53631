#include "codec/wire/parts.h"

#include <algorithm>

namespace shoal::wire {
namespace {

constexpr int64_t kNanosPerSecond = 1'000'000'000;
// Go's zero time, 0001-01-01: nobody set it.
constexpr int64_t kNeverSeconds = -62'135'596'800;

// Seconds and nanoseconds as nanoseconds; false when they are none or do not fit.
bool to_nanos(int64_t seconds, int32_t nanos, int64_t& out) {
  const __int128 total = __int128(seconds) * kNanosPerSecond + nanos;
  const bool fraction = nanos > -kNanosPerSecond && nanos < kNanosPerSecond;
  out = int64_t(total);
  return fraction && out == total;
}

}  // namespace

// The fraction of a timestamp counts upwards also before 1970.
void put(Time in, pb::Timestamp* out) {
  int64_t seconds = in.unix_ns / kNanosPerSecond;
  int64_t nanos = in.unix_ns % kNanosPerSecond;
  if (nanos < 0) --seconds, nanos += kNanosPerSecond;
  out->set_seconds(seconds);
  out->set_nanos(int32_t(nanos));
}

Time get(const pb::Timestamp& in, const char* what, Fault& fault) {
  if (in.seconds() == kNeverSeconds) return {};
  Time time;
  const bool valid = in.nanos() >= 0 && to_nanos(in.seconds(), in.nanos(), time.unix_ns);
  if (!valid) fault.note("{}: out of range", what);
  return valid ? time : Time();
}

void put(Duration in, pb::Duration* out) {
  out->set_seconds(in.count() / kNanosPerSecond);
  out->set_nanos(int32_t(in.count() % kNanosPerSecond));
}

Duration get(const pb::Duration& in, const char* what, Fault& fault) {
  int64_t nanos = 0;
  const bool same_sign =
      (in.seconds() <= 0 || in.nanos() >= 0) && (in.seconds() >= 0 || in.nanos() <= 0);
  const bool valid = same_sign && to_nanos(in.seconds(), in.nanos(), nanos);
  if (!valid) fault.note("{}: out of range", what);
  return Duration{valid ? nanos : 0};
}

Word word_of(std::string_view text, std::span<const std::string_view> words) {
  for (size_t i = 0; i < words.size(); ++i) {
    if (words[i] == text) return {.number = uint32_t(i), .exact = true};
  }
  return {};
}

std::string word_from(uint32_t number, std::span<const std::string_view> words, const char* what,
                      Fault& fault) {
  if (number < words.size()) return std::string(words[number]);
  fault.note("unknown {} {}", what, number);
  return {};
}

void put(const model::Meta& in, pb::Meta* out) {
  out->mutable_version()->set_index(in.version);
  if (in.created_at.is_set()) put(in.created_at, out->mutable_created_at());
  if (in.updated_at.is_set()) put(in.updated_at, out->mutable_updated_at());
}

model::Meta get(const pb::Meta& in, Fault& fault) {
  return {.version = in.version().index(),
          .created_at = get(in.created_at(), "created_at", fault),
          .updated_at = get(in.updated_at(), "updated_at", fault)};
}

void put(const model::Annotations& in, pb::Annotations* out) {
  out->set_name(in.name);
  put_labels(in.labels, out->mutable_labels());
}

model::Annotations get(const pb::Annotations& in, Fault& fault) {
  return {.name = in.name(), .labels = labels_from(in.labels(), "labels", fault)};
}

void put(const model::Driver& in, pb::Driver* out) {
  out->set_name(in.name);
  put_labels(in.options, out->mutable_options());
}

model::Driver get(const pb::Driver& in, Fault& fault) {
  return {.name = in.name(), .options = labels_from(in.options(), "driver options", fault)};
}

void put(const model::Platform& in, pb::Platform* out) {
  out->set_architecture(in.architecture);
  out->set_os(in.os);
}

model::Platform get(const pb::Platform& in, Fault&) {
  return {.architecture = in.architecture(), .os = in.os()};
}

void put(const model::GenericResource& in, pb::GenericResource* out) {
  if (const auto* count = std::get_if<int64_t>(&in.value)) {
    out->mutable_counted()->set_kind(in.kind);
    out->mutable_counted()->set_value(*count);
  } else {
    out->mutable_named()->set_kind(in.kind);
    out->mutable_named()->set_value(std::get<std::string>(in.value));
  }
}

model::GenericResource get(const pb::GenericResource& in, Fault& fault) {
  if (in.has_counted()) return {.kind = in.counted().kind(), .value = in.counted().value()};
  if (!in.has_named()) fault.note("a generic resource that is neither counted nor named");
  return {.kind = in.named().kind(), .value = in.named().value()};
}

void put(const model::Resources& in, pb::Resources* out) {
  out->set_nano_cpus(in.nano_cpus);
  out->set_memory_bytes(in.memory_bytes);
  put_all(in.generic, out->mutable_generic());
  out->set_pids(in.pids);
}

model::Resources get(const pb::Resources& in, Fault& fault) {
  return {.nano_cpus = in.nano_cpus(),
          .memory_bytes = in.memory_bytes(),
          .pids = in.pids(),
          .generic = all_from<model::GenericResource>(in.generic(), "generic resources", fault)};
}

void put(const model::PortConfig& in, pb::PortConfig* out) {
  out->set_name(in.name);
  out->set_protocol(uint32_t(in.protocol));
  out->set_target_port(in.target_port);
  out->set_published_port(in.published_port);
  out->set_publish_mode(uint32_t(in.mode));
}

model::PortConfig get(const pb::PortConfig& in, Fault& fault) {
  if (in.target_port() > 65535 || in.published_port() > 65535) {
    fault.note("port {}: not a port", std::max(in.target_port(), in.published_port()));
  }
  return {.name = in.name(),
          .protocol = enum_from(in.protocol(), model::PortProtocol::Sctp, "protocol", fault),
          .target_port = in.target_port(),
          .published_port = in.published_port(),
          .mode = enum_from(in.publish_mode(), model::PublishMode::Host, "publish mode", fault)};
}

// Docker Engines dereference driver state and driver without asking.
void put(const model::NetworkAttachment& in, pb::NetworkAttachment* out) {
  out->mutable_network()->set_id(in.network.str());
  out->mutable_network()->mutable_driver_state();
  out->mutable_network()->mutable_ipam()->mutable_driver();
  put_strings(in.addresses, out->mutable_addresses());
  put_strings(in.aliases, out->mutable_aliases());
}

model::NetworkAttachment get(const pb::NetworkAttachment& in, Fault& fault) {
  return {.network = id_from<model::NetworkId>(in.network().id(), Need::Optional,
                                               "networks.network.id", fault),
          .addresses = strings_from(in.addresses(), "networks.addresses", fault),
          .aliases = strings_from(in.aliases(), "networks.aliases", fault)};
}

}  // namespace shoal::wire
