#include "network/container_files.h"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <iterator>
#include <optional>

#include "network/dns_rules.h"

namespace shoal::network {
namespace {

constexpr const char* kFallbackServers[] = {"8.8.8.8", "8.8.4.4"};  // Docker's.

std::vector<std::string> words_of(std::string_view line) {
  std::vector<std::string> words;
  for (size_t at = 0; at < line.size();) {
    const auto begin = line.find_first_not_of(" \t\r", at);
    if (begin == std::string_view::npos) break;
    at = std::min(line.find_first_of(" \t\r", begin), line.size());
    words.emplace_back(line.substr(begin, at - begin));
  }
  return words;
}

std::vector<std::string> lines_of(std::string_view text) {
  std::vector<std::string> lines;
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    lines.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

// A server that only the host itself reaches: its own loopback, or an address with a zone.
bool is_out_of_reach(const std::string& server, bool ipv6) {
  const auto ip = IpAddress::parse(server);
  if (!ip) return true;
  const bool link_local = !ip->is_v4() && ip->bytes()[0] == 0xfe && (ip->bytes()[1] & 0xc0) == 0x80;
  return ip->is_loopback() || link_local || (!ip->is_v4() && !ipv6);
}

ResolvConf merge(std::string_view host_text, const DnsRequest& request) {
  auto conf = parse_resolv_conf(host_text);
  if (!request.servers.empty()) conf.servers = request.servers;
  if (!request.search.empty()) conf.search = request.search;
  if (!request.options.empty()) conf.options = request.options;
  if (conf.search == std::vector<std::string>{"."}) conf.search.clear();
  return conf;
}

// The number behind "ndots:" in the last option that has one.
std::optional<int> ndots_in(const std::vector<std::string>& options) {
  constexpr std::string_view kNdots = "ndots:";
  std::optional<int> ndots;
  for (const auto& option : options) {
    if (!option.starts_with(kNdots)) continue;
    int number = 0;
    std::from_chars(option.data() + kNdots.size(), option.data() + option.size(), number);
    ndots = number;
  }
  return ndots;
}

std::string to_text(const ResolvConf& conf) {
  std::string text;
  for (const auto& server : conf.servers) text += "nameserver " + server + "\n";
  const auto add_list = [&](std::string_view key, const std::vector<std::string>& values) {
    if (values.empty()) return;
    text += key;
    for (const auto& value : values) text += " " + value;
    text += "\n";
  };
  add_list("search", conf.search);
  add_list("options", conf.options);
  return text;
}

}  // namespace

ResolvConf parse_resolv_conf(std::string_view text) {
  ResolvConf conf;
  for (const auto& line : lines_of(text)) {
    const auto words = words_of(line);
    if (words.size() < 2 || words[0][0] == '#' || words[0][0] == ';') continue;
    const std::vector<std::string> values(words.begin() + 1, words.end());
    if (words[0] == "nameserver") conf.servers.push_back(values[0]);
    if (words[0] == "search" || words[0] == "domain") conf.search = values;  // The last one counts.
    if (words[0] == "options")
      conf.options.insert(conf.options.end(), values.begin(), values.end());
  }
  return conf;
}

std::string resolv_conf_text(std::string_view host_text, const DnsRequest& request, bool ipv6) {
  auto conf = merge(host_text, request);
  if (request.servers.empty()) {  // What the user names is taken at its word.
    std::erase_if(conf.servers, [&](const auto& server) { return is_out_of_reach(server, ipv6); });
    if (conf.servers.empty())
      conf.servers.assign(std::begin(kFallbackServers), std::end(kFallbackServers));
  }
  return to_text(conf);
}

std::string host_resolv_conf_text(std::string_view host_text, const DnsRequest& request) {
  return to_text(merge(host_text, request));
}

std::string responder_resolv_conf_text(std::string_view host_text, const DnsRequest& request) {
  auto conf = merge(host_text, request);
  conf.servers = {kDnsAddress.str()};
  if (!ndots_in(conf.options)) conf.options.emplace_back("ndots:0");
  return to_text(conf);
}

DnsUpstreams dns_upstreams(std::string_view host_text, const DnsRequest& request) {
  const auto conf = merge(host_text, request);
  const bool inside = !request.servers.empty();
  DnsUpstreams upstreams;
  upstreams.qualifies = ndots_in(conf.options).value_or(0) > 0;
  const auto add = [&](const std::string& text) {
    const auto ip = IpAddress::parse(text);
    const bool itself = inside && ip && *ip == kDnsAddress;
    if (!ip || itself || upstreams.servers.size() == kDnsUpstreamsMax) return;
    upstreams.servers.push_back({.address = *ip, .inside = inside});
  };
  for (const auto& server : conf.servers) add(server);
  if (inside || !upstreams.servers.empty()) return upstreams;
  for (const auto* server : kFallbackServers) add(server);
  return upstreams;
}

std::string hosts_text(std::string_view hostname, std::string_view domainname,
                       const std::vector<IpAddress>& addresses,
                       const std::vector<HostsEntry>& extra) {
  std::string text =
      "127.0.0.1\tlocalhost\n"
      "::1\tlocalhost ip6-localhost ip6-loopback\n"
      "fe00::0\tip6-localnet\n"
      "ff00::0\tip6-mcastprefix\n"
      "ff02::1\tip6-allnodes\n"
      "ff02::2\tip6-allrouters\n";
  for (const auto& entry : extra) text += fmt::format("{}\t{}\n", entry.ip, entry.name);
  for (const auto& address : addresses) {
    text += address.str() + "\t";
    if (!domainname.empty()) text += fmt::format("{}.{} ", hostname, domainname);
    text += fmt::format("{}\n", hostname);
  }
  return text;
}

}  // namespace shoal::network
