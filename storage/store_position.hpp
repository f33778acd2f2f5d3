// INTERNAL: the rules of an edge's numbering, without a database: what of a block is
// new, and where the position stands after it. See edge_position.
#pragma once

#include "storage/store.hpp"

#include <array>
#include <cstddef>
#include <cstdint>

namespace weir::storage {

struct seq_range {
  std::uint64_t first = 0;
  std::uint64_t last = 0;

  bool operator==(const seq_range&) const = default;
};

/// What becomes of a range of numbers that comes.
struct placement {
  commit_result result = commit_result::duplicate;
  /// The numbers that are new: none but for `stored`, two pieces if the range reaches
  /// over a whole lane.
  std::array<seq_range, 2> fresh{};
  std::size_t fresh_count = 0;
  bool in_lane = false; ///< It stands in front of a backlog.

  bool is_new(std::uint64_t seq) const;
  std::uint64_t new_numbers() const;
};

/// `position` moves on if the result is `stored`. @pre 1 <= range.first <= range.last
/// < 2^64 - 1.
placement place(edge_position& position, seq_range range, bool live_lane);

} // namespace weir::storage
