// INTERNAL: one window of one series as the store keeps it, and what a further version
// of it does. Pure; the table of cases is in FORMAT.md, "Windows".
#pragma once

#include "analytics/records.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace weir::storage {

/// A restart of the edge inside the window leaves two parts: what earlier runs saw,
/// and what the last one sees.
struct window_parts {
  std::uint64_t epoch = 0;    ///< Of `current`.
  std::uint32_t run = 0;      ///< Of `current`.
  analytics::summary current; ///< With the edge's own revision.
  std::optional<analytics::summary> earlier;

  bool operator==(const window_parts&) const = default;
};

/// A summary as it came.
struct window_version {
  std::uint64_t epoch = 0;
  std::uint32_t run = 0;
  std::uint64_t seq = 0;
  analytics::summary value;

  bool operator==(const window_version&) const = default;
};

/// Where a summary comes from that is still in its block.
struct version_origin {
  std::uint64_t epoch = 0;
  std::uint32_t run = 0;
  std::uint64_t seq = 0;
  bool in_lane = false;
};

/// The numbers in front of a backlog (edge_position): versions among them wait for
/// what may still come before them.
struct open_lane {
  std::uint64_t epoch = 0;
  std::uint64_t first_seq = 0; ///< 0: none is open.
};

/// Never empty: parts, or versions, or both.
struct stored_window {
  std::optional<window_parts> parts; ///< What came in order.
  /// What came in front of a backlog, in order, and was not settled yet. Bounded: see
  /// add_version().
  std::vector<window_version> ahead;

  bool operator==(const stored_window&) const = default;
};

/// Versions of one window that are kept apart while a lane is open. Above it those
/// that a later one replaces go; the result is the same but for a window that its edge
/// forgot and began anew on both sides of the lane's start.
inline constexpr std::size_t window_versions_max = 8;

/// Puts a version on top, in the order of its lane. Versions whose lane is closed are
/// settled into the parts first. Returns false if the window is what it was.
bool add_version(stored_window& window, const window_version& x, bool in_lane,
                 const open_lane& lane);

/// What a reader gets: everything as one. Its revision is above those of its parts.
/// @pre not empty.
analytics::summary merged(const stored_window& window);

} // namespace weir::storage
