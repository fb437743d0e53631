// Inside codec: the task template of a service, and the networks that a service may also name.
#pragma once

#include <vector>

#include "codec/json_reader.h"
#include "codec/json_writer.h"
#include "model/service.h"

namespace shoal::codec {

Result<model::TaskSpec> decode_task_spec(JsonReader& reader);
void decode_networks(JsonReader& reader, std::vector<model::NetworkAttachmentConfig>& networks);
void encode_networks(JsonWriter& json, const std::vector<model::NetworkAttachmentConfig>& networks);

}  // namespace shoal::codec
