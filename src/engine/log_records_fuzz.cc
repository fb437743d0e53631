// Logs of containers, as conmon writes them and containers fill them.
#include "base/check.h"
#include "engine/log_records.h"
#include "fuzz/fuzz.h"

namespace shoal::fuzz {
namespace {

std::vector<engine::LogLine> assembled(std::string_view input, size_t piece) {
  engine::LogAssembler assembler;
  std::vector<engine::LogLine> lines;
  const auto drain = [&] {
    while (auto line = assembler.take()) lines.push_back(std::move(*line));
  };
  for (size_t at = 0; at < input.size(); at += piece) {
    assembler.feed(input.substr(at, piece));
    drain();
  }
  assembler.finish();
  drain();
  return lines;
}

}  // namespace

void run(std::string_view input) {
  (void)engine::parse_log_record(input);
  // Where the bytes are cut makes no difference.
  CHECK(assembled(input, input.size() + 1) == assembled(input, 11));
  for (const uint64_t wanted : {1, 3}) {
    engine::TailFinder finder(wanted);
    bool more = true;
    for (size_t end = input.size(); more && end > 0;) {
      const size_t size = std::min<size_t>(end, 13);
      end -= size;
      more = finder.feed_before(input.substr(end, size));
    }
    if (more) finder.finish_front();
    CHECK(finder.bytes_from_end() <= input.size());
  }
}

std::vector<std::string> seeds() {
  return {
      "2026-11-23T06:02:29.500000000+00:00 stdout F hello\n"
      "2026-11-23T06:02:29.600000000+00:00 stderr P a part\n"
      "2026-11-23T06:02:29.600000001+01:00 stdout F between\n"
      "2026-11-23T06:02:29.700000000+00:00 stderr F  and the rest\n",
      "2026-11-23T06:02:29.500000000+00:00 stdout P cut off", "no record\n\n\n"};
}

}  // namespace shoal::fuzz
