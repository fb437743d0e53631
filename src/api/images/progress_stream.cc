#include "api/images/progress_stream.h"

#include "api/images/image_json.h"

namespace shoal::api {

void ProgressStream::add(const images::Progress& progress) {
  if (progress.total_bytes > 0 && lines_.size() >= kProgressLinesMax) return;
  add_line(progress_json(progress));
}

void ProgressStream::add_line(std::string line) {
  if (client_gone_) return;
  lines_.push_back(std::move(line));
  changed_.notify();
}

void ProgressStream::close(Result<void> result) {
  result_ = std::move(result);
  closed_ = true;
  changed_.notify();
}

os::Co<Result<void>> ProgressStream::send_waiting() {
  std::string text;
  while (!lines_.empty()) {
    text += lines_.front();
    lines_.pop_front();
  }
  if (text.empty()) co_return Result<void>{};
  if (!responder_.started()) {
    Response head;
    CO_RETURN_IF_ERROR(co_await responder_.start(std::move(head)));
  }
  co_return co_await responder_.write(std::move(text));
}

os::Co<Result<void>> ProgressStream::run() {
  while (!closed_ || !lines_.empty()) {
    if (lines_.empty()) {
      co_await changed_.wait();
      continue;
    }
    const Result<void> sent = co_await send_waiting();
    if (sent) continue;
    client_gone_ = true;  // The work is told by the request's stop token; wait for its end.
    lines_.clear();
  }
  if (result_ || !responder_.started()) co_return result_;
  lines_.push_back(stream_error_json(result_.error().message));
  co_return co_await send_waiting();
}

}  // namespace shoal::api
