// The records of a k8s-file log, put together into lines. Pure: bytes in, lines out.
#pragma once

#include <deque>
#include <optional>
#include <string>
#include <string_view>

#include "engine/log_file.h"

namespace shoal::engine {

// One physical line: "2026-11-23T06:02:29.500000000+00:00 stdout P text". `text` points into it.
struct LogRecord {
  Time time;
  OutputStream stream = OutputStream::Stdout;
  bool complete = true;  // F: the output's line ends here
  std::string_view text;
};
// Without the newline at its end; nothing when it is not of that form.
std::optional<LogRecord> parse_log_record(std::string_view physical_line);

// conmon writes records of about 8 KiB; what is longer than this is none, and passed over.
inline constexpr size_t kRecordBytesMax = 64 * 1024;

// Joins the pieces of lines. Pieces of both streams may be mixed; each line comes out when it is
// complete, or in parts of kLogLineMax.
class LogAssembler {
 public:
  // Bytes of the file in order, cut anywhere.
  void feed(std::string_view bytes);
  // No more bytes will come: what is incomplete becomes a line without a newline.
  void finish();
  // The next line, oldest first.
  std::optional<LogLine> take();

 private:
  void add(const LogRecord& record);
  void emit(LogLine& pending, bool newline);

  std::string unread_;                 // the physical line that is not whole yet
  bool passing_over_ = false;          // the rest of one that is too long
  std::optional<LogLine> pending_[2];  // by stream
  std::deque<LogLine> ready_;
};

// Looks at the end of a log from behind: how much of it to read for the last lines.
class TailFinder {
 public:
  // wanted: at least 1.
  explicit TailFinder(uint64_t wanted) : wanted_(wanted) {}

  // `bytes` are those just before the ones given last. False once enough has been seen.
  bool feed_before(std::string_view bytes);
  // There is nothing before what was fed.
  void finish_front();
  // How many bytes, counted from the end, hold the wanted lines and every piece of them.
  uint64_t bytes_from_end() const { return start_; }
  // Other lines, to be passed over, that end among those bytes before the last wanted ones do.
  uint64_t surplus() const { return surplus_; }

 private:
  // `start`: where the record begins, in bytes from the end.
  void see(std::string_view physical_line, uint64_t start);

  const uint64_t wanted_;
  uint64_t fed_ = 0;
  uint64_t start_ = 0;
  uint64_t lines_ = 0;             // wanted ones seen
  uint64_t wanted_start_ = 0;      // where the first of them ends
  uint64_t passed_ = 0;            // lines seen beyond the wanted ones
  uint64_t surplus_ = 0;           // those of them that lie behind start_
  bool open_[2] = {false, false};  // a wanted line of this stream may have pieces further ahead
  bool done_ = false;
  std::string head_;  // the physical line at the front, which may begin further ahead
};

// How far ahead of the wanted lines their first pieces are looked for.
inline constexpr uint64_t kTailPiecesMax = 256 * 1024;

}  // namespace shoal::engine
