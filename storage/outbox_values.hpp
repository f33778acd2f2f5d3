// INTERNAL: keys and values of the outbox's tables; the grammar is in
// FORMAT.md. Decoders throw `failure`: unsupported for a newer version,
// malformed otherwise.
#pragma once

#include "analytics/coalesce.hpp"
#include "storage/number_ranges.hpp"
#include "storage/outbox.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace weir::storage {

/// A block or a hole, borrowed from the table.
struct entry_view {
  std::uint64_t first_seq = 0;
  std::uint64_t seq_span = 0;
  bool is_hole = false;
  hole_reason reason = hole_reason::expired; // Of a hole; the rest of a block.
  block_priority priority = block_priority::summary;
  std::uint8_t coalesced = 0; ///< How often, up to 255.
  std::uint32_t run = 0;
  std::uint32_t record_count = 0;
  std::string_view bytes;
};

std::string entry_key(std::uint64_t first_seq);
std::string to_value(const entry_view& entry);

/// Blocks of version 1 do not name their run: they get `run_of_version_1`.
entry_view to_entry(std::string_view key, std::string_view value,
                    std::uint32_t run_of_version_1);

/// What must survive when nothing waits.
struct outbox_counters {
  std::uint64_t next_seq = 1;
  std::uint64_t acknowledged_seq = 0;
  std::uint64_t expired_records = 0;
  std::uint64_t coalesced_records = 0;
  std::uint64_t shed_records = 0;

  /// next_seq at the first start since the last contact; 0: none since then.
  std::uint64_t first_start_seq = 0;

  /// No number from here on was ever offered; at most next_seq. Never falls.
  std::uint64_t unsent_seq = 1;
};

std::string to_value(const outbox_counters& counters);
outbox_counters to_counters(std::string_view value);

std::string to_value(const number_ranges& ranges);
number_ranges to_ranges(std::string_view value);

std::string to_value(const analytics::width_ladder& ladder);
analytics::width_ladder to_ladder(std::string_view value);

/// As version 1 of the database had them.
outbox_counters to_counters_of_version_1(std::string_view value);

} // namespace weir::storage
