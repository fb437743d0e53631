// RawClient: a blocking connection that sends whatever bytes a test wants, as a hostile peer would.
// For tests. Uses our own Tls and nothing else of rpc.
#pragma once

#include <arpa/inet.h>
#include <nghttp2/nghttp2.h>
#include <sys/socket.h>

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "os/fd.h"
#include "rpc/credentials.h"
#include "rpc/message_reader.h"
#include "rpc/testing.h"
#include "rpc/tls.h"

namespace shoal::rpc {

struct RawFrame {
  uint8_t type = 0;
  uint8_t flags = 0;
  uint32_t stream = 0;
  std::string payload;
};

inline std::string big_endian(uint64_t value, int bytes) {
  std::string text;
  for (int i = bytes - 1; i >= 0; --i) text += char(value >> (8 * i));
  return text;
}

inline std::string raw_frame(uint8_t type, uint8_t flags, uint32_t stream,
                             std::string_view payload) {
  return big_endian(payload.size(), 3) + char(type) + char(flags) + big_endian(stream, 4) +
         std::string(payload);
}

inline constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

// A header field that leaves the compression's table alone.
inline std::string literal(std::string_view name, std::string_view value) {
  return std::string(1, '\0') + char(name.size()) + std::string(name) + char(value.size()) +
         std::string(value);
}

// The header block of a call: POST and https are entries 3 and 7 of HPACK's static table.
inline std::string request_block(std::string_view path) {
  return "\x83\x87" + literal(":path", path) + literal(":authority", "test") +
         literal("te", "trailers") + literal("content-type", "application/grpc");
}

inline std::string grpc_message(std::string_view body) {
  const Prefix prefix = message_prefix(uint32_t(body.size()));
  return std::string(prefix.data(), prefix.size()) + std::string(body);
}

class RawClient {
 public:
  explicit RawClient(uint16_t port) : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{.sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {}};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const timeval patience{.tv_sec = 60};
    ::setsockopt(fd_.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    ::setsockopt(fd_.get(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    connected_ = ::connect(fd_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  }

  RawClient(const RawClient&) = delete;
  RawClient& operator=(const RawClient&) = delete;
  ~RawClient() {
    if (inflater_) nghttp2_hd_inflate_del(inflater_);
  }

  bool connected() const { return connected_; }

  // The bytes as they are; false when the server does not take them.
  bool send_plain(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t sent = ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      bytes.remove_prefix(size_t(sent));
    }
    return true;
  }
  // True when the server ends the connection; what it still sends is dropped.
  bool ended() {
    char buffer[65536];
    ssize_t got = 0;
    while ((got = ::recv(fd_.get(), buffer, sizeof buffer, 0)) > 0) {
    }
    return got == 0 || errno == ECONNRESET;
  }

  // The handshake alone; false when the server refuses.
  bool start_tls(const std::shared_ptr<Credentials>& credentials) {
    credentials_ = credentials;
    tls_ = must(Tls::client(*credentials, {.server_name = kManagerName}));
    while (true) {
      const Result<bool> done = tls_->handshake();
      const std::string out = std::exchange(tls_->output(), {});
      if (!send_plain(out) || !done) return false;
      if (*done) return true;
      if (!receive()) return false;
    }
  }
  // The same with HTTP/2's preface and empty settings.
  bool start(const std::shared_ptr<Credentials>& credentials) {
    return start_tls(credentials) &&
           send(std::string(kPreface) + raw_frame(NGHTTP2_SETTINGS, 0, 0, ""));
  }
  // Acknowledges the server's settings: its larger windows hold from then on.
  bool settle() {
    while (const auto frame = read_frame()) {
      if (frame->type != NGHTTP2_SETTINGS || frame->flags & NGHTTP2_FLAG_ACK) continue;
      return send_frame(NGHTTP2_SETTINGS, NGHTTP2_FLAG_ACK, 0, "");
    }
    return false;
  }
  bool send(std::string_view plain) {
    must(tls_->encrypt(plain));
    return send_plain(std::exchange(tls_->output(), {}));
  }
  bool send_frame(uint8_t type, uint8_t flags, uint32_t stream, std::string_view payload) {
    return send(raw_frame(type, flags, stream, payload));
  }
  // A call's header block, its one message, and the end.
  bool send_call(uint32_t stream, std::string_view path, std::string_view body) {
    return send(raw_frame(NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS, stream, request_block(path)) +
                raw_frame(NGHTTP2_DATA, NGHTTP2_FLAG_END_STREAM, stream, grpc_message(body)));
  }

  // The next frame; unset at the end of the connection.
  std::optional<RawFrame> read_frame() {
    while (plain_.size() < 9 || plain_.size() < 9 + payload_size()) {
      if (!decrypt() && !receive()) return std::nullopt;
    }
    const auto at = [this](size_t i) { return static_cast<unsigned char>(plain_[i]); };
    RawFrame frame{.type = at(3), .flags = at(4), .stream = 0, .payload = {}};
    for (size_t i = 5; i < 9; ++i) frame.stream = frame.stream << 8 | at(i);
    frame.payload = plain_.substr(9, payload_size());
    plain_.erase(0, 9 + payload_size());
    return frame;
  }
  // The error code of the GOAWAY by which the server ends the connection; unset without one.
  std::optional<uint32_t> goodbye() {
    std::optional<uint32_t> code;
    while (const auto frame = read_frame()) {
      if (frame->type != NGHTTP2_GOAWAY) continue;
      code = 0;
      for (size_t i = 4; i < 8; ++i) {
        code = *code << 8 | static_cast<unsigned char>(frame->payload[i]);
      }
    }
    return code;
  }
  // Header fields of the answer on the stream, trailers included, until it ends.
  std::map<std::string, std::string> answer(uint32_t stream) {
    std::map<std::string, std::string> fields;
    while (const auto frame = read_frame()) {
      if (frame->type == NGHTTP2_HEADERS) inflate(frame->payload, fields);
      if (frame->stream != stream) continue;
      if (frame->type == NGHTTP2_RST_STREAM) fields["reset"] = "yes";
      if (frame->type == NGHTTP2_RST_STREAM) break;
      const bool can_end = frame->type == NGHTTP2_HEADERS || frame->type == NGHTTP2_DATA;
      if (can_end && frame->flags & NGHTTP2_FLAG_END_STREAM) break;
    }
    return fields;
  }

  void close_write() { ::shutdown(fd_.get(), SHUT_WR); }
  void close() { fd_.reset(); }

 private:
  size_t payload_size() const {
    const auto at = [this](size_t i) { return size_t(static_cast<unsigned char>(plain_[i])); };
    return at(0) << 16 | at(1) << 8 | at(2);
  }
  bool receive() {
    const ssize_t got = ::recv(fd_.get(), wire_.data(), wire_.size(), 0);
    if (got <= 0) return false;
    tls_->feed({wire_.data(), size_t(got)});
    return true;
  }
  bool decrypt() {
    std::array<char, 16384> piece;
    const Result<size_t> size = tls_->decrypt(piece);
    if (!size || *size == 0) return false;
    plain_.append(piece.data(), *size);
    return true;
  }
  void inflate(std::string_view block, std::map<std::string, std::string>& fields) {
    if (!inflater_) CHECK(nghttp2_hd_inflate_new(&inflater_) == 0);
    const auto* at = reinterpret_cast<const uint8_t*>(block.data());
    size_t left = block.size();
    while (true) {
      nghttp2_nv field{};
      int flags = 0;
      const ssize_t used = nghttp2_hd_inflate_hd2(inflater_, &field, &flags, at, left, 1);
      CHECK(used >= 0);
      at += used;
      left -= size_t(used);
      if (flags & NGHTTP2_HD_INFLATE_EMIT) {
        fields[std::string(reinterpret_cast<char*>(field.name), field.namelen)] =
            std::string(reinterpret_cast<char*>(field.value), field.valuelen);
      }
      if (flags & NGHTTP2_HD_INFLATE_FINAL) break;
    }
    nghttp2_hd_inflate_end_headers(inflater_);
  }

  os::Fd fd_;
  bool connected_ = false;
  std::shared_ptr<Credentials> credentials_;
  std::unique_ptr<Tls> tls_;
  std::array<char, 65536> wire_{};
  std::string plain_;
  nghttp2_hd_inflater* inflater_ = nullptr;
};

}  // namespace shoal::rpc
