#include "daemon/logging.h"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

namespace shoal::daemon {
namespace {

spdlog::level::level_enum level_of(LogLevel level) {
  switch (level) {
    case LogLevel::Debug:
      return spdlog::level::debug;
    case LogLevel::Info:
      return spdlog::level::info;
    case LogLevel::Warn:
      return spdlog::level::warn;
    case LogLevel::Error:
      return spdlog::level::err;
  }
  return spdlog::level::info;
}

// Quoted when a reader of the line could not tell where the value ends.
void append_value(std::string& line, const std::string& value) {
  if (!value.empty() && value.find_first_of(" \"=\n\t") == std::string::npos) {
    line += value;
    return;
  }
  line += '"';
  for (const char c : value) {
    if (c == '"' || c == '\\') line += '\\';
    line += c == '\n' ? ' ' : c;
  }
  line += '"';
}

class SpdLog final : public Log {
 public:
  explicit SpdLog(LogLevel lowest)
      : logger_("shoald", std::make_shared<spdlog::sinks::stderr_sink_mt>()) {
    logger_.set_level(level_of(lowest));
    logger_.set_pattern("%Y-%m-%dT%H:%M:%S.%eZ %l %v", spdlog::pattern_time_type::utc);
    logger_.flush_on(spdlog::level::debug);
  }

  void write(LogLevel level, std::string_view sentence, Fields fields) override {
    if (!logger_.should_log(level_of(level))) return;
    std::string line(sentence);
    for (const auto& field : fields) {
      line += ' ';
      line += field.key;
      line += '=';
      append_value(line, field.value);
    }
    logger_.log(level_of(level), "{}", line);
  }

 private:
  spdlog::logger logger_;
};

}  // namespace

std::unique_ptr<Log> make_log(LogLevel lowest) {
  return std::make_unique<SpdLog>(lowest);
}

}  // namespace shoal::daemon
