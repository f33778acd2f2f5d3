// INTERNAL: keys and values of the outbox's tables; the grammar is in
// FORMAT.md. Decoders throw `failure`: unsupported for a newer version,
// malformed otherwise.
#pragma once

#include "storage/outbox.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace weir::storage {

/// A stored block, borrowed from the table.
struct block_view {
  std::uint64_t first_seq = 0;
  std::uint32_t record_count = 0;
  block_priority priority = block_priority::summary;
  std::string_view bytes;
};

std::string block_key(std::uint64_t first_seq);
std::string to_value(const new_block& block);
block_view to_block(std::string_view key, std::string_view value);

/// What must survive when no block waits.
struct outbox_counters {
  std::uint64_t next_seq = 1;
  std::uint64_t acknowledged_seq = 0;
  std::uint64_t expired_records = 0;
};

std::string to_value(const outbox_counters& counters);
outbox_counters to_counters(std::string_view value);

} // namespace weir::storage
