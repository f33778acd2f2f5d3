// Turns records with the node's series_ids into encoded blocks for the outbox: series
// become texts, blocks stay below the link's size limit, and what has another priority
// in the outbox gets blocks of its own.
#pragma once

#include "actors/messages.hpp"
#include "analytics/series.hpp"
#include "storage/outbox.hpp"

#include <cstddef>
#include <cstdint>
#include <unordered_map>
#include <vector>

namespace weir::actors {

class block_builder {
public:
  /// `table` outlives the builder.
  explicit block_builder(const analytics::series_table& table,
                         std::size_t records_max = 1000)
    : table_(table), records_max_(records_max) {
  }

  void add(const analytics::shard_output& records);
  void add(const rejection_batch& samples);

  /// Records that wait for blocks().
  std::size_t record_count() const {
    return record_count_;
  }

  /// Encodes what was added since the last call; empties the builder.
  std::vector<storage::new_block> take_blocks();

private:
  struct draft {
    analytics::record_block block;
    std::unordered_map<analytics::series_id, std::uint32_t> index;
    storage::block_priority priority;
    std::size_t extended_bytes = 0; ///< Of its summaries' further aggregates.
  };

  std::uint32_t index_of(draft& into, analytics::series_id id) const;
  draft& room_in(std::vector<draft>& drafts, storage::block_priority priority,
                 std::size_t extended_bytes = 0);

  const analytics::series_table& table_;
  const std::size_t records_max_;
  std::vector<draft> ordinary_;
  std::vector<draft> alerts_;
  std::vector<draft> raw_; // Samples of what was rejected: they go first.
  std::size_t record_count_ = 0;
};

} // namespace weir::actors
