// What travels over the uplink, numbered, and how far the centre has it. Plain data and
// the few rules that both sides share.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>

namespace weir::transport {

enum class entry_kind : std::uint8_t {
  records = 0, ///< A block.
  expired = 1, ///< A hole: given up in a long outage.
  shed = 2,    ///< A hole: given up because the disk was full.
};

/// A block, or a hole: numbers whose records will never come.
struct uplink_entry {
  entry_kind kind = entry_kind::records;
  std::uint32_t run = 0; ///< Of the edge when it made the records.
  std::uint64_t first_seq = 0;
  std::uint64_t seq_span = 0;     ///< Covers [first_seq, first_seq + seq_span).
  std::uint32_t record_count = 0; ///< At most seq_span; fewer: coalesced. Holes: 0.
  std::string bytes;              ///< transport::encode_block; of holes empty.

  /// @pre seq_span > 0
  std::uint64_t last_seq() const {
    return first_seq + seq_span - 1;
  }

  bool operator==(const uplink_entry&) const = default;
};

/// What an entry counts for in the window, and in the centre's memory at least: its
/// bytes and about what stands beside them.
inline std::size_t window_cost(const uplink_entry& x) {
  constexpr std::size_t beside = 32;
  return x.bytes.size() + beside;
}

/// What the centre has on disk: everything up to through_seq and, where lane_first is
/// not 0, [lane_first, lane_through] as well. A lane lets an edge that was away send
/// what is new at once and the backlog beside it. At most one; when through_seq reaches
/// lane_first - 1 the two become one.
struct uplink_position {
  std::uint64_t through_seq = 0;
  std::uint64_t lane_first = 0; ///< 0: no lane. Otherwise > through_seq + 1.
  std::uint64_t lane_through = 0;

  /// The highest number that the centre has.
  std::uint64_t highest() const {
    return std::max(through_seq, lane_through);
  }

  bool operator==(const uplink_position&) const = default;
};

/// Whether `x` has all that `y` has. A centre's positions only grow by this order, so of
/// two positions of one epoch the one that covers the other is the newer.
inline bool covers(const uplink_position& x, const uplink_position& y) {
  if (x.through_seq < y.through_seq)
    return false;
  if (y.lane_first == 0 || x.through_seq >= y.lane_through)
    return true;
  return x.lane_first != 0 && x.lane_first <= std::max(y.lane_first, x.through_seq + 1)
         && x.lane_through >= y.lane_through;
}

/// With the lane merged where through_seq has reached it.
inline uplink_position merged(uplink_position x) {
  if (x.lane_first == 0)
    return {x.through_seq, 0, 0};
  return x.through_seq >= x.lane_first - 1 ? uplink_position{x.highest(), 0, 0} : x;
}

} // namespace weir::transport
