#include "api/reach/carried_exchange.h"

#include "api/http/error.h"
#include "base/check.h"

namespace shoal::api {

using model::ReachForm;

os::Co<Result<std::string>> CarriedExchange::whole(size_t bytes_max) {
  if (body_.size() > bytes_max) {
    co_return too_large("the request body is larger than {} bytes", bytes_max);
  }
  co_return std::exchange(body_, {});
}

os::Co<Result<std::string>> CarriedExchange::next() {
  std::string piece = body_.substr(0, kPieceMax);
  body_.erase(0, piece.size());
  co_return piece;
}

void CarriedExchange::reply(Response response) {
  CHECK(!started_, "a whole answer after the head was sent");
  replied_ = true;
  reply_ = std::move(response);
}

os::Co<Result<void>> CarriedExchange::send_head(ReachForm form, int status,
                                                std::string content_type) {
  CHECK(!std::exchange(started_, true), "a second head");
  model::ReachOutput output;
  output.head = {.form = form, .status = status, .content_type = std::move(content_type)};
  co_return co_await visit_.write(std::move(output));
}

os::Co<Result<void>> CarriedExchange::start(Response head) {
  return send_head(ReachForm::Stream, head.status, std::move(head.content_type));
}

os::Co<Result<void>> CarriedExchange::write(std::string bytes) {
  CHECK(started_, "a piece before the head");
  for (size_t at = 0; at < bytes.size(); at += model::kReachPieceMax) {
    model::ReachOutput output;
    output.bytes = bytes.substr(at, model::kReachPieceMax);
    CO_RETURN_IF_ERROR(co_await visit_.write(std::move(output)));
  }
  co_return Result<void>{};
}

os::Co<Result<Hijacked*>> CarriedExchange::hijack(std::string content_type) {
  const auto sent = co_await send_head(ReachForm::Raw, 101, std::move(content_type));
  if (!sent) co_return std::unexpected(sent.error());
  co_return static_cast<Hijacked*>(this);
}

// The manager has reserved it when the answer is a long one of its own.
os::Co<Result<void>> CarriedExchange::reserve(size_t) {
  co_return Result<void>{};
}

os::Co<Result<std::string>> CarriedExchange::read(os::StopToken stop) {
  return visit_.read(std::move(stop));
}

void CarriedExchange::close_write() {
  if (ending_) return;
  ending_.emplace();
  os::spawn(send_end(*ending_));
}

os::Co<> CarriedExchange::send_end(os::OneShot<bool> sent) {
  model::ReachOutput output;
  output.end = true;
  const auto written = co_await visit_.write(std::move(output));
  sent.set(bool(written));
}

os::Co<Result<void>> CarriedExchange::finish(Result<void> result) {
  if (ending_) co_await *ending_;
  if (started_) co_return result;
  if (!result) {
    reply_ = error_response(result.error());
  } else if (!replied_) {
    const Error silent{ErrorCode::Internal, "the request was not answered"};
    reply_ = error_response(silent);
  }
  CO_RETURN_IF_ERROR(
      co_await send_head(ReachForm::Whole, reply_.status, std::move(reply_.content_type)));
  co_return co_await write(std::move(reply_.body));
}

}  // namespace shoal::api
