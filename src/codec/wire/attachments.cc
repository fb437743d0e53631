#include "codec/wire/attachments.h"

#include "codec/wire/dispatcher.h"
#include "codec/wire/parts.h"

namespace shoal::wire {

std::string encode(const model::AttachRequest& request) {
  pb::AttachRequest out;
  put(request.network, out.mutable_network());
  out.set_container_id(request.container_id);
  return bytes_of(out);
}

std::string encode_attachment(const model::TaskId& id) {
  pb::AttachmentOnly out;
  out.set_attachment_id(id.str());
  return bytes_of(out);
}

Result<model::AttachRequest> decode_attach_request(std::string_view bytes) {
  return read_message<pb::AttachRequest>(bytes, kAttachRequestBytesMax, "attach request",
                                         [](const pb::AttachRequest& in, Fault& fault) {
                                           return model::AttachRequest{
                                               .network = get(in.network(), fault),
                                               .container_id = in.container_id()};
                                         });
}

Result<model::TaskId> decode_attachment(std::string_view bytes) {
  return read_message<pb::AttachmentOnly>(
      bytes, kSmallMessageBytesMax, "attachment", [](const pb::AttachmentOnly& in, Fault& fault) {
        return id_from<model::TaskId>(in.attachment_id(), Need::Required, "attachment_id", fault);
      });
}

}  // namespace shoal::wire
