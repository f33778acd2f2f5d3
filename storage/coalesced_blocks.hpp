// INTERNAL: what coalescing made, as encoded blocks that stand for given numbers.
#pragma once

#include "analytics/coalesce.hpp"
#include "storage/outbox.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace weir::storage {

struct coalesced_block {
  std::string bytes;
  std::uint32_t record_count = 0;
  block_priority priority = block_priority::summary;
  bool is_rest = false;       ///< To be given to coalescing again.
  bool takes_surplus = false; ///< Numbers of records that are gone go here.
  std::uint64_t seq_span = 0;
};

/// Blocks of at most 64 KB, about, in the order of their numbers: alerts, summaries, raw,
/// at last what must be given again, so that the next step finds it before what follows.
/// Together they stand for `seq_span` numbers. @pre There are records, and no more than
/// numbers.
std::vector<coalesced_block> encode_coalesced(const outbox_config& config,
                                              analytics::coalesce_result&& records,
                                              std::uint64_t seq_span);

std::size_t size_of(const std::vector<coalesced_block>& blocks);

} // namespace weir::storage
