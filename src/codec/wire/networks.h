// The bytes of the messages of Networks (shoal.v1.Networks), the node protocol's part of our own,
// and back: what a node is told of its networks, and its answers.
//
// Watch asks with a session's id; Acknowledge has an empty answer: no bytes. Errors of decode_*()
// as in dispatcher.h. Pure functions, any thread.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "model/network_feed.h"

namespace shoal::wire {

// The largest message that is decoded. It comes from a manager, which the node trusts; 100,000
// endpoints take about 15 MB.
inline constexpr size_t kNetworksBytesMax = size_t(64) << 20;
inline constexpr int kNetworkChangesMax = 1'000'000;
// A VXLAN's number has 24 bits.
inline constexpr uint32_t kVniMax = (1 << 24) - 1;

std::string encode_watch_request(const model::SessionId& session);
std::string encode(const model::NetworksMessage& message);
std::string encode(const model::NetworksAck& ack);

Result<model::SessionId> decode_watch_request(std::string_view bytes);
Result<model::NetworksMessage> decode_networks(std::string_view bytes);
Result<model::NetworksAck> decode_networks_ack(std::string_view bytes);

}  // namespace shoal::wire
