#include "agent/network_journal.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "codec/wire/networks.h"
#include "os/file.h"

namespace shoal::agent {
namespace {

constexpr std::string_view kFormat = "shoal networks 1";
constexpr size_t kLengthBytes = 4;
constexpr size_t kFileBytesMax = 4 * wire::kNetworksBytesMax;

void put_frame(std::string& bytes, std::string_view payload) {
  for (size_t i = 0; i < kLengthBytes; ++i) bytes += char(payload.size() >> (8 * i));
  bytes += payload;
}

// Takes the next one off `bytes`; nothing when it is not whole.
std::optional<std::string_view> take_frame(std::string_view& bytes) {
  if (bytes.size() < kLengthBytes) return std::nullopt;
  size_t length = 0;
  for (size_t i = 0; i < kLengthBytes; ++i) length |= size_t(uint8_t(bytes[i])) << (8 * i);
  if (bytes.size() - kLengthBytes < length) return std::nullopt;
  const auto payload = bytes.substr(kLengthBytes, length);
  bytes.remove_prefix(kLengthBytes + length);
  return payload;
}

std::string_view take_line(std::string_view& text) {
  const auto end = std::min(text.find('\n'), text.size());
  const auto line = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return line;
}

}  // namespace

Result<std::optional<NetworkJournal::Contents>> NetworkJournal::read() {
  const auto text = os::read_file(path_, kFileBytesMax);
  if (!text && text.error().code == ErrorCode::NotFound) return std::nullopt;
  RETURN_IF_ERROR(text);
  std::string_view bytes = *text;
  auto head = take_frame(bytes);
  if (!head || take_line(*head) != kFormat) return internal_error("{} is damaged", path_);
  if (take_line(*head) != epoch_) return std::nullopt;
  Contents contents;
  const auto self = model::NodeId::parse(take_line(*head));
  if (!self) return internal_error("{} names no node", path_);
  contents.self = *self;
  contents.host = take_line(*head);
  contents.message.complete = true;
  while (const auto frame = take_frame(bytes)) {
    auto message = with_context(wire::decode_networks(*frame), "{} is damaged", path_);
    RETURN_IF_ERROR(message);
    auto& all = contents.message;
    all.data_path_port = message->data_path_port;
    all.changes.insert(all.changes.end(), message->changes.begin(), message->changes.end());
  }
  return contents;
}

Result<void> NetworkJournal::write(const Contents& everything) {
  std::string bytes;
  put_frame(bytes,
            fmt::format("{}\n{}\n{}\n{}", kFormat, epoch_, everything.self, everything.host));
  put_frame(bytes, wire::encode(everything.message));
  const std::string beside = path_ + ".new";
  os::Fd fresh(::open(beside.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600));
  if (!fresh) return os::system_error("create", beside, errno);
  RETURN_IF_ERROR(os::write_all(fresh.get(), bytes, beside));
  if (::rename(beside.c_str(), path_.c_str()) != 0) {
    return os::system_error("rename", path_, errno);
  }
  file_ = std::move(fresh);
  written_ = bytes.size();
  appended_ = 0;
  return {};
}

Result<void> NetworkJournal::append(const model::NetworksMessage& message) {
  if (!file_) return failed_precondition("{} was not begun", path_);
  std::string bytes;
  put_frame(bytes, wire::encode(message));
  auto appended = os::write_all(file_.get(), bytes, path_);
  if (!appended) {
    file_ = {};  // Half a message stands at its end, maybe: nothing may follow it.
    return appended;
  }
  appended_ += bytes.size();
  return {};
}

Result<void> NetworkJournal::remove() {
  file_ = {};
  if (::unlink(path_.c_str()) == 0 || errno == ENOENT) return {};
  return os::system_error("remove", path_, errno);
}

}  // namespace shoal::agent
