#include "rpc/http2.h"

#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <array>

#include "rpc/connection.h"
#include "rpc/limits.h"
#include "rpc/status.h"

namespace shoal::rpc {
namespace {

constexpr std::string_view kContentType = "application/grpc";
// Settings in one SETTINGS frame, and acknowledgements that wait because the peer does not read.
constexpr size_t kSettingsMax = 32;
constexpr size_t kAcknowledgementsMax = 100;
constexpr size_t kContinuationsMax = 8;

std::string_view view(const uint8_t* text, size_t size) {
  return {reinterpret_cast<const char*>(text), size};
}

nghttp2_nv field(std::string_view name, std::string_view value) {
  const auto bytes = [](std::string_view text) {
    return reinterpret_cast<uint8_t*>(const_cast<char*>(text.data()));
  };
  return {bytes(name), bytes(value), name.size(), value.size(), NGHTTP2_NV_FLAG_NONE};
}

// grpc-status and grpc-message, as fields that point into this.
struct StatusFields {
  explicit StatusFields(const Result<void>& result)
      : status(std::to_string(result ? 0 : grpc_status(result.error().code))),
        text(result ? "" : encode_status_text(result.error().message)) {}

  void append_to(std::vector<nghttp2_nv>& fields) const {
    fields.push_back(field("grpc-status", status));
    if (!text.empty()) fields.push_back(field("grpc-message", text));
  }

  std::string status;
  std::string text;
};

std::optional<Error> error_of_reset(bool server, uint32_t code) {
  if (code == NGHTTP2_NO_ERROR) return std::nullopt;
  if (server) return Error{ErrorCode::Cancelled, "the client cancelled the call"};
  switch (code) {
    case NGHTTP2_CANCEL:
      return Error{ErrorCode::Cancelled, "the server cancelled the call"};
    case NGHTTP2_REFUSED_STREAM:
      return Error{ErrorCode::Unavailable, "the server refused the call"};
    case NGHTTP2_ENHANCE_YOUR_CALM:
      return Error{ErrorCode::TooLarge, "the server asks to calm down"};
    default:
      return Error{ErrorCode::Internal,
                   fmt::format("the server reset the call: {}", nghttp2_http2_strerror(code))};
  }
}

}  // namespace

// What the library calls. A member of this struct may touch Http2's private parts.
struct Http2Callbacks {
  static Http2& self(void* data) { return *static_cast<Http2*>(data); }

  static bool is_request(const Http2& http2, const nghttp2_frame* frame) {
    return http2.server_ && frame->headers.cat == NGHTTP2_HCAT_REQUEST;
  }

  static int on_begin_headers(nghttp2_session* session, const nghttp2_frame* frame, void* data) {
    Http2& http2 = self(data);
    http2.header_list_bytes_ = 0;
    if (!is_request(http2, frame)) return 0;
    auto stream = std::make_shared<Stream>(http2.connection_, true);
    stream->id = frame->hd.stream_id;
    nghttp2_session_set_stream_user_data(session, stream->id, stream.get());
    http2.streams_.emplace(stream->id, std::move(stream));
    return 0;
  }

  static int on_header(nghttp2_session*, const nghttp2_frame* frame, const uint8_t* name,
                       size_t name_size, const uint8_t* value, size_t value_size, uint8_t,
                       void* data) {
    Http2& http2 = self(data);
    http2.header_list_bytes_ += name_size + value_size + 32;
    if (http2.header_list_bytes_ > kHeaderListBytesMax) {
      http2.headers_too_long_ = true;
      return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    }
    if (Stream* stream = http2.find(frame->hd.stream_id)) {
      stream->head.add(view(name, name_size), view(value, value_size));
    }
    return 0;
  }

  static int on_frame(nghttp2_session*, const nghttp2_frame* frame, void* data) {
    Http2& http2 = self(data);
    if (frame->hd.type == NGHTTP2_GOAWAY) {
      http2.going_away_ = true;
      return 0;
    }
    if (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA) return 0;
    Stream* stream = http2.find(frame->hd.stream_id);
    if (!stream) return 0;
    const bool is_new = frame->hd.type == NGHTTP2_HEADERS && is_request(http2, frame);
    if (is_new) {
      http2.on_head_(*stream);
      http2.note(*stream, true);
    }
    if (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) {
      stream->on_end();
      if (!is_new) http2.note(*stream);
    }
    return 0;
  }

  static int on_bad_frame(nghttp2_session*, const nghttp2_frame*, int, void* data) {
    self(data).bad_frames_cost_ += kBadFramePrice;
    return 0;
  }

  static int on_data(nghttp2_session*, uint8_t, int32_t id, const uint8_t* bytes, size_t size,
                     void* data) {
    Http2& http2 = self(data);
    Stream* stream = http2.find(id);
    if (!stream) return 0;
    stream->on_data(view(bytes, size));
    http2.note(*stream);
    return 0;
  }

  static int on_close(nghttp2_session*, int32_t id, uint32_t code, void* data) {
    Http2& http2 = self(data);
    const auto found = http2.streams_.find(id);
    if (found == http2.streams_.end()) return 0;
    Stream& stream = *found->second;
    if (code == NGHTTP2_NO_ERROR) http2.budget_.earn(kCallWorth);
    stream.on_closed(error_of_reset(http2.server_, code), code == NGHTTP2_REFUSED_STREAM);
    http2.note(stream);
    http2.streams_.erase(found);
    return 0;
  }

  // A request that could not go out: the connection takes no new ones.
  static int on_not_sent(nghttp2_session*, const nghttp2_frame* frame, int, void* data) {
    Http2& http2 = self(data);
    if (frame->hd.type != NGHTTP2_HEADERS || http2.server_) return 0;
    const auto found = http2.streams_.find(frame->hd.stream_id);
    if (found == http2.streams_.end()) return 0;
    Error error{ErrorCode::Unavailable, "the connection takes no more calls"};
    found->second->on_closed(std::move(error), true);
    http2.note(*found->second);
    http2.streams_.erase(found);
    return 0;
  }

  // An answer that is complete while the client still sends: it may stop.
  static int on_sent(nghttp2_session* session, const nghttp2_frame* frame, void* data) {
    Http2& http2 = self(data);
    const bool ends = frame->hd.flags & NGHTTP2_FLAG_END_STREAM &&
                      (frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA);
    if (!http2.server_ || !ends) return 0;
    if (nghttp2_session_get_stream_remote_close(session, frame->hd.stream_id) == 0) {
      nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, frame->hd.stream_id, NGHTTP2_NO_ERROR);
    }
    return 0;
  }

  static ssize_t write(nghttp2_session*, const uint8_t* bytes, size_t size, int, void* data) {
    Http2& http2 = self(data);
    if (http2.out_->size() >= http2.out_max_) return NGHTTP2_ERR_WOULDBLOCK;
    http2.out_->append(view(bytes, size));
    return ssize_t(size);
  }

  // How much of the stream goes into the next data frame.
  static ssize_t measure(nghttp2_session* session, int32_t id, uint8_t*, size_t size_max,
                         uint32_t* flags, nghttp2_data_source* source, void*) {
    Stream& stream = *static_cast<Stream*>(source->ptr);
    const size_t size = std::min(size_max, stream.queued_bytes());
    const bool last = size == stream.queued_bytes() && stream.writing_finished();
    if (size == 0 && !last) {
      stream.deferred = true;
      return NGHTTP2_ERR_DEFERRED;
    }
    *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
    if (!last) return ssize_t(size);
    *flags |= NGHTTP2_DATA_FLAG_EOF;
    if (!stream.is_server()) return ssize_t(size);
    *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
    const StatusFields status(stream.result());
    std::vector<nghttp2_nv> fields;
    status.append_to(fields);
    nghttp2_submit_trailer(session, id, fields.data(), fields.size());
    return ssize_t(size);
  }

  static int write_data(nghttp2_session*, nghttp2_frame*, const uint8_t* frame_header, size_t size,
                        nghttp2_data_source* source, void* data) {
    Http2& http2 = self(data);
    if (http2.out_->size() >= http2.out_max_) return NGHTTP2_ERR_WOULDBLOCK;
    Stream& stream = *static_cast<Stream*>(source->ptr);
    http2.out_->append(view(frame_header, 9));
    stream.on_taken(size, *http2.out_);
    http2.connection_.queue_shrank(size);
    if (size >= kDataBytesMin) http2.budget_.earn(kDataWorth);
    http2.note(stream);
    return 0;
  }

  static nghttp2_session_callbacks* table() {
    static nghttp2_session_callbacks* const made = [] {
      nghttp2_session_callbacks* table = nullptr;
      CHECK(nghttp2_session_callbacks_new(&table) == 0);
      nghttp2_session_callbacks_set_on_begin_headers_callback(table, on_begin_headers);
      nghttp2_session_callbacks_set_on_header_callback(table, on_header);
      nghttp2_session_callbacks_set_on_frame_recv_callback(table, on_frame);
      nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(table, on_bad_frame);
      nghttp2_session_callbacks_set_on_data_chunk_recv_callback(table, on_data);
      nghttp2_session_callbacks_set_on_stream_close_callback(table, on_close);
      nghttp2_session_callbacks_set_on_frame_not_send_callback(table, on_not_sent);
      nghttp2_session_callbacks_set_on_frame_send_callback(table, on_sent);
      nghttp2_session_callbacks_set_send_callback(table, write);
      nghttp2_session_callbacks_set_send_data_callback(table, write_data);
      return table;
    }();
    return made;
  }

  static nghttp2_option* options() {
    static nghttp2_option* const made = [] {
      nghttp2_option* option = nullptr;
      CHECK(nghttp2_option_new(&option) == 0);
      nghttp2_option_set_no_auto_window_update(option, 1);
      nghttp2_option_set_max_settings(option, kSettingsMax);
      nghttp2_option_set_max_outbound_ack(option, kAcknowledgementsMax);
      nghttp2_option_set_max_continuations(option, kContinuationsMax);
      nghttp2_option_set_no_closed_streams(option, 1);
      return option;
    }();
    return made;
  }
};

void Http2::Deleter::operator()(nghttp2_session* session) const {
  nghttp2_session_del(session);
}

Http2::Http2(Connection& connection, bool of_server, uint32_t streams_max, Time now, OnHead on_head)
    : connection_(connection),
      server_(of_server),
      on_head_(std::move(on_head)),
      tracker_(of_server),
      budget_(now) {
  nghttp2_session* session = nullptr;
  const auto create = of_server ? nghttp2_session_server_new2 : nghttp2_session_client_new2;
  CHECK(create(&session, Http2Callbacks::table(), this, Http2Callbacks::options()) == 0);
  session_.reset(session);
  std::vector<nghttp2_settings_entry> settings = {
      {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, kStreamWindowBytes},
      {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, kHeaderListBytesMax},
  };
  if (of_server) {
    settings.push_back({NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, streams_max});
  } else {
    settings.push_back({NGHTTP2_SETTINGS_ENABLE_PUSH, 0});
  }
  nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, settings.data(), settings.size());
  nghttp2_session_set_local_window_size(session, NGHTTP2_FLAG_NONE, 0, kConnectionWindowBytes);
}

Http2::~Http2() = default;

Result<void> Http2::receive(std::string_view bytes, Time now) {
  const double cost = tracker_.put(bytes);
  const ssize_t used = nghttp2_session_mem_recv(
      session_.get(), reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
  if (used == NGHTTP2_ERR_FLOODED) return end(NGHTTP2_ENHANCE_YOUR_CALM, "a flood of frames");
  if (used == NGHTTP2_ERR_BAD_CLIENT_MAGIC) return end(NGHTTP2_PROTOCOL_ERROR, "no HTTP/2");
  if (used < 0) return end(NGHTTP2_PROTOCOL_ERROR, nghttp2_strerror(int(used)));
  if (cost < 0) budget_.earn(-cost);
  const double price = std::max(cost, 0.0) + std::exchange(bad_frames_cost_, 0);
  if (headers_too_long_) return end(NGHTTP2_ENHANCE_YOUR_CALM, "headers that are too long");
  if (!budget_.spend(price, now)) return end(NGHTTP2_ENHANCE_YOUR_CALM, "a flood of frames");
  return {};
}

std::unexpected<Error> Http2::end(uint32_t code, std::string_view reason) {
  nghttp2_session_terminate_session(session_.get(), code);
  return invalid_argument("the peer sent {}", reason);
}

void Http2::send(std::string& out, size_t bytes_max) {
  out_ = &out;
  out_max_ = bytes_max;
  nghttp2_session_send(session_.get());
  out_ = nullptr;
}

std::optional<Event> Http2::next_event() {
  if (events_.empty()) return std::nullopt;
  Event event = std::move(events_.front());
  events_.pop_front();
  event.stream->noted = false;
  return event;
}

void Http2::note(Stream& stream, bool is_new) {
  if (std::exchange(stream.noted, true) && !is_new) return;
  events_.push_back({stream.shared_from_this(), is_new});
}

Stream* Http2::find(int32_t id) {
  return static_cast<Stream*>(nghttp2_session_get_stream_user_data(session_.get(), id));
}

std::shared_ptr<Stream> Http2::open(const Metadata& headers) {
  std::vector<nghttp2_nv> fields;
  fields.reserve(headers.size());
  for (const auto& [name, value] : headers) fields.push_back(field(name, value));
  auto stream = std::make_shared<Stream>(connection_, false);
  nghttp2_data_provider provider{{.ptr = stream.get()}, Http2Callbacks::measure};
  const int32_t id = nghttp2_submit_request(session_.get(), nullptr, fields.data(), fields.size(),
                                            &provider, stream.get());
  if (id < 0) return nullptr;
  stream->id = id;
  streams_.emplace(id, stream);
  return stream;
}

void Http2::respond(Stream& stream) {
  std::vector<nghttp2_nv> fields = {field(":status", "200"), field("content-type", kContentType)};
  const StatusFields status(stream.result());
  if (stream.writing_finished() && stream.queued_bytes() == 0) {
    status.append_to(fields);
    nghttp2_submit_response(session_.get(), stream.id, fields.data(), fields.size(), nullptr);
    return;
  }
  nghttp2_data_provider provider{{.ptr = &stream}, Http2Callbacks::measure};
  nghttp2_submit_response(session_.get(), stream.id, fields.data(), fields.size(), &provider);
}

void Http2::refuse(Stream& stream, int http_status) {
  const std::string status = std::to_string(http_status);
  const std::vector<nghttp2_nv> fields = {field(":status", status)};
  nghttp2_submit_response(session_.get(), stream.id, fields.data(), fields.size(), nullptr);
}

void Http2::resume(Stream& stream) {
  if (std::exchange(stream.deferred, false)) nghttp2_session_resume_data(session_.get(), stream.id);
}

void Http2::reset(Stream& stream) {
  nghttp2_submit_rst_stream(session_.get(), NGHTTP2_FLAG_NONE, stream.id, NGHTTP2_CANCEL);
}

void Http2::consume(Stream& stream, size_t bytes) {
  nghttp2_session_consume_stream(session_.get(), stream.id, bytes);
}

void Http2::consume_of_connection(size_t bytes) {
  nghttp2_session_consume_connection(session_.get(), bytes);
}

void Http2::terminate() {
  going_away_ = true;
  nghttp2_session_terminate_session(session_.get(), NGHTTP2_ENHANCE_YOUR_CALM);
}

void Http2::go_away() {
  if (std::exchange(going_away_, true)) return;
  nghttp2_submit_goaway(session_.get(), NGHTTP2_FLAG_NONE,
                        nghttp2_session_get_last_proc_stream_id(session_.get()), NGHTTP2_NO_ERROR,
                        nullptr, 0);
}

bool Http2::finished() const {
  return !nghttp2_session_want_read(session_.get()) && !nghttp2_session_want_write(session_.get());
}

void Http2::abandon(const Error& why) {
  for (auto& [id, stream] : std::exchange(streams_, {})) {
    nghttp2_session_set_stream_user_data(session_.get(), id, nullptr);
    stream->on_closed(why, false);
    note(*stream);
  }
}

}  // namespace shoal::rpc
