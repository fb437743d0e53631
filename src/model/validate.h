// What a spec must be to be taken, checked as Docker Swarm checks it and said in its words.
//
// Pure checks of one object by itself; what depends on other objects (names and ports that are
// taken, networks that exist) is checked where it is written. Of a node's spec Swarm checks nothing
// beyond its words, which codec/ does. Errors are InvalidArgument without the "rpc error: code = "
// in front, which api/ adds.
//
// Stricter than Swarm where Swarm takes what can never run or harms the manager: port numbers
// beyond 65535, a negative number of processes, generic resources that are no positive count, more
// than kReplicasMax tasks, a network named twice, aliases that no resolver would ask for, an MTU
// that is none.
#pragma once

#include "model/cluster.h"
#include "model/network.h"
#include "model/service.h"

namespace shoal::model {

inline constexpr size_t kNameLengthMax = 63;
inline constexpr int64_t kNanoCpusMin = 1'000'000;
inline constexpr int64_t kMemoryBytesMin = 4 << 20;
inline constexpr Duration kHealthDurationMin = 1ms;
inline constexpr uint32_t kPortMax = 65'535;
inline constexpr uint64_t kReplicasMax = 1'000'000;
inline constexpr Duration kCertificateExpiryMin = 1h;
inline constexpr size_t kHostNameLengthMax = 253;
inline constexpr size_t kAliasesMax = 64;  // of one service in one network
inline constexpr uint32_t kMtuMinV4 = 68;
inline constexpr uint32_t kMtuMinV6 = 1280;
inline constexpr uint32_t kMtuMax = 65'535;

// Names of services and networks: letters and digits, with -, _ inside; at most kNameLengthMax.
Result<void> validate_name(const std::string& name);
Result<void> validate(const ServiceSpec& spec);
Result<void> validate(const ClusterSpec& spec);
// An overlay network. Unimplemented for options that this version does not have. Subnets are the
// allocator's to check (allocator/networks.h).
Result<void> validate(const NetworkSpec& spec);
// The networks of a service; by what they are called here, which need not tell them apart.
Result<void> validate(const std::vector<NetworkAttachmentConfig>& networks);

}  // namespace shoal::model
