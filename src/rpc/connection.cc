#include "rpc/connection.h"

#include <algorithm>
#include <array>

#include "rpc/limits.h"

namespace shoal::rpc {
namespace {

// A record of TLS.
constexpr size_t kPlainBytes = 16384;
// After our last word the peer may still send this much, this long, and none of it is looked at:
// closing at once would take the last word away from it.
constexpr size_t kDiscardMax = size_t{1} << 20;
constexpr Duration kDiscardTime = 1s;

Time after(Time since, Duration duration) {
  if (!since.is_set() || duration == Duration::max()) return Time::max();
  return since + duration;
}

}  // namespace

Connection::Connection(os::Loop& loop, bool of_server, std::unique_ptr<os::Socket> socket,
                       std::unique_ptr<Tls> tls, Peer peer, ConnectionLimits limits,
                       MessageAccount& account, std::shared_ptr<Owner> owner)
    : loop_(loop),
      socket_(std::move(socket)),
      tls_(std::move(tls)),
      peer_(std::move(peer)),
      limits_(limits),
      account_(account),
      owner_(std::move(owner)),
      http2_(*this, of_server, limits.streams_max, loop.now(),
             [this](Stream& stream) { owner_->on_head(stream); }) {
  idle_since_ = loop_.now();
  if (http2_.incomplete()) incomplete_since_ = loop_.now();
}

Connection::~Connection() = default;

os::Co<> Connection::run() {
  const auto self = shared_from_this();
  flush();  // Our settings.
  watch();
  while (!closed_ && !finishing_) {
    if (!take_input()) break;
    co_await handle_events();
    if (closed_ || finishing_) break;
    const Result<std::string_view> bytes = co_await socket_->read_view();
    if (closed_) break;
    if (!bytes || bytes->empty()) {
      close({ErrorCode::Unavailable, "the connection is gone"});
      break;
    }
    tls_->feed(*bytes);
  }
  if (!closed_) co_await discard_input();
  close({ErrorCode::Unavailable, "the connection is gone"});
}

// Decrypts and parses all that was fed; runs nobody. False when the connection ends.
bool Connection::take_input() {
  static thread_local std::array<char, kPlainBytes> plain;
  while (true) {
    const Result<size_t> size = tls_->decrypt(plain);
    if (!size) {
      close(size.error());
      return false;
    }
    if (*size == 0) break;
    const Result<void> good = http2_.receive({plain.data(), *size}, loop_.now());
    if (!good) {
      finish(good.error());
      return false;
    }
  }
  if (!http2_.incomplete()) {
    incomplete_since_ = {};
  } else if (!incomplete_since_.is_set()) {
    incomplete_since_ = loop_.now();
  }
  flush();
  return true;
}

os::Co<> Connection::handle_events() {
  Time began = loop_.now();
  while (auto event = http2_.next_event()) {
    handle(std::move(*event));
    if (loop_.now() - began < kTurnMax) continue;
    co_await loop_.turn();
    began = loop_.now();
  }
  if (closed_) co_return;
  if (http2_.going_away() && !std::exchange(told_going_away_, true)) owner_->on_going_away(*this);
  if (http2_.stream_count() > 0) {
    idle_since_ = {};
  } else if (!idle_since_.is_set()) {
    idle_since_ = loop_.now();
  }
  watch();
}

void Connection::handle(Event event) {
  if (!event.is_new) return event.stream->wake();
  if (!event.stream->over() && !closed_) owner_->on_request(*this, std::move(event.stream));
}

// Sends what there is at the end of this turn of the loop: frames of many streams share a record.
void Connection::flush() {
  unsent_ = true;
  if (closed_ || said_goodbye_ || std::exchange(flushing_, true)) return;
  loop_.post([self = shared_from_this()] { os::spawn(self->write_all()); });
}

os::Co<> Connection::write_all() {
  const auto self = shared_from_this();
  while (!closed_) {
    const bool more = co_await write_batch();
    if (!more) break;
  }
  flushing_ = false;
  if (closed_) co_return;
  watch();
  if (!finishing_ && http2_.finished())
    begin_end({ErrorCode::Unavailable, "nothing is left to do"});
  if (!finishing_ || std::exchange(said_goodbye_, true)) co_return;
  tls_->close();
  const std::string last = std::exchange(tls_->output(), {});
  co_await socket_->write(last);
  if (!closed_) socket_->close_write();
}

// False when there is nothing more to send.
os::Co<bool> Connection::write_batch() {
  static thread_local std::string plain;
  plain.clear();
  unsent_ = false;
  http2_.send(plain, kWriteBatchBytes);
  if (plain.empty()) {
    co_await handle_events();  // Which may have given us more.
    co_return unsent_;
  }
  const Result<void> encrypted = tls_->encrypt(plain);
  const std::string cipher = std::exchange(tls_->output(), {});
  if (!encrypted) close(encrypted.error());
  co_await handle_events();
  if (closed_) co_return false;
  blocked_since_ = loop_.now();
  watch();
  const Result<void> sent = co_await socket_->write(cipher);
  blocked_since_ = {};
  if (!sent) close({ErrorCode::Unavailable, "the connection is gone"});
  co_return !closed_;
}

// A last word to the peer, then the end.
void Connection::finish(Error why) {
  if (closed_ || finishing_) return;
  http2_.terminate();
  begin_end(std::move(why));
  flush();
}

// What is queued goes out, and the connection closes when the peer does or soon after.
void Connection::begin_end(Error why) {
  finishing_ = std::move(why);
  timer_at_ = loop_.now() + kDiscardTime;
  timer_ = loop_.at(timer_at_, [this] { close(*finishing_); });
}

os::Co<> Connection::discard_input() {
  size_t discarded = 0;
  while (!closed_ && discarded < kDiscardMax) {
    co_await handle_events();
    const Result<std::string_view> bytes = co_await socket_->read_view();
    if (!bytes || bytes->empty()) break;
    discarded += bytes->size();
  }
}

void Connection::close(Error why) {
  if (std::exchange(closed_, true)) return;
  const auto self = shared_from_this();
  if (finishing_) why = *finishing_;
  timer_.reset();
  socket_->close();
  http2_.abandon(why);
  while (auto event = http2_.next_event()) event->stream->wake();
  waiting_for_room_.clear();
  const auto owner = std::exchange(owner_, nullptr);
  owner->on_closed(*this, why);
}

void Connection::drain() {
  if (closed_) return;
  http2_.go_away();
  flush();
}

std::shared_ptr<Stream> Connection::open(const Metadata& headers) {
  if (!takes_calls()) return nullptr;
  auto stream = http2_.open(headers);
  idle_since_ = {};
  flush();
  return stream;
}

void Connection::refuse(Stream& stream, int http_status) {
  http2_.refuse(stream, http_status);
  flush();
}

void Connection::respond(Stream& stream) {
  http2_.respond(stream);
  flush();
}

void Connection::resume(Stream& stream) {
  http2_.resume(stream);
  flush();
}

void Connection::reset(Stream& stream) {
  http2_.reset(stream);
  flush();
}

void Connection::unread_grew(size_t bytes) {
  unread_bytes_ += bytes;
  owed_bytes_ += bytes;
  settle();
}

void Connection::unread_shrank(size_t bytes) {
  unread_bytes_ -= bytes;
  settle();
}

void Connection::consumed(Stream& stream, size_t bytes) {
  unread_bytes_ -= bytes;
  http2_.consume(stream, bytes);
  settle();
  flush();
}

// A stream that nobody reads must not stop the others, so the connection's window is given back at
// once, up to what we are ready to hold.
void Connection::settle() {
  if (owed_bytes_ == 0 || unread_bytes_ > kUnreadMax) return;
  http2_.consume_of_connection(std::exchange(owed_bytes_, 0));
}

void Connection::queue_shrank(size_t bytes) {
  queued_bytes_ -= bytes;
  if (queued_bytes_ >= kConnectionQueueMax || waiting_for_room_.empty()) return;
  for (const auto& stream : std::exchange(waiting_for_room_, {})) http2_.note(*stream);
}

void Connection::wait_for_room(std::shared_ptr<Stream> stream) {
  const auto at = std::find(waiting_for_room_.begin(), waiting_for_room_.end(), stream);
  if (at == waiting_for_room_.end()) waiting_for_room_.push_back(std::move(stream));
}

bool Connection::hold(size_t& held, size_t now) {
  account_.held_bytes += now - held;
  held = now;
  return account_.held_bytes <= account_.bytes_max;
}

// When something has to have happened.
Time Connection::deadline() const {
  return std::min({after(incomplete_since_, limits_.header_timeout),
                   after(idle_since_, limits_.idle_timeout),
                   after(blocked_since_, limits_.write_stall_timeout)});
}

// One timer for all; it may fire early and is set again then.
void Connection::watch() {
  if (closed_ || finishing_) return;
  const Time at = deadline();
  if (at == Time::max() || (timer_ && timer_at_ <= at)) return;
  timer_at_ = at;
  timer_ = loop_.at(at, [this] { on_deadline(); });
}

void Connection::on_deadline() {
  const auto self = shared_from_this();
  const Time now = loop_.now();
  timer_.reset();
  if (after(blocked_since_, limits_.write_stall_timeout) <= now) {
    close({ErrorCode::Unavailable, "the peer takes nothing of what is sent"});
  } else if (after(incomplete_since_, limits_.header_timeout) <= now) {
    finish({ErrorCode::InvalidArgument, "the peer sent half a frame and no more"});
  } else if (after(idle_since_, limits_.idle_timeout) <= now) {
    drain();
  } else {
    watch();
  }
}

}  // namespace shoal::rpc
