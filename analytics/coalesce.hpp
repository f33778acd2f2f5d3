// COALESCING: fewer records that say the same at a coarser resolution in time. Where a
// node must keep more than it has room for, neighbouring windows of a series become one
// wide window: count, sum, extremes and sketches of the whole stay exact
// (analytics::merge), only the time within is lost.
//
//   10 s windows     |a|b|c|.|d|e|f|g|h|i|j|k|
//   100 s windows    |        a..i       | j, k wait for the rest of theirs
//
// Pure: records in, records out. What is merged:
//
// - Summaries of tumbling-like windows: of one series and one width, that neither overlap
//   nor begin at different offsets of their width. Hopping windows are not merged: each
//   event is in several of them. Widths of a day and more stay.
// - Corrections add to what they correct, here or, where that has been merged or sent
//   already, at the centre: each event is in one record alone.
// - Of several whole revisions of one window (edges sent those before there were
//   corrections) the highest stands, as it would at the centre; an early summary goes when
//   the final one is there.
// - Not merged: a window of which an earlier version may be elsewhere (only later whole
//   revisions are here, or windows of its series are sent early and it is older than the
//   first of these); a window that ends after `keep_from_ns`. Nor at the front, see
//   is_front.
//
// Anomalies, alerts and rejections stay as they are.
#pragma once

#include "analytics/records.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

namespace weir::analytics {

/// Which width the windows of a width are merged to: two to ten times as wide, at most a
/// day. No two widths become the same, and none becomes one that a node's own windows
/// have: of two windows that look alike a reader could not tell which is which.
class width_ladder {
public:
  static constexpr std::size_t widths_max = 256;
  static constexpr std::int64_t width_ns_max = 86'400'000'000'000;

  /// A node's own windows have this width: nothing is merged to it.
  void take(std::int64_t width_ns);

  /// Windows of this width are never merged.
  void refuse(std::int64_t width_ns);

  /// The width to merge to; 0: these windows stay. Chosen at the first question, the same
  /// from then on.
  std::int64_t coarser(std::int64_t width_ns);

  /// What coarser() has answered before, without choosing; 0 otherwise.
  std::int64_t known_coarser(std::int64_t width_ns) const;

  /// All that must be kept to go on the same later: width to coarser one; 0 for one that
  /// is taken, -1 for one that is refused.
  const std::map<std::int64_t, std::int64_t>& steps() const {
    return steps_;
  }
  void restore(std::int64_t width_ns, std::int64_t step);

  bool operator==(const width_ladder&) const = default;

private:
  bool is_free(std::int64_t width_ns) const;

  std::map<std::int64_t, std::int64_t> steps_;
};

struct coalesce_options {
  std::int64_t keep_from_ns = 0; ///< Windows that end later stay as they are.

  /// What came before is not here: of each series the windows at the front stay as they
  /// are, up to where a whole wide window begins.
  bool is_front = false;
};

struct coalesce_result {
  record_block merged; ///< Everything but `rest`; summaries in order of their start.

  /// Summaries whose wide window is not complete yet, or whose final one may still come:
  /// give them again together with the records that follow.
  record_block rest;

  std::size_t windows_merged = 0;     ///< Summaries that went into a wider one.
  std::size_t records_superseded = 0; ///< Lower revisions and early ones.
};

/// @pre Series indices are in range. `blocks` are in the order of their sequence numbers;
/// of one run: a summary of another run is no revision.
coalesce_result coalesce(std::span<const record_block> blocks,
                         const coalesce_options& options, width_ladder& ladder);

/// Cuts a block into ones of about `size_bytes_max` encoded, each with the series that it
/// needs. Records keep their order.
std::vector<record_block> split(const record_block& block, std::size_t size_bytes_max);

/// The end of the window in the middle of the block's final summaries, by their ends: a
/// time near to when the block was made, whatever single bad clocks say. INT64_MIN
/// without summaries.
std::int64_t middle_end_ns(const record_block& block);

} // namespace weir::analytics
