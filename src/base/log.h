// The daemon's log, behind an interface: a fixed sentence and data as fields. Used in io and shell
// rooms only; pure rooms return what happened instead.
//
//   log.info("task assigned", {{"task", task.id}, {"node", node.id}});
#pragma once

#include <fmt/core.h>

#include <initializer_list>
#include <string>
#include <string_view>

namespace shoal {

enum class LogLevel { Debug, Info, Warn, Error };

struct LogField {
  std::string_view key;
  std::string value;

  template <class T>
  LogField(std::string_view k, const T& v) : key(k), value(fmt::format("{}", v)) {}
};

class Log {
 public:
  virtual ~Log() = default;
  virtual void write(LogLevel level, std::string_view sentence,
                     std::initializer_list<LogField> fields) = 0;

  using Fields = std::initializer_list<LogField>;
  void debug(std::string_view sentence, Fields fields = {}) {
    write(LogLevel::Debug, sentence, fields);
  }
  void info(std::string_view sentence, Fields fields = {}) {
    write(LogLevel::Info, sentence, fields);
  }
  void warn(std::string_view sentence, Fields fields = {}) {
    write(LogLevel::Warn, sentence, fields);
  }
  void error(std::string_view sentence, Fields fields = {}) {
    write(LogLevel::Error, sentence, fields);
  }
};

// Drops everything; for tests.
class NullLog final : public Log {
 public:
  void write(LogLevel, std::string_view, Fields) override {}
};

}  // namespace shoal
