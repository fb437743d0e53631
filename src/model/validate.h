// What a spec must be to be taken, checked as Docker Swarm checks it and said in its words.
//
// Pure checks of one object by itself; what depends on other objects (names and ports that are
// taken, networks that exist) is checked where it is written. Of a node's spec Swarm checks nothing
// beyond its words, which codec/ does. Errors are InvalidArgument without the "rpc error: code = "
// in front, which api/ adds.
//
// Stricter than Swarm where Swarm takes what can never run or harms the manager: port numbers
// beyond 65535, a negative number of processes, generic resources that are no positive count, and
// more than kReplicasMax tasks.
#pragma once

#include "model/cluster.h"
#include "model/service.h"

namespace shoal::model {

inline constexpr size_t kNameLengthMax = 63;
inline constexpr int64_t kNanoCpusMin = 1'000'000;
inline constexpr int64_t kMemoryBytesMin = 4 << 20;
inline constexpr Duration kHealthDurationMin = 1ms;
inline constexpr uint32_t kPortMax = 65'535;
inline constexpr uint64_t kReplicasMax = 1'000'000;
inline constexpr Duration kCertificateExpiryMin = 1h;

// Names of services: letters and digits, with -, _ inside; at most kNameLengthMax.
Result<void> validate_name(const std::string& name);
Result<void> validate(const ServiceSpec& spec);
Result<void> validate(const ClusterSpec& spec);

}  // namespace shoal::model
