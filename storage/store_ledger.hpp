// The LEDGER as the centre keeps it: of each number that an edge has given to a
// record, what became of it. Part of the store (storage/store.hpp); the words are
// explained in docs/operator.md.
//
//   sent = stored + coalesced away + expired + shed + unreadable + missing
//
// `missing` is what no range covers: on its way, or waiting at the edge, or, of an
// epoch that has ended, lost with the edge's database.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

namespace weir::storage {

/// What became of a range of numbers. Written to disk: numbers never change.
enum class range_fate : std::uint8_t {
  stored = 0,    ///< Each number is a record in the store.
  coalesced = 1, ///< In the store as fewer, coarser records; no event is missing.
  expired = 2,   ///< The edge had no more room and let them go.
  shed = 3,      ///< The edge gave them up by priority (disk full, overload).
  unreadable = 4 ///< Came, but nobody can read the bytes.
};
inline constexpr std::size_t range_fate_count = 5;

/// One edge's numbering in one epoch, and what became of its numbers.
///
/// The numbers 1 to `through_seq` are covered; while an edge sends what is new
/// before its backlog, [lane_first, lane_through] as well (the lane).
struct edge_position {
  std::string edge;
  std::uint64_t epoch = 0;
  std::uint64_t through_seq = 0;
  std::uint64_t lane_first = 0;   ///< 0: no lane is open. Else above through_seq + 1.
  std::uint64_t lane_through = 0; ///< Last number of the lane.
  std::uint64_t sent_seq = 0; ///< The highest number the edge is known to have given.

  // Counted in numbers; together they are covered().
  std::uint64_t records_stored = 0;
  std::uint64_t records_coalesced
    = 0; ///< Numbers of which the content went into others.
  std::uint64_t records_expired = 0;
  std::uint64_t records_shed = 0;
  std::uint64_t records_unreadable = 0;

  std::uint64_t records_duplicate = 0; ///< Came again and changed nothing.
  std::uint64_t gaps_refused = 0;      ///< Blocks.
  std::uint64_t violations = 0;        ///< Times that the check of a commit failed.
  std::uint64_t ranges = 0;            ///< In the table of ranges.
  std::uint64_t ranges_from_seq = 1;   ///< Ranges before it are in the totals only.
  /// The edge said that it had sent no number above this, and the centre had some: its
  /// database was set back. 0: never, or it has gone on in this epoch all the same.
  std::uint64_t behind_seq = 0;
  std::int64_t first_ns = 0; ///< Unix time of the first commit; 0: not known.
  std::int64_t last_ns = 0;  ///< Unix time of the last commit; 0: not known.

  /// How many numbers have a fate, by position.
  std::uint64_t covered() const {
    return through_seq + (lane_first == 0 ? 0 : lane_through - lane_first + 1);
  }
  /// The same by counting fates. Another value than covered() is a violation.
  std::uint64_t accounted() const {
    return records_stored + records_coalesced + records_expired + records_shed
           + records_unreadable;
  }
  std::uint64_t missing() const {
    return sent_seq > covered() ? sent_seq - covered() : 0;
  }
  bool operator==(const edge_position&) const = default;
};

/// Neighbouring numbers of one fate.
struct ledger_range {
  std::uint64_t first_seq = 0;
  std::uint64_t last_seq = 0;
  range_fate fate = range_fate::stored;
  std::uint64_t records = 0; ///< In the store; 0 for what is expired, shed, unreadable.
  std::int64_t first_ns = 0; ///< Unix time at which its first and its last number came.
  std::int64_t last_ns = 0;

  std::uint64_t numbers() const {
    return last_seq - first_seq + 1;
  }
  bool operator==(const ledger_range&) const = default;
};

/// One epoch of one edge.
struct epoch_ledger {
  edge_position position;
  std::vector<ledger_range> ranges; ///< Newest first, as far as asked for.
  /// Empty: the ranges and the totals agree (the check covers all ranges that are
  /// kept, not only the page). Else one sentence.
  std::string violation;
};

/// Which ranges to read; the totals are always there.
struct ledger_page {
  std::uint64_t epoch = 0; ///< 0: all epochs of the edge.
  std::uint64_t before_seq = std::numeric_limits<std::uint64_t>::max();
  std::size_t limit = 1000; ///< Ranges of one epoch.
};

/// Why an edge that was known counts from 1 again. Written to disk.
enum class epoch_cause : std::uint8_t {
  new_database = 1, ///< The first run of a new database: the old one was lost.
  renewed = 2, ///< Its database was older than what the centre has: a restored copy.
};

/// Something that happened to an edge's numbering as a whole.
struct ledger_event {
  std::string edge;
  std::int64_t time_ns = 0; ///< Unix time at the centre.
  epoch_cause cause = epoch_cause::new_database;
  std::uint64_t old_epoch = 0;
  std::uint64_t new_epoch = 0;
  std::uint32_t run = 0;             ///< In which the new epoch was first seen.
  std::uint64_t old_missing = 0;     ///< Numbers of the old epoch that never came.
  std::uint64_t old_through_seq = 0; ///< How far the old epoch had come.

  bool operator==(const ledger_event&) const = default;
};

/// What an edge says when it connects.
struct edge_hello {
  std::string edge;
  std::uint64_t epoch = 0;
  std::uint32_t run = 0;
  std::uint64_t next_seq
    = 1; ///< The number that its next record will get; 0: not told.
  /// It has sent none from here on; 0: not told, so it may have sent all that it made.
  std::uint64_t unsent_seq = 0;
};

/// The books of an edge do not balance: a fault of this program or of the disk.
struct ledger_violation {
  std::string edge;
  std::uint64_t epoch = 0;
  std::string text; ///< One sentence.
};

/// The newest counters of an edge's own ledger, kept over the centre's restart. The
/// store does not look into `values`.
struct edge_counters {
  std::string edge;
  std::uint64_t epoch = 0;
  std::uint64_t sent_seq = 0;        ///< Highest number given in that epoch.
  std::int64_t time_ns = 0;          ///< Unix time at the centre.
  std::vector<std::uint64_t> values; ///< At most 1,000; new ones are appended.

  bool operator==(const edge_counters&) const = default;
};

} // namespace weir::storage
