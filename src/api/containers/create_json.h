// The body of POST /containers/create: Docker's Config, HostConfig and NetworkingConfig.
#pragma once

#include <string_view>

#include "codec/json_reader.h"
#include "model/container.h"

namespace shoal::api {

// InvalidArgument for malformed JSON, wrong types and bad values; Unimplemented names an option
// that this version cannot keep, rather than to run a container without it.
Result<model::ContainerConfig> decode_create(std::string_view body);

// The parts; used by decode_create.
Result<void> decode_config(codec::JsonReader& config, model::ContainerConfig& out);
Result<void> decode_host_config(codec::JsonReader& host, model::ContainerConfig& out);
Result<void> decode_networking(codec::JsonReader& networking, model::ContainerConfig& out);

// A list of words, or one text as a list of one (Go's strslice).
void read_words(codec::JsonReader& reader, std::string_view key, std::vector<std::string>& out);

// "80/tcp", "53/udp", "80": InvalidArgument `invalid port specification: "x"`.
Result<model::PortBinding> parse_container_port(std::string_view text);

}  // namespace shoal::api
