#include "network/shards.h"

#include <fmt/format.h>

#include <charconv>

namespace shoal::network {
namespace {

constexpr char kSeparator = '/';

// The shard's number as text; empty: the ruleset's own table.
std::string_view shard_in(std::string_view name) {
  const auto end = name.find(kSeparator);
  return end == name.npos ? std::string_view() : name.substr(0, end);
}

// Of a shard beside the table itself.
std::optional<size_t> parse_shard(std::string_view text) {
  size_t shard = 0;
  const auto [end, error] = std::from_chars(text.begin(), text.end(), shard);
  const bool is_number = error == std::errc() && end == text.end() && text[0] != '0';
  if (!is_number || shard >= kShards) return std::nullopt;
  return shard;
}

}  // namespace

std::string in_shard(size_t shard, std::string_view name) {
  return shard == 0 ? std::string(name) : fmt::format("{}{}{}", shard, kSeparator, name);
}

size_t shard_of(std::span<const uint8_t> key) {
  uint64_t hash = 0xcbf29ce484222325;  // FNV-1a, and a step that lets all of it count.
  for (const auto byte : key) hash = (hash ^ byte) * 0x100000001b3;
  hash = (hash ^ hash >> 33) * 0xff51afd7ed558ccd;
  return size_t(hash >> 32) % kShards;
}

std::string in_shard_of(std::string_view name, std::string_view other) {
  const auto shard = shard_in(name);
  return shard.empty() ? std::string(other) : fmt::format("{}{}{}", shard, kSeparator, other);
}

size_t shard_number(std::string_view name) {
  const auto shard = shard_in(name);
  return shard.empty() ? 0 : parse_shard(shard).value();
}

std::string_view local_name(std::string_view name) {
  const auto end = name.find(kSeparator);
  return end == name.npos ? name : name.substr(end + 1);
}

std::string table_of(std::string_view table, std::string_view name) {
  const auto shard = shard_in(name);
  return shard.empty() ? std::string(table) : fmt::format("{}_{}", table, shard);
}

std::optional<size_t> shard_of_table(std::string_view table, std::string_view found) {
  if (!found.starts_with(table)) return std::nullopt;
  found.remove_prefix(table.size());
  if (found.empty()) return 0;
  if (!found.starts_with('_')) return std::nullopt;
  return parse_shard(found.substr(1));
}

}  // namespace shoal::network
