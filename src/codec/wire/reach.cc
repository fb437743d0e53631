#include "codec/wire/reach.h"

#include "codec/wire/parts.h"

namespace shoal::wire {
namespace {

constexpr size_t kReachCallBytesMax = 256;
constexpr uint32_t kStatusMin = 100, kStatusMax = 599;

void put(const model::ReachRequest& in, pb::ReachRequest* out) {
  out->set_method(in.method);
  out->set_path(in.path);
  for (const auto& [name, value] : in.query) {
    pb::Entry* entry = out->add_query();
    entry->set_key(name);
    entry->set_value(value);
  }
  out->set_api_minor(in.api_minor);
  out->set_content_type(in.content_type);
  out->set_body(in.body);
}

model::ReachRequest get(const pb::ReachRequest& in, Fault& fault) {
  model::ReachRequest out{.method = in.method(),
                          .path = in.path(),
                          .query = {},
                          .api_minor = in.api_minor(),
                          .content_type = in.content_type(),
                          .body = in.body()};
  const bool too_many = size_t(in.query_size()) > model::kReachQueryMax;
  if (too_many) fault.note("query: more than {}", model::kReachQueryMax);
  if (out.body.size() > model::kReachBodyMax) fault.note("body: {} bytes", out.body.size());
  if (!fault.reason.empty()) return out;
  for (const pb::Entry& entry : in.query()) out.query.emplace_back(entry.key(), entry.value());
  return out;
}

model::ReachHead get(const pb::ReachHead& in, Fault& fault) {
  if (in.status() < kStatusMin || in.status() > kStatusMax) {
    fault.note("head.status: {} is no status", in.status());
  }
  return {.form = enum_from(in.form(), model::ReachForm::Raw, "head.form", fault),
          .status = int(in.status()),
          .content_type = in.content_type()};
}

void check_piece(const std::string& bytes, Fault& fault) {
  if (bytes.size() > model::kReachPieceMax) fault.note("data: {} bytes", bytes.size());
}

}  // namespace

std::string encode_reach_call(const model::ReachId& id) {
  pb::ReachCall out;
  out.set_id(id.str());
  return bytes_of(out);
}

Result<model::ReachId> decode_reach_call(std::string_view bytes) {
  return read_message<pb::ReachCall>(
      bytes, kReachCallBytesMax, "reach call", [](const pb::ReachCall& in, Fault& fault) {
        return id_from<model::ReachId>(in.id(), Need::Required, "id", fault);
      });
}

std::string encode(const model::ReachInput& input) {
  pb::ReachInput out;
  if (input.request) put(*input.request, out.mutable_request());
  out.set_data(input.bytes);
  out.set_end(input.end);
  return bytes_of(out);
}

Result<model::ReachInput> decode_reach_input(std::string_view bytes) {
  return read_message<pb::ReachInput>(
      bytes, kReachInputBytesMax, "reach input", [](const pb::ReachInput& in, Fault& fault) {
        model::ReachInput out{.request = {}, .bytes = in.data(), .end = in.end()};
        if (in.has_request()) out.request = get(in.request(), fault);
        check_piece(out.bytes, fault);
        return out;
      });
}

std::string encode(const model::ReachOutput& output) {
  pb::ReachOutput out;
  out.set_id(output.id.str());
  if (output.head) {
    out.mutable_head()->set_form(uint32_t(output.head->form));
    out.mutable_head()->set_status(uint32_t(output.head->status));
    out.mutable_head()->set_content_type(output.head->content_type);
  }
  out.set_data(output.bytes);
  out.set_end(output.end);
  return bytes_of(out);
}

Result<model::ReachOutput> decode_reach_output(std::string_view bytes) {
  return read_message<pb::ReachOutput>(
      bytes, kReachOutputBytesMax, "reach output", [](const pb::ReachOutput& in, Fault& fault) {
        model::ReachOutput out{.id = id_from<model::ReachId>(in.id(), Need::Optional, "id", fault),
                               .head = {},
                               .bytes = in.data(),
                               .end = in.end()};
        if (in.has_head()) out.head = get(in.head(), fault);
        check_piece(out.bytes, fault);
        return out;
      });
}

}  // namespace shoal::wire
