#include "api/containers/streams.h"

namespace shoal::api {
namespace {

using engine::OutputStream;

constexpr std::string_view kControl = "ctrl-";

// What both directions of one connection share; on the frame of carry_streams.
struct Carrier {
  Hijacked& client;
  engine::Attachment& streams;
  StreamWishes wishes;
  os::StopSource over;  // one direction has ended for good
  bool detached = false;
};

bool is_wanted(const StreamWishes& wishes, OutputStream stream) {
  return stream == OutputStream::Stderr ? wishes.errors : wishes.output;
}

os::Co<> carry_input(Carrier& carrier, os::OneShot<bool> done) {
  DetachWatch watch(carrier.wishes.tty ? carrier.wishes.detach_keys : "");
  const os::StopToken over = carrier.over.token();
  for (;;) {
    auto typed = co_await carrier.client.read(over);
    if (!typed) break;
    if (typed->empty()) {  // The client may still want all of the output.
      if (carrier.wishes.input) carrier.streams.close_input();
      done.set(true);
      co_return;
    }
    if (!carrier.wishes.input) continue;
    auto bytes = watch.put(*typed);
    if (!bytes) {
      carrier.detached = true;
      break;
    }
    if (bytes->empty()) continue;
    const auto written = co_await carrier.streams.write(std::move(*bytes), over);
    // A process that closed its input may still have something to say.
    if (!written && written.error().code == ErrorCode::Cancelled) break;
  }
  carrier.over.stop();
  done.set(true);
}

// True when the output has ended by itself.
os::Co<bool> carry_output(Carrier& carrier) {
  const os::StopToken over = carrier.over.token();
  for (;;) {
    auto piece = co_await carrier.streams.read(over);
    if (!piece) co_return piece.error().code != ErrorCode::Cancelled;
    if (!*piece) co_return true;
    const auto& output = **piece;
    if (!is_wanted(carrier.wishes, output.stream)) continue;
    std::string bytes =
        carrier.wishes.tty ? output.bytes : stdcopy_frame(output.stream, output.bytes);
    const auto written = co_await carrier.client.write(std::move(bytes));
    if (!written) co_return false;
  }
}

}  // namespace

std::string stdcopy_frame(OutputStream stream, std::string_view bytes) {
  std::string frame(8, '\0');
  frame[0] = char(stream);
  for (int i = 0; i < 4; ++i) frame[size_t(4 + i)] = char(bytes.size() >> (8 * (3 - i)));
  frame.append(bytes);
  return frame;
}

std::string stream_content_type(ApiVersion version, bool tty) {
  constexpr ApiVersion kMultiplexedSince{1, 42};
  if (tty || version < kMultiplexedSince) return "application/vnd.docker.raw-stream";
  return "application/vnd.docker.multiplexed-stream";
}

Result<std::string> parse_detach_keys(std::string_view text) {
  const auto refuse = [&] { return invalid_argument("Invalid detach keys ({}) provided", text); };
  std::string keys;
  std::string_view rest = text;
  while (!rest.empty()) {
    const auto comma = rest.find(',');
    const std::string_view key = rest.substr(0, comma);
    rest = comma == std::string_view::npos ? "" : rest.substr(comma + 1);
    if (key.size() == 1) {
      keys += key[0];
      continue;
    }
    if (!key.starts_with(kControl) || key.size() != kControl.size() + 1) return refuse();
    const char letter = key.back();
    if (letter >= 'a' && letter <= 'z') {
      keys += char(letter - 'a' + 1);
    } else if (letter == '@' || (letter >= '[' && letter <= '_')) {
      keys += char(letter - '@');
    } else {
      return refuse();
    }
  }
  return keys;
}

std::optional<std::string> DetachWatch::put(std::string_view typed) {
  if (keys_.empty()) return std::string(typed);
  std::string pass;
  for (const char c : typed) {
    if (c == keys_[matched_]) {
      if (++matched_ == keys_.size()) return std::nullopt;
      continue;
    }
    pass.append(keys_, 0, matched_);
    matched_ = c == keys_[0] ? 1 : 0;
    if (matched_ == 0) pass += c;
  }
  return pass;
}

os::Co<StreamEnd> carry_streams(Hijacked& client, engine::Attachment& streams, StreamWishes wishes,
                                os::StopToken stop) {
  Carrier carrier{client, streams, std::move(wishes), {}};
  const auto guard = stop.on_stop([over = carrier.over] { over.stop(); });
  os::OneShot<bool> input_done;
  os::spawn(carry_input(carrier, input_done));
  const bool output_ended = co_await carry_output(carrier);
  carrier.over.stop();
  co_await input_done;
  if (carrier.detached) co_return StreamEnd::Detached;
  co_return output_ended ? StreamEnd::Output : StreamEnd::Client;
}

}  // namespace shoal::api
