#include "containers/files.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <array>

#include "containers/endpoint.h"
#include "network/container_files.h"
#include "os/fd.h"
#include "os/file.h"

namespace shoal::containers {
namespace {

constexpr size_t kHostFileBytesMax = size_t{1} << 20;
constexpr std::array kNames = {"hosts", "hostname", "resolv.conf"};

// Made anew on every start, so nothing is lost with a power cut: not synced.
Result<void> write_plain(const std::string& path, std::string_view text) {
  const os::Fd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
  if (!fd) return os::system_error("create", path, errno);
  if (::write(fd.get(), text.data(), text.size()) != ssize_t(text.size())) {
    return os::system_error("write", path, errno);
  }
  ::fchmod(fd.get(), 0644);  // Whatever the umask: every user of the container reads it.
  return {};
}

// A machine without the file is as one with an empty file.
std::string read_host_file(const std::string& path) {
  return os::read_file(path, kHostFileBytesMax).value_or("");
}

std::string hosts_of(const NodeFiles& files) {
  std::vector<network::HostsEntry> extra;
  for (const auto& line : files.hosts) {
    const auto space = line.find(' ');
    if (space == std::string::npos) continue;
    extra.push_back({line.substr(0, space), line.substr(space + 1)});
  }
  if (!files.host_network) {
    return network::hosts_text(files.hostname, files.domainname, files.addresses, extra);
  }
  std::string text = read_host_file("/etc/hosts");
  for (const auto& [ip, name] : extra) text += fmt::format("{}\t{}\n", ip, name);
  return text;
}

network::DnsRequest dns_request(const NodeFiles& files) {
  return {files.dns.nameservers, files.dns.search, files.dns.options};
}

std::string resolv_conf_of(const NodeFiles& files) {
  const std::string host = read_host_file("/etc/resolv.conf");
  const network::DnsRequest request = dns_request(files);
  if (files.responder) return network::responder_resolv_conf_text(host, request);
  return files.host_network ? network::host_resolv_conf_text(host, request)
                            : network::resolv_conf_text(host, request, false);
}

}  // namespace

NodeFiles node_files(const Entry& entry) {
  NodeFiles files{.folder = entry.folder,
                  .hostname = entry.config.spec.hostname,
                  .domainname = entry.config.domainname,
                  .hosts = entry.config.spec.hosts,
                  .host_network = entry.config.network_mode == "host",
                  .responder = has_names(entry.config),
                  .addresses = own_addresses(entry)};
  if (entry.config.spec.dns) files.dns = *entry.config.spec.dns;
  return files;
}

network::DnsUpstreams dns_upstreams_of(const NodeFiles& files) {
  return network::dns_upstreams(read_host_file("/etc/resolv.conf"), dns_request(files));
}

Result<void> write_node_files(const NodeFiles& files) {
  RETURN_IF_ERROR(write_plain(files.folder + "/hosts", hosts_of(files)));
  RETURN_IF_ERROR(write_plain(files.folder + "/hostname", files.hostname + "\n"));
  return write_plain(files.folder + "/resolv.conf", resolv_conf_of(files));
}

bool is_docker_socket(const std::string& path) {
  return path == "/var/run/docker.sock" || path == "/run/docker.sock";
}

std::vector<engine::ProvidedMount> node_file_mounts(const std::string& folder) {
  std::vector<engine::ProvidedMount> mounts;
  for (const char* name : kNames) {
    mounts.push_back({fmt::format("{}/{}", folder, name), fmt::format("/etc/{}", name), false});
  }
  return mounts;
}

}  // namespace shoal::containers
