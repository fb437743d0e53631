// Inside codec/wire only: the few things that the model keeps as JSON and the wire as fields, or
// the other way round. Pure functions, any thread.
#pragma once

#include <string>
#include <vector>

#include "codec/fields/fields.h"
#include "codec/wire/wire.pb.h"

namespace shoal::wire {

using Options = std::vector<std::vector<std::string>>;

// [["noexec"],["uid","5"]], as Docker Engines write it; empty for no options.
std::string options_text(const Options& options);
Options options_from(const std::string& text, codec::Fault& fault);

// {"Config":"…"}, {"File":"…"} or {"Registry":"…"} of Docker's API.
void put_credential_spec(const std::string& json, pb::CredentialSpec* out);
std::string credential_spec_from(const pb::CredentialSpec& in, codec::Fault& fault);

// {"Disable":true,"User":"…","Role":"…","Type":"…","Level":"…"} of Docker's API.
void put_selinux(const std::string& json, pb::SelinuxContext* out);
std::string selinux_from(const pb::SelinuxContext& in, codec::Fault& fault);

}  // namespace shoal::wire
