#include "engine/log_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <deque>
#include <filesystem>
#include <utility>
#include <vector>

#include "engine/log_records.h"
#include "engine/log_watch.h"
#include "os/fd.h"
#include "os/file.h"

namespace shoal::engine {
namespace {

constexpr size_t kBlock = 64 * 1024;  // when looking for the end
// When reading on: the lines of a block wait in memory until the client takes them.
constexpr size_t kReadBlock = 8 * 1024;
constexpr int kPredecessorsMax = 1000;

std::string predecessor(const std::string& path, int number) {
  return path + "." + std::to_string(number);
}

struct LogPart {
  os::Fd fd;
  ino_t inode = 0;
  uint64_t offset = 0;
};

struct Opened {
  std::deque<LogPart> parts;  // the oldest first; the last is the one being written
  uint64_t surplus = 0;       // lines to pass over
};

// The log and its predecessors, the oldest first, down to (and without) the file `known`. Opened
// from the newest on, a rotation meanwhile can only show one file twice, which its inode tells.
std::deque<LogPart> open_parts(const std::string& path, ino_t known) {
  std::deque<LogPart> parts;
  for (int number = 0; number <= kPredecessorsMax; ++number) {
    const std::string name = number == 0 ? path : predecessor(path, number);
    LogPart part{os::Fd(::open(name.c_str(), O_RDONLY | O_CLOEXEC))};
    struct stat info{};
    if (!part.fd || ::fstat(part.fd.get(), &info) != 0 || info.st_ino == known) break;
    part.inode = info.st_ino;
    if (!parts.empty() && parts.front().inode == part.inode) continue;
    parts.push_front(std::move(part));
  }
  return parts;
}

// How many bytes of whole records the file holds: conmon may be in the middle of its last one.
uint64_t whole_bytes(const LogPart& part) {
  struct stat info{};
  if (::fstat(part.fd.get(), &info) != 0) return 0;
  std::string block;
  for (auto end = uint64_t(info.st_size); end > 0;) {
    const auto length = std::min<uint64_t>(end, kBlock);
    block.resize(length);
    if (::pread(part.fd.get(), block.data(), length, off_t(end - length)) != ssize_t(length)) break;
    const size_t newline = block.rfind('\n');
    if (newline != std::string::npos) return end - length + newline + 1;
    end -= length;
  }
  return 0;
}

// Feeds the file to the finder from `size` towards its begin; false when it has seen enough.
bool search(const LogPart& part, uint64_t size, TailFinder& finder) {
  std::string block;
  for (uint64_t end = size; end > 0;) {
    const auto length = std::min<uint64_t>(end, kBlock);
    block.resize(length);
    if (::pread(part.fd.get(), block.data(), length, off_t(end - length)) != ssize_t(length)) break;
    if (!finder.feed_before(block)) return false;
    end -= length;
  }
  return true;
}

// Drops from the front what comes before the last `lines` lines.
void keep_tail(Opened& opened, uint64_t lines) {
  if (lines == 0) {
    // Only what comes from now on.
    while (opened.parts.size() > 1) opened.parts.pop_front();
    if (!opened.parts.empty()) opened.parts.front().offset = whole_bytes(opened.parts.front());
    return;
  }
  TailFinder finder(lines);
  std::vector<uint64_t> sizes(opened.parts.size());
  bool more = true;
  for (size_t i = opened.parts.size(); i-- > 0 && more;) {
    sizes[i] = whole_bytes(opened.parts[i]);
    more = search(opened.parts[i], sizes[i], finder);
  }
  if (more) finder.finish_front();
  opened.surplus = finder.surplus();
  uint64_t wanted = finder.bytes_from_end();
  size_t first = opened.parts.size();
  while (first > 0 && wanted > 0) {
    --first;
    opened.parts[first].offset = sizes[first] - std::min(wanted, sizes[first]);
    wanted -= std::min(wanted, sizes[first]);
  }
  opened.parts.erase(opened.parts.begin(), opened.parts.begin() + std::ptrdiff_t(first));
}

class FileLogReader final : public LogReader {
 public:
  FileLogReader(os::Loop& loop, LogWatch* watch, std::string path, LogQuery query,
                os::StopToken ended)
      : loop_(loop), path_(std::move(path)), query_(std::move(query)), ended_(std::move(ended)) {
    if (!query_.follow || !watch) {
      query_.follow = false;
      return;
    }
    // Before the first look at the file, so that no change falls between.
    subscription_ =
        watch->subscribe(std::filesystem::path(path_).parent_path(), [this] { wake(); });
    ended_guard_ = ended_.on_stop([this] { wake(); });
    if (query_.until) {
      const Time until = loop_.now() + (*query_.until - loop_.wall_now());
      until_timer_ = loop_.at(until, [this] { wake(); });
    }
  }

  os::Co<Result<std::optional<LogLine>>> next(os::StopToken stop) override;

 private:
  void wake() {
    ++changes_;
    woken_.notify();
  }
  bool wanted(const LogLine& line);
  std::optional<LogLine> take_wanted();
  Opened open() const;
  std::string read_block();
  os::Co<Result<void>> advance(os::StopToken stop);

  os::Loop& loop_;
  const std::string path_;
  LogQuery query_;
  const os::StopToken ended_;
  std::deque<LogPart> parts_;
  ino_t newest_ = 0;  // inode of the last of parts_, also when it is read to its end
  uint64_t surplus_ = 0;
  LogAssembler assembler_;
  bool opened_ = false;
  bool finished_ = false;  // past `until`
  bool at_end_ = false;
  // Following:
  uint64_t changes_ = 0;
  os::Signal woken_;
  Result<LogWatch::Subscription> subscription_ = LogWatch::Subscription();
  os::StopToken::Guard ended_guard_;
  std::unique_ptr<os::Loop::Timer> until_timer_;
};

bool FileLogReader::wanted(const LogLine& line) {
  if (surplus_ > 0) {
    if (line.bytes.ends_with('\n')) --surplus_;
    return false;
  }
  if (query_.until && line.time > *query_.until) {
    finished_ = true;
    return false;
  }
  if (query_.since && line.time < *query_.since) return false;
  return line.stream == OutputStream::Stderr ? query_.stderr_wanted : query_.stdout_wanted;
}

std::optional<LogLine> FileLogReader::take_wanted() {
  while (!finished_) {
    auto line = assembler_.take();
    if (!line || wanted(*line)) return line;
  }
  return std::nullopt;
}

// On the pool.
Opened FileLogReader::open() const {
  Opened opened{open_parts(path_, 0), 0};
  if (query_.tail) keep_tail(opened, *query_.tail);
  return opened;
}

// On the pool: the next bytes, going on to newer files; empty when there are none now.
std::string FileLogReader::read_block() {
  for (;;) {
    if (!parts_.empty()) {
      LogPart& part = parts_.front();
      std::string block(kReadBlock, '\0');
      const ssize_t count = ::pread(part.fd.get(), block.data(), block.size(), off_t(part.offset));
      if (count > 0) {
        part.offset += uint64_t(count);
        block.resize(size_t(count));
        return block;
      }
      if (parts_.size() > 1) {
        parts_.pop_front();
        continue;
      }
    }
    // After a rotation the old file may have got its last bytes since we saw its end: it stays in
    // front and is read once more.
    auto newer = open_parts(path_, newest_);
    if (newer.empty()) return {};
    newest_ = newer.back().inode;
    for (auto& part : newer) parts_.push_back(std::move(part));
  }
}

// Reads on, or waits for more, or finishes.
os::Co<Result<void>> FileLogReader::advance(os::StopToken stop) {
  // Looked at before reading: what was written before the end is then read before it shows.
  const bool last_look =
      !query_.follow || ended_.stopped() || (query_.until && loop_.wall_now() > *query_.until);
  const uint64_t changes = changes_;
  const std::string block = co_await loop_.offload([this] { return read_block(); });
  if (!block.empty()) {
    assembler_.feed(block);
    co_return Result<void>{};
  }
  if (last_look) {
    assembler_.finish();
    query_.follow = false;
    at_end_ = true;
    co_return Result<void>{};
  }
  if (changes != changes_) co_return Result<void>{};
  if (!co_await woken_.wait(stop)) co_return cancelled("the caller went away");
  co_return Result<void>{};
}

os::Co<Result<std::optional<LogLine>>> FileLogReader::next(os::StopToken stop) {
  if (!subscription_) co_return std::unexpected(subscription_.error());
  if (!opened_) {
    opened_ = true;
    Opened opened = co_await loop_.offload([this] { return open(); });
    parts_ = std::move(opened.parts);
    surplus_ = opened.surplus;
    if (!parts_.empty()) newest_ = parts_.back().inode;
  }
  for (;;) {
    if (auto line = take_wanted()) co_return line;
    if (finished_ || at_end_) co_return std::optional<LogLine>();
    if (stop.stopped()) co_return cancelled("the caller went away");
    CO_RETURN_IF_ERROR(co_await advance(stop));
  }
}

}  // namespace

std::unique_ptr<LogReader> open_log(os::Loop& loop, std::string path, LogQuery query) {
  return std::make_unique<FileLogReader>(loop, nullptr, std::move(path), std::move(query),
                                         os::StopToken());
}

std::unique_ptr<LogReader> follow_log(os::Loop& loop, LogWatch& watch, std::string path,
                                      LogQuery query, os::StopToken ended) {
  return std::make_unique<FileLogReader>(loop, &watch, std::move(path), std::move(query),
                                         std::move(ended));
}

Result<void> remove_log(const std::string& path) {
  for (int number = 0; number <= kPredecessorsMax; ++number) {
    const std::string name = number == 0 ? path : predecessor(path, number);
    if (::unlink(name.c_str()) == 0) continue;
    if (errno != ENOENT) return os::system_error("remove", name, errno);
    if (number > 0) break;
  }
  return {};
}

}  // namespace shoal::engine
