#include "api/reach/forward.h"

#include <algorithm>
#include <utility>

namespace shoal::api {

using manager::NodeReach;
using model::ReachInput;
using model::ReachOutput;

namespace {

static_assert(kPieceMax <= model::kReachPieceMax, "what a client sends fits into one message");

constexpr size_t kFrameHead = 8;
constexpr char kSystemError = 3;  // the stream of stdcopy that Docker's client prints as an error

// What both directions of one connection share; on the frame of forward_raw.
struct Splice {
  Hijacked& client;
  NodeReach::Tunnel& tunnel;
  os::StopSource over;  // one direction has ended for good
};

os::Co<> carry_input(Splice& splice, os::OneShot<bool> done) {
  const os::StopToken over = splice.over.token();
  bool open = true;
  while (open) {
    auto typed = co_await splice.client.read(over);
    if (!typed) {
      splice.over.stop();
      break;
    }
    open = !typed->empty();
    ReachInput input;
    input.bytes = std::move(*typed);
    input.end = !open;
    const auto written = co_await splice.tunnel.write(std::move(input), over);
    if (!written) break;  // The other direction learns why.
  }
  done.set(true);
}

// The error of the tunnel, if any; success also when the client takes no more.
template <class Client>
os::Co<Result<void>> carry_output(ReachOutput first, NodeReach::Tunnel& tunnel, Client& client,
                                  FrameCursor& cursor, os::StopToken stop) {
  ReachOutput output = std::move(first);
  for (;;) {
    if (!output.bytes.empty()) {
      cursor.put(output.bytes);
      CO_RETURN_IF_ERROR(co_await client.write(std::move(output.bytes)));
    }
    if constexpr (requires { client.close_write(); }) {
      if (output.end) client.close_write();
    }
    auto next = co_await tunnel.read(stop);
    if (!next) co_return std::unexpected(next.error());
    if (!*next) co_return Result<void>{};
    output = std::move(**next);
  }
}

// Cancelled: the client is gone, there is nobody to tell.
template <class Client>
os::Co<> tell(Client& client, Notice notice, const FrameCursor& cursor, Error error) {
  if (error.code == ErrorCode::Cancelled) co_return;
  std::string text = notice_text(notice, cursor, error.message);
  if (text.empty()) co_return;
  (void)co_await client.write(std::move(text));
}

}  // namespace

void FrameCursor::put(std::string_view bytes) {
  while (!bytes.empty()) {
    if (left_ > 0) {
      const size_t content = std::min<size_t>(left_, bytes.size());
      left_ -= uint32_t(content);
      bytes.remove_prefix(content);
      continue;
    }
    length_ = length_ << 8 | uint8_t(bytes.front());  // The older half of the head falls out.
    bytes.remove_prefix(1);
    if (++head_bytes_ < kFrameHead) continue;
    head_bytes_ = 0;
    left_ = std::exchange(length_, 0);
  }
}

std::string notice_text(Notice form, const FrameCursor& cursor, std::string_view reason) {
  if (form == Notice::Plain) return fmt::format("\r\n{}\r\n", reason);
  if (form == Notice::None || !cursor.at_boundary()) return "";
  std::string frame(kFrameHead, '\0');
  frame[0] = kSystemError;
  for (size_t i = 0; i < 4; ++i) frame[4 + i] = char(reason.size() >> (8 * (3 - i)));
  return frame.append(reason);
}

os::Co<Result<ReachOutput>> first_output(NodeReach::Tunnel& tunnel, os::StopToken stop) {
  auto first = co_await tunnel.read(std::move(stop));
  if (!first) co_return std::unexpected(first.error());
  if (!*first || !(*first)->head) co_return internal_error("the node's answer has no head");
  co_return std::move(**first);
}

os::Co<Result<Response>> whole_answer(ReachOutput first, NodeReach::Tunnel& tunnel,
                                      os::StopToken stop) {
  Response response{.status = first.head->status,
                    .content_type = std::move(first.head->content_type),
                    .body = std::move(first.bytes)};
  for (;;) {
    auto next = co_await tunnel.read(stop);
    if (!next) co_return std::unexpected(next.error());
    if (!*next) co_return response;
    response.body += (*next)->bytes;
    if (response.body.size() > kCarriedAnswerMax) {
      co_return internal_error("the node's answer is longer than {} bytes", kCarriedAnswerMax);
    }
  }
}

os::Co<Result<void>> forward_stream(ReachOutput first, NodeReach::Tunnel& tunnel,
                                    Responder& responder, Notice notice, os::StopToken stop) {
  Response head{.status = first.head->status, .content_type = std::move(first.head->content_type)};
  CO_RETURN_IF_ERROR(co_await responder.start(std::move(head)));
  FrameCursor cursor;
  auto carried = co_await carry_output(std::move(first), tunnel, responder, cursor, stop);
  if (!carried) co_await tell(responder, notice, cursor, carried.error());
  co_return carried;
}

os::Co<Result<void>> forward_raw(ReachOutput first, NodeReach::Tunnel& tunnel, Responder& responder,
                                 Notice notice, os::StopToken stop) {
  auto client = co_await responder.hijack(std::move(first.head->content_type));
  if (!client) co_return std::unexpected(client.error());
  Splice splice{**client, tunnel, {}};
  const auto guard = stop.on_stop([over = splice.over] { over.stop(); });
  os::OneShot<bool> input_done;
  os::spawn(carry_input(splice, input_done));
  FrameCursor cursor;
  auto carried =
      co_await carry_output(std::move(first), tunnel, splice.client, cursor, splice.over.token());
  if (!carried) co_await tell(splice.client, notice, cursor, carried.error());
  splice.over.stop();
  co_await input_done;
  co_return carried;
}

}  // namespace shoal::api
