#include "api/containers/log_stream.h"

#include <charconv>

#include "api/containers/streams.h"
#include "containers/parallel.h"

namespace shoal::api {
namespace {

constexpr size_t kBatchBytes = size_t{8} << 10;

void append_escaped(std::string& out, std::string_view text) {
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '_' || c == '.' || c == '~';
    if (plain) {
      out += c;
    } else if (c == ' ') {
      out += '+';
    } else {
      out += fmt::format("%{:02X}", uint8_t(c));
    }
  }
}

// The digits behind the point as nanoseconds.
Result<int64_t> parse_fraction(std::string_view digits) {
  if (digits.empty() || digits.size() > 9 ||
      digits.find_first_not_of("0123456789") != std::string_view::npos) {
    return invalid_argument("bad fraction");
  }
  int64_t nanoseconds = 0;
  for (size_t i = 0; i < 9; ++i) {
    nanoseconds = nanoseconds * 10 + (i < digits.size() ? digits[i] - '0' : 0);
  }
  return nanoseconds;
}

}  // namespace

std::string attributes_text(const model::Labels& attributes) {
  std::string text;
  for (const auto& [key, value] : attributes) {
    if (!text.empty()) text += ',';
    append_escaped(text, key);
    text += '=';
    append_escaped(text, value);
  }
  return text;
}

std::string format_line(const LogFormat& format, const engine::LogLine& line) {
  std::string text;
  if (format.timestamps) text += to_rfc3339_nano(line.time) + " ";
  if (format.details) text += format.attributes + " ";
  text += line.bytes;
  return format.tty ? text : stdcopy_frame(line.stream, text);
}

os::Co<Result<void>> write_log(engine::LogReader& reader, const LogFormat& format,
                               const LogSink& sink, os::StopToken stop) {
  std::string batch;
  for (;;) {
    const auto reading = containers::begin(reader.next(stop));
    // What is there goes out before we wait for more.
    if (!batch.empty() && (!reading.is_set() || batch.size() >= kBatchBytes)) {
      std::string bytes = std::exchange(batch, {});
      const auto sent = co_await sink(std::move(bytes));
      if (!sent) {
        (void)co_await reading;
        co_return sent;
      }
    }
    auto line = co_await reading;
    if (!line) co_return std::unexpected(line.error());
    if (!*line) break;
    batch += format_line(format, **line);
  }
  if (batch.empty()) co_return Result<void>{};
  co_return co_await sink(std::move(batch));
}

Result<std::optional<Time>> parse_log_time(std::string_view name, std::string_view text) {
  if (text.empty() || text == "0") return std::nullopt;
  if (auto time = parse_rfc3339(text)) return *time;
  const auto refuse = [&] { return invalid_argument("invalid value for \"{}\": {}", name, text); };
  const auto point = text.find('.');
  const auto whole = text.substr(0, point);
  int64_t seconds = 0;
  const auto end = whole.data() + whole.size();
  constexpr int64_t kSecondsMax = INT64_MAX / 1'000'000'000 - 1;
  const auto parsed = std::from_chars(whole.data(), end, seconds);
  if (parsed.ec != std::errc() || parsed.ptr != end || seconds < 0 || seconds > kSecondsMax) {
    return refuse();
  }
  Time time{seconds * 1'000'000'000};
  if (point == std::string_view::npos) return time;
  const auto fraction = parse_fraction(text.substr(point + 1));
  if (!fraction) return refuse();
  return time + Duration(*fraction);
}

Result<engine::LogQuery> read_log_query(const Request& request) {
  engine::LogQuery query;
  query.stdout_wanted = request.query_flag("stdout");
  query.stderr_wanted = request.query_flag("stderr");
  if (!query.stdout_wanted && !query.stderr_wanted) {
    return invalid_argument("Bad parameters: you must choose at least one stream");
  }
  query.follow = request.query_flag("follow");
  ASSIGN_OR_RETURN(query.since, parse_log_time("since", request.query_value("since")));
  ASSIGN_OR_RETURN(query.until, parse_log_time("until", request.query_value("until")));
  const auto tail = request.query_value("tail");
  uint64_t lines = 0;
  const auto end = tail.data() + tail.size();
  // Anything that is no number means all, as Docker reads it.
  const auto parsed = std::from_chars(tail.data(), end, lines);
  if (parsed.ec == std::errc() && parsed.ptr == end) query.tail = lines;
  return query;
}

}  // namespace shoal::api
