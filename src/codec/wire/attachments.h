// The bytes of the messages of docker.swarmkit.v1.ResourceAllocator, and back: what a node asks for
// a container that a user attaches to a network (model/attach_protocol.h).
//
// AttachNetwork answers with the attachment's id, which is what DetachNetwork asks with; that one's
// answer is empty. Errors of decode_*() as in dispatcher.h. Pure functions, any thread.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "model/attach_protocol.h"

namespace shoal::wire {

// Of a request with as many aliases as one may have.
inline constexpr size_t kAttachRequestBytesMax = size_t{64} << 10;

std::string encode(const model::AttachRequest& request);
std::string encode_attachment(const model::TaskId& id);

Result<model::AttachRequest> decode_attach_request(std::string_view bytes);
Result<model::TaskId> decode_attachment(std::string_view bytes);

}  // namespace shoal::wire
