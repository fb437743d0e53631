#include "state/backup/archive.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <utility>

#include "os/fd.h"
#include "os/file.h"
#include "os/sha256.h"

namespace shoal::state {
namespace {

constexpr std::string_view kMagic = "shoal backup ";
constexpr char kFormat = '1';
constexpr size_t kDigestBytes = 64;  // In hexadecimal digits, as sha256sum(1) prints it.
constexpr size_t kChunkBytes = 64 * 1024;

std::string number(uint64_t value, size_t bytes) {
  std::string text;
  for (size_t i = 0; i < bytes; ++i, value >>= 8) text.push_back(char(value));
  return text;
}

bool is_name(std::string_view name) {
  if (name.empty() || name.size() > kArchiveNameMax) return false;
  const auto fits = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-' || c == '/';
  };
  if (!std::ranges::all_of(name, fits)) return false;
  for (size_t start = 0; start <= name.size();) {
    const size_t end = std::min(name.find('/', start), name.size());
    const std::string_view part = name.substr(start, end - start);
    if (part.empty() || part == "." || part == "..") return false;
    start = end + 1;
  }
  return true;
}

Result<os::Fd> open_file(const std::string& path, int flags, mode_t mode = 0600) {
  os::Fd fd(::open(path.c_str(), flags | O_CLOEXEC | O_NOFOLLOW, mode));
  if (!fd) return os::system_error("open", path, errno);
  return fd;
}

Result<struct stat> stat_of(const os::Fd& file, const std::string& path) {
  struct stat info{};
  if (::fstat(file.get(), &info) != 0) return os::system_error("stat", path, errno);
  if (!S_ISREG(info.st_mode)) return invalid_argument("{}: not a regular file", path);
  return info;
}

// Up to a chunk; empty at the end.
Result<std::string> read_chunk(const os::Fd& file, const std::string& path, uint64_t bytes_max) {
  std::string chunk(size_t(std::min<uint64_t>(bytes_max, kChunkBytes)), '\0');
  ssize_t count = -1;
  do {
    count = ::read(file.get(), chunk.data(), chunk.size());
  } while (count < 0 && errno == EINTR);
  if (count < 0) return os::system_error("read", path, errno);
  chunk.resize(size_t(count));
  return chunk;
}

// An archive that is being written; what goes by is summed.
class Writer {
 public:
  Writer(os::Fd file, std::string path) : file_(std::move(file)), path_(std::move(path)) {}

  Result<void> put(std::string_view bytes) {
    sum_.update(bytes);
    return os::write_all(file_.get(), bytes, path_);
  }
  Result<void> put_file(const std::string& name, const std::string& path) {
    ASSIGN_OR_RETURN(const os::Fd file, open_file(path, O_RDONLY));
    ASSIGN_OR_RETURN(const struct stat info, stat_of(file, path));
    RETURN_IF_ERROR(put(number(name.size(), 2) + name + number(info.st_mode & 07777, 2) +
                        number(uint64_t(info.st_size), 8)));
    for (auto left = uint64_t(info.st_size); left > 0;) {
      ASSIGN_OR_RETURN(const std::string chunk, read_chunk(file, path, left));
      if (chunk.empty()) return internal_error("{}: it became shorter while it was read", path);
      RETURN_IF_ERROR(put(chunk));
      left -= chunk.size();
    }
    return {};
  }
  Result<void> finish() {
    RETURN_IF_ERROR(put(number(0, 2)));
    RETURN_IF_ERROR(os::write_all(file_.get(), sum_.finish_hex(), path_));
    if (::fsync(file_.get()) != 0) return os::system_error("sync", path_, errno);
    return {};
  }

 private:
  os::Fd file_;
  std::string path_;
  os::Sha256 sum_;
};

// An archive that is being read; what goes by is summed.
class Reader {
 public:
  Reader(os::Fd file, std::string path) : file_(std::move(file)), path_(std::move(path)) {}

  // Exactly that many bytes.
  Result<std::string> take(size_t size) {
    std::string bytes;
    while (bytes.size() < size) {
      ASSIGN_OR_RETURN(const std::string chunk, take_some(size - bytes.size()));
      bytes += chunk;
    }
    return bytes;
  }
  Result<uint64_t> take_number(size_t size) {
    ASSIGN_OR_RETURN(const std::string bytes, take(size));
    uint64_t value = 0;
    for (size_t i = size; i-- > 0;) value = value << 8 | uint8_t(bytes[i]);
    return value;
  }
  Result<void> take_file(const std::string& path) {
    ASSIGN_OR_RETURN(const uint64_t mode, take_number(2));
    ASSIGN_OR_RETURN(const uint64_t size, take_number(8));
    ASSIGN_OR_RETURN(const os::Fd file, open_file(path, O_WRONLY | O_CREAT | O_EXCL));
    for (uint64_t left = size; left > 0;) {
      ASSIGN_OR_RETURN(const std::string chunk, take_some(left));
      RETURN_IF_ERROR(os::write_all(file.get(), chunk, path));
      left -= chunk.size();
    }
    if (::fchmod(file.get(), mode & 0777) != 0) return os::system_error("chmod", path, errno);
    if (::fsync(file.get()) != 0) return os::system_error("sync", path, errno);
    return {};
  }
  // The checksum, and nothing after it.
  Result<void> finish() {
    const std::string sum = sum_.finish_hex();
    sum_ = os::Sha256();
    ASSIGN_OR_RETURN(const std::string expected, take(kDigestBytes));
    if (sum != expected) return damaged("wrong checksum");
    ASSIGN_OR_RETURN(const std::string more, read_chunk(file_, path_, 1));
    if (!more.empty()) return damaged("bytes follow its end");
    return {};
  }
  std::unexpected<Error> damaged(std::string_view how) const {
    return invalid_argument("{}: damaged: {}", path_, how);
  }

 private:
  Result<std::string> take_some(uint64_t bytes_max) {
    ASSIGN_OR_RETURN(std::string chunk, read_chunk(file_, path_, bytes_max));
    if (chunk.empty()) return damaged("it is cut short");
    sum_.update(chunk);
    return chunk;
  }

  os::Fd file_;
  std::string path_;
  os::Sha256 sum_;
};

Result<void> write_parts(const std::string& path, const std::string& folder,
                         const std::vector<std::string>& names, Time made_at) {
  ASSIGN_OR_RETURN(os::Fd file, open_file(path, O_WRONLY | O_CREAT | O_TRUNC));
  if (::fchmod(file.get(), 0600) != 0) return os::system_error("chmod", path, errno);
  Writer writer(std::move(file), path);
  RETURN_IF_ERROR(writer.put(fmt::format("{}{}\n", kMagic, kFormat)));
  RETURN_IF_ERROR(writer.put(number(uint64_t(made_at.unix_ns), 8)));
  for (const std::string& name : names) {
    RETURN_IF_ERROR(writer.put_file(name, folder + "/" + name));
  }
  return writer.finish();
}

Result<Time> read_head(Reader& reader, const std::string& path) {
  const auto head = reader.take(kMagic.size() + 2);
  if (!head || !head->starts_with(kMagic) || !head->ends_with('\n')) {
    return invalid_argument("{}: not a backup of Shoal", path);
  }
  const char format = (*head)[kMagic.size()];
  if (format != kFormat) {
    return unimplemented("{}: written by a newer version (format {}; this one reads {})", path,
                         format, kFormat);
  }
  ASSIGN_OR_RETURN(const uint64_t made_at, reader.take_number(8));
  return Time{int64_t(made_at)};
}

// The next file's name; empty at the end.
Result<std::string> read_name(Reader& reader) {
  ASSIGN_OR_RETURN(const uint64_t size, reader.take_number(2));
  if (size == 0) return std::string();
  if (size > kArchiveNameMax) return reader.damaged("a name is too long");
  ASSIGN_OR_RETURN(std::string name, reader.take(size));
  if (!is_name(name)) return reader.damaged("a file's name is not allowed");
  return name;
}

}  // namespace

Result<void> write_archive(const std::string& archive, const std::string& folder,
                           const std::vector<std::string>& names, Time made_at) {
  for (const std::string& name : names) {
    if (!is_name(name)) return invalid_argument("{}/{}: a name that no backup holds", folder, name);
  }
  if (names.size() > kArchiveFilesMax) {
    return invalid_argument("{}: more than {} files", folder, kArchiveFilesMax);
  }
  const std::string beside = archive + ".new";
  const auto written = write_parts(beside, folder, names, made_at);
  if (!written) {
    ::unlink(beside.c_str());
    return written;
  }
  if (::rename(beside.c_str(), archive.c_str()) != 0) {
    return os::system_error("rename", beside, errno);
  }
  return os::sync_folder(std::filesystem::path(archive).parent_path());
}

Result<ArchiveContents> read_archive(const std::string& archive, const std::string& folder) {
  ASSIGN_OR_RETURN(os::Fd file, open_file(archive, O_RDONLY));
  RETURN_IF_ERROR(stat_of(file, archive));
  Reader reader(std::move(file), archive);
  ArchiveContents contents;
  ASSIGN_OR_RETURN(contents.made_at, read_head(reader, archive));
  while (true) {
    ASSIGN_OR_RETURN(std::string name, read_name(reader));
    if (name.empty()) break;
    if (contents.names.size() == kArchiveFilesMax) return reader.damaged("it has too many files");
    const std::string path = folder + "/" + name;
    RETURN_IF_ERROR(os::make_folders(std::filesystem::path(path).parent_path()));
    RETURN_IF_ERROR(reader.take_file(path));
    contents.names.push_back(std::move(name));
  }
  RETURN_IF_ERROR(reader.finish());
  return contents;
}

}  // namespace shoal::state
