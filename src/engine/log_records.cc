#include "engine/log_records.h"

namespace shoal::engine {
namespace {

size_t index_of(OutputStream stream) {
  return stream == OutputStream::Stderr ? 1 : 0;
}

}  // namespace

std::optional<LogRecord> parse_log_record(std::string_view line) {
  const size_t time_end = line.find(' ');
  if (time_end == std::string_view::npos) return std::nullopt;
  const size_t stream_end = line.find(' ', time_end + 1);
  if (stream_end == std::string_view::npos || line.size() < stream_end + 3) return std::nullopt;
  const auto time = parse_rfc3339(line.substr(0, time_end));
  const std::string_view stream = line.substr(time_end + 1, stream_end - time_end - 1);
  const char tag = line[stream_end + 1];
  if (!time || (stream != "stdout" && stream != "stderr") || (tag != 'P' && tag != 'F') ||
      line[stream_end + 2] != ' ') {
    return std::nullopt;
  }
  return LogRecord{*time, stream == "stderr" ? OutputStream::Stderr : OutputStream::Stdout,
                   tag == 'F', line.substr(stream_end + 3)};
}

void LogAssembler::feed(std::string_view bytes) {
  while (!bytes.empty()) {
    const size_t end = bytes.find('\n');
    if (end == std::string_view::npos) {
      unread_ += bytes;
      if (unread_.size() > kRecordBytesMax) {
        unread_.clear();
        passing_over_ = true;
      }
      return;
    }
    std::string_view line = bytes.substr(0, end);
    if (!unread_.empty()) line = unread_ += line;
    const bool is_whole = !std::exchange(passing_over_, false);
    if (const auto record = is_whole ? parse_log_record(line) : std::nullopt) add(*record);
    unread_.clear();
    bytes.remove_prefix(end + 1);
  }
}

void LogAssembler::add(const LogRecord& record) {
  auto& pending = pending_[index_of(record.stream)];
  if (!pending) pending = LogLine{record.time, record.stream, {}};
  pending->bytes += record.text;
  if (record.complete) {
    emit(*pending, true);
    pending.reset();
  } else if (pending->bytes.size() >= kLogLineMax) {
    emit(*pending, false);
    pending.reset();
  }
}

void LogAssembler::emit(LogLine& pending, bool newline) {
  if (newline) pending.bytes += '\n';
  ready_.push_back(std::move(pending));
}

void LogAssembler::finish() {
  unread_.clear();  // Half a record: conmon was killed while it wrote.
  auto* first = &pending_[0];
  auto* second = &pending_[1];
  if (*first && *second && (*second)->time < (*first)->time) std::swap(first, second);
  for (auto* pending : {first, second}) {
    if (*pending) emit(**pending, false);
    pending->reset();
  }
}

std::optional<LogLine> LogAssembler::take() {
  if (ready_.empty()) return std::nullopt;
  LogLine line = std::move(ready_.front());
  ready_.pop_front();
  return line;
}

bool TailFinder::feed_before(std::string_view bytes) {
  const std::string joined = std::string(bytes) + head_;
  fed_ += bytes.size();
  std::string_view rest = joined;  // Begins fed_ bytes before the end.
  while (!done_) {
    // A record runs from behind one newline up to the next.
    const std::string_view above = rest.substr(0, rest.empty() ? 0 : rest.size() - 1);
    const size_t newline = above.rfind('\n');
    if (newline == std::string_view::npos) break;
    see(above.substr(newline + 1), fed_ - newline - 1);
    rest = rest.substr(0, newline + 1);
  }
  head_ = rest;
  return !done_;
}

void TailFinder::finish_front() {
  if (done_ || head_.empty()) return;
  see(std::string_view(head_).substr(0, head_.size() - 1), fed_);
  head_.clear();
}

void TailFinder::see(std::string_view line, uint64_t start) {
  const auto record = parse_log_record(line);
  if (!record) return;
  bool& open = open_[index_of(record->stream)];
  if (record->complete && lines_ < wanted_) {
    ++lines_;
    open = true;
    start_ = wanted_start_ = start;
  } else if (record->complete) {
    ++passed_;
    open = false;
  } else if (open || lines_ < wanted_) {
    open = true;
    start_ = start;
    surplus_ = passed_;
  }
  const bool looked_far = start - wanted_start_ > kTailPiecesMax;
  done_ = lines_ == wanted_ && ((!open_[0] && !open_[1]) || looked_far);
}

}  // namespace shoal::engine
