// Log lines as `docker logs` and `docker service logs` read them.
#pragma once

#include <functional>
#include <string>

#include "api/http/message.h"
#include "engine/log_file.h"
#include "model/common.h"
#include "os/co.h"

namespace shoal::api {

struct LogFormat {
  bool tty = false;  // raw; otherwise stdcopy frames
  bool timestamps = false;
  bool details = false;
  // With details: "key=value,key=value", escaped as in a URL.
  std::string attributes;
};

// One line in that form.
std::string format_line(const LogFormat& format, const engine::LogLine& line);

// Takes bytes; an error ends the stream.
using LogSink = std::function<os::Co<Result<void>>(std::string bytes)>;

// Carries all lines of `reader` to `sink`, many at once where they are there already. Returns at
// the end of the log; Cancelled when `stop` comes.
os::Co<Result<void>> write_log(engine::LogReader& reader, const LogFormat& format,
                               const LogSink& sink, os::StopToken stop);

// The parameters that all log endpoints share: stdout, stderr, follow, since, until, tail.
// InvalidArgument in Docker's words.
Result<engine::LogQuery> read_log_query(const Request& request);

// "1136073600.000000001" or RFC 3339; nothing for "" and "0".
Result<std::optional<Time>> parse_log_time(std::string_view name, std::string_view text);

// "a=b,c=d" with keys and values escaped as Go's url.QueryEscape does; sorted by key.
std::string attributes_text(const model::Labels& attributes);

}  // namespace shoal::api
