// What a peer says above HTTP/2's frames, in one input: messages cut in any way, header fields,
// timeouts and statuses; and the frame headers that the tracker follows.
#include "base/check.h"
#include "fuzz/fuzz.h"
#include "rpc/frame_tracker.h"
#include "rpc/head.h"
#include "rpc/message_reader.h"
#include "rpc/status.h"

namespace shoal::fuzz {
namespace {

constexpr size_t kMessageMax = 1000;

// Everything that comes out, and how it ended.
struct Read {
  std::vector<std::string> messages;
  bool bad = false;
  bool at_boundary = false;

  bool operator==(const Read&) const = default;
};

void take_all(rpc::MessageReader& reader, Read& read) {
  while (true) {
    auto message = reader.take();
    if (!message) read.bad = true;
    if (!message || !*message) return;
    CHECK((*message)->size() <= kMessageMax);
    read.messages.push_back(std::move(**message));
  }
}

// However the bytes are cut and whenever they are taken, the same messages come out.
Read read_in_pieces(std::string_view bytes, size_t piece_bytes, bool take_at_once) {
  rpc::MessageReader reader(kMessageMax);
  Read read;
  for (size_t at = 0; at < bytes.size(); at += piece_bytes) {
    reader.put(bytes.substr(at, piece_bytes));
    CHECK(reader.held_bytes() <= bytes.size());
    if (take_at_once) take_all(reader, read);
  }
  take_all(reader, read);
  read.at_boundary = !read.bad && reader.at_boundary();
  return read;
}

void messages(std::string_view bytes) {
  const Read whole = read_in_pieces(bytes, std::max<size_t>(bytes.size(), 1), false);
  for (const size_t piece_bytes : {1, 3, 7}) {
    CHECK(read_in_pieces(bytes, piece_bytes, true) == whole);
    CHECK(read_in_pieces(bytes, piece_bytes, false) == whole);
  }
}

void words(std::string_view text) {
  CHECK(rpc::decode_status_text(rpc::encode_status_text(text.substr(0, 1000))) ==
        text.substr(0, 1000));
  (void)rpc::decode_status_text(text);
  (void)rpc::parse_http_status(text);
  if (const auto status = rpc::parse_status(text); status && *status) rpc::error_code(*status);
  if (const auto timeout = rpc::parse_timeout(text); timeout && *timeout < Duration::max() / 2) {
    const auto again = rpc::parse_timeout(rpc::format_timeout(*timeout));
    CHECK(again && *again >= *timeout);
  }
}

// Lines of "name=value".
void head(std::string_view text) {
  rpc::Head head;
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    const size_t equals = std::min(line.find('='), line.size());
    words(line);
    head.add(line.substr(0, equals), line.substr(std::min(equals + 1, line.size())));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
  }
}

void frames(std::string_view bytes) {
  rpc::FrameTracker whole(true), cut(true);
  const double cost = whole.put(bytes);
  double sum = 0;
  for (size_t at = 0; at < bytes.size(); at += 5) sum += cut.put(bytes.substr(at, 5));
  CHECK(cost == sum && whole.incomplete() == cut.incomplete());
}

}  // namespace

void run(std::string_view input) {
  messages(input);
  head(input);
  frames(input);
}

std::vector<std::string> seeds() {
  const auto framed = [](std::string_view message) {
    const rpc::Prefix prefix = rpc::message_prefix(uint32_t(message.size()));
    return std::string(prefix.data(), prefix.size()) + std::string(message);
  };
  return {framed("") + framed("first") + framed(std::string(900, 'x')),
          framed("good") + std::string("\1\0\0\0\1x", 6),
          framed("good") + std::string("\0\x40\0\0\0", 5),
          ":method=POST\n:path=/a.B/C\ncontent-type=application/grpc\ngrpc-timeout=5S\nx-note=n",
          ":status=200\ngrpc-status=9\ngrpc-message=100%25 gr%C3%B6%C3%9Fer",
          "99999999H\n1n\n10S\n16\n17\n%zz%4",
          std::string(24, 'p') + std::string("\0\0\0\4\0\0\0\0\0", 9) +
              std::string("\0\0\3\1\0\0\0\0\1abc", 12) + std::string("\0\0\0\x09\4\0\0\0\1", 9)};
}

}  // namespace shoal::fuzz
