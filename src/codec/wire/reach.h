// The bytes of shoal.v1.Reach, Shoal's own service on the node protocol, and back: requests of a
// manager's clients for containers of another node (model/reach_protocol.h).
//
// Listen asks with an empty message and is answered with ids, one a message. Errors and limits of
// decode_*() as in dispatcher.h. Pure functions, any thread.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "model/reach_protocol.h"

namespace shoal::wire {

// A request with the longest body, or one piece.
inline constexpr size_t kReachInputBytesMax = model::kReachBodyMax + (size_t{64} << 10);
inline constexpr size_t kReachOutputBytesMax = model::kReachPieceMax + (size_t{1} << 10);

std::string encode_reach_call(const model::ReachId& id);
std::string encode(const model::ReachInput& input);
std::string encode(const model::ReachOutput& output);

Result<model::ReachId> decode_reach_call(std::string_view bytes);
Result<model::ReachInput> decode_reach_input(std::string_view bytes);
Result<model::ReachOutput> decode_reach_output(std::string_view bytes);

}  // namespace shoal::wire
