// Shards: a ruleset spread over several nftables tables.
//
// For each change the kernel looks through a whole table: it validates every chain that can be
// reached and searches the sets one by one. So what there may be thousands of, the services'
// chains, lies in one of a few tables. The name of a map or chain says which: "services" is in the
// ruleset's own table, "3/services" in the one beside it, called TABLE_3. What a rule or an element
// names is in the same table as itself. A transaction may change all of them; packets see all or
// nothing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace shoal::network {

// Each costs a new flow a look into one more map; a change costs what one of them holds.
inline constexpr size_t kShards = 16;

// Shard 0 is the ruleset's own table.
std::string in_shard(size_t shard, std::string_view name);
// `other` in the shard of `name`.
std::string in_shard_of(std::string_view name, std::string_view other);

// The same for the same bytes, in every release: restarts find what is there in its place.
size_t shard_of(std::span<const uint8_t> key);

// The parts of a name: "3/services" in TABLE is "services" in TABLE_3.
size_t shard_number(std::string_view name);
std::string_view local_name(std::string_view name);
std::string table_of(std::string_view table, std::string_view name);
// The reverse: 0 for TABLE, 3 for TABLE_3, nothing for tables of others.
std::optional<size_t> shard_of_table(std::string_view table, std::string_view found);

}  // namespace shoal::network
