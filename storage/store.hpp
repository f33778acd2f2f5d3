// The centre's STORE: summaries, anomalies, alerts, quarantine samples and the
// position of each edge, in one LMDB environment. Format: storage/FORMAT.md.
//
// Idempotent by (edge, epoch, sequence): a block that was stored before changes
// nothing, a block beyond the next expected record is refused.
#pragma once

#include "analytics/records.hpp"
#include "storage/errors.hpp"
#include "storage/store_ledger.hpp"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace weir::storage {

/// How long windows are kept by tier, from their end on; 0: for ever. A tier is never
/// kept shorter than the one below it. Times are rounded up to whole days.
struct retention {
  static constexpr std::int64_t day_ns = 86'400'000'000'000;

  std::int64_t raw_ns = 14 * day_ns;
  std::int64_t minute_ns = 90 * day_ns;
  std::int64_t hour_ns = 3 * 366 * day_ns;
  std::int64_t day_tier_ns = 0;
};

struct retention_rule {
  std::string metric; ///< A glob, as in analytics::matches_glob.
  retention keep;
};

struct store_config {
  std::filesystem::path directory;
  std::size_t size_bytes_max = 8ull << 30; ///< LMDB map size: a limit, not a cost.
  std::size_t quarantine_max = 10'000;     ///< Oldest go first.
  std::size_t anomalies_max = 1'000'000;   ///< Oldest go first.
  std::size_t alerts_max = 1'000'000;      ///< Oldest go first.
  /// Ranges of an edge's epoch; beyond it the oldest are in the totals only.
  std::size_t ledger_ranges_max = 10'000;

  /// Windows that came last are kept as single rows before they go into blocks: so many,
  /// and so long. More make fuller blocks and fewer writes; a start reads them all.
  std::size_t recent_rows_max = 500'000;
  std::int64_t recent_age_ns_max = 3'600'000'000'000;

  retention keep{};
  /// The first that fits a series' metric is taken instead of `keep`.
  std::vector<retention_rule> keep_rules{};
};

/// Number of a stored series: (edge, canonical text). Never reused.
using stored_series_id = std::uint32_t;

struct stored_series {
  stored_series_id id = 0;
  std::string edge;
  std::string text;               ///< Canonical.
  std::int64_t width_ns = 0;      ///< Of the newest summary.
  std::int64_t last_start_ns = 0; ///< Of the newest summary; 0: none yet.
};

/// What the uplink hands over: decoded records with their place in the edge's
/// numbering, or a range of numbers that will have no records.
struct incoming_block {
  std::string edge; ///< Authenticated name.
  std::uint64_t epoch = 0;
  std::uint32_t run = 0;       ///< Without meaning for a range without records.
  std::uint64_t first_seq = 0; ///< At least 1.
  /// Numbers that it covers: [first_seq, first_seq + seq_span). More than there are
  /// records if the edge has coalesced them. 0: as many as records.
  std::uint64_t seq_span = 0;
  bool live_lane = false; ///< May stand in front of a backlog (see edge_position).
  /// `stored` for records; the others have none.
  range_fate fate = range_fate::stored;
  analytics::record_block records{};
};

enum class commit_result : std::uint8_t {
  stored,    ///< New; on disk.
  duplicate, ///< Was there already; nothing changed.
  gap,       ///< Refused: numbers before it are missing. Ask from resend_from_seq().
};

struct commit_outcome {
  commit_result result = commit_result::stored;
  // The edge's position after this block.
  std::uint64_t through_seq = 0;
  std::uint64_t lane_first = 0;
  std::uint64_t lane_through = 0;
  bool live_lane = false; ///< Of a gap: the lane it is in.

  /// What the edge must send to close a gap.
  std::uint64_t resend_from_seq() const {
    return (live_lane && lane_first != 0 ? lane_through : through_seq) + 1;
  }
};

/// What a commit added, for the live feed: the same records with stored ids.
struct committed_summary {
  stored_series_id series = 0;
  analytics::summary value; ///< As it now stands in the store.
};
struct committed_anomaly {
  stored_series_id series = 0;
  analytics::anomaly value;
};
struct committed_alert {
  std::string edge;
  std::string series_text;
  analytics::alert value;
};
struct commit_report {
  std::vector<commit_outcome> outcomes; ///< One per block, same order.
  std::vector<stored_series> new_series;
  std::vector<committed_summary> summaries; ///< By series, width and start.
  std::vector<committed_anomaly> anomalies;
  std::vector<committed_alert> alerts;
  std::uint64_t rejections = 0;
  std::vector<ledger_event> events;
  std::vector<ledger_violation> violations;
};

struct series_filter {
  std::string text_contains; ///< Case-insensitive; empty: all.
  std::string edge;          ///< Exact; empty: all.
  std::size_t limit = 200;
};

struct stored_anomaly {
  stored_series_id series = 0;
  analytics::anomaly value;
};
struct stored_alert {
  std::string edge;
  std::string series_text;
  analytics::alert value; ///< The newest transition; `series` is not used.
};
struct stored_rejection {
  std::string edge;
  analytics::rejection value;
};

/// A part of the store that cannot be read; all else can.
struct damaged_span {
  stored_series_id series = 0;
  std::string tier; ///< "raw", "minute", ...
  std::int64_t first_start_ns = 0;
  std::string what;

  bool operator==(const damaged_span&) const = default;
};

struct store_stats {
  std::uint64_t series = 0;
  std::uint64_t summaries = 0; ///< As they came: recent ones and those in blocks.
  std::uint64_t anomalies = 0;
  std::uint64_t alerts = 0;
  std::uint64_t rejections = 0;
  std::uint64_t size_bytes = 0; ///< Used pages.
  // Of `summaries` those that are not in blocks yet; and rows of the rollups.
  std::uint64_t recent = 0;
  std::uint64_t minutes = 0;
  std::uint64_t hours = 0;
  std::uint64_t days = 0;
  std::uint64_t damaged_spans = 0; ///< Found since the start.
};

/// Thread-safe: one thread commits, any thread reads. Reads are short snapshots.
class store {
public:
  /// As outbox::open: a damaged database is set aside, never fatal.
  static expected<std::unique_ptr<store>, error> open(const store_config& config,
                                                      std::int64_t unix_ns);

  ~store();
  store(const store&) = delete;
  store& operator=(const store&) = delete;

  bool was_damaged() const;

  /// Stores all blocks, positions and ledger ranges in one durable transaction. On
  /// error nothing of it is stored. `unix_ns` is the time the ledger notes.
  ///
  /// A block is taken if it continues `through_seq`, or, marked `live_lane`, if it
  /// opens a lane (none is open) or continues it; the lane ends when everything before
  /// it has come. What is known changes nothing; all else is refused as a gap. The
  /// first block of an epoch of an edge that had another one is a ledger event.
  ///
  /// `hellos` (see note_hello) are noted in the same transaction, before the blocks.
  ///
  /// After each commit the fates of an edge's numbers are compared with its position;
  /// what does not agree is counted and reported in `violations`.
  ///
  /// A summary for a window that is already there: a correction is merged into it, a
  /// higher `revision` that is none replaces it; otherwise one from a later run or another epoch of the edge (a restart
  /// inside the window) is merged into it with the next revision, and one of the
  /// same run is ignored. After such a merge, higher revisions of the later run
  /// correct what that run saw; what the earlier runs saw stays. With a lane open, the
  /// result is the same as if all blocks had come in the order of their numbers.
  ///
  /// A block that breaks the contract (numbers from 0, fewer numbers than records,
  /// records with another fate than `stored`, a record's `series` out of range, an edge
  /// name of 0 or over 255 bytes, a window outside the years 1897 to 2116) makes
  /// the whole commit fail with `malformed`; decoders refuse such blocks before. If
  /// what is stored of the edge cannot be read, the error is `damaged`.
  expected<commit_report, error> commit(std::span<const incoming_block> blocks,
                                        std::int64_t unix_ns = 0,
                                        std::span<const edge_hello> hellos = {});

  /// Notes what an edge says when it connects: how far its numbers go (next_seq 0: not
  /// told), and whether it counts anew, or is behind what the centre has
  /// (edge_position::behind_seq).
  expected<commit_report, error> note_hello(const edge_hello& hello,
                                            std::int64_t unix_ns);

  /// The edge's position, or nothing if nothing of this epoch is known.
  expected<std::optional<edge_position>, error> position(std::string_view edge,
                                                         std::uint64_t epoch) const;
  expected<std::vector<edge_position>, error> positions() const;

  /// All epochs of an edge, the one of the last commit first; empty if the edge is not
  /// known. Checks the ranges against the totals.
  expected<std::vector<epoch_ledger>, error> ledger(std::string_view edge,
                                                    const ledger_page& page = {}) const;

  /// Newest first, at most 100 are kept of each edge.
  expected<std::vector<ledger_event>, error> ledger_events(std::string_view edge) const;

  /// Keeps the newest counters of edges, one transaction for all; their `sent_seq`
  /// goes into the positions.
  expected<void, error> put_counters(std::span<const edge_counters> all);
  /// By name of the edge.
  expected<std::vector<edge_counters>, error> counters() const;

  /// Does a part of the work that commits leave: moves about `rows` recent windows into
  /// blocks with their rollups, if it is time, and drops what is beyond its retention.
  /// True: there is more to do now. Commits wait meanwhile, so ask for little (10,000 rows
  /// are about 50 ms). A commit does some of it itself when nobody calls this.
  expected<bool, error> maintain(std::size_t rows, std::int64_t unix_ns);

  /// Moves all recent windows into blocks now: before a backup, or a measurement.
  expected<void, error> flush(std::int64_t unix_ns);

  /// What could not be read since the start; at most 1,000 are kept, others counted.
  std::vector<damaged_span> damaged_spans() const;

  /// Stores an alert that the centre itself raised (edge "central").
  expected<void, error> put_alert(const stored_alert& alert);

  expected<std::vector<stored_series>, error>
  find_series(const series_filter& filter) const;
  expected<stored_series, error> series(stored_series_id id) const;

  /// Summaries with start in [from_ns, to_ns), oldest first, of all widths that the
  /// series has or had; of times that raw does not keep any more, rollups. Where an edge
  /// has coalesced windows and some of them had come before, the coarse and the fine ones
  /// of its span are one. Over `points_max`,
  /// neighbours are merged (min, max and counts stay exact), from the coarsest tier that
  /// suffices. What cannot be read is left out, see damaged_spans().
  expected<std::vector<analytics::summary>, error>
  query(stored_series_id id, std::int64_t from_ns, std::int64_t to_ns,
        std::size_t points_max) const;

  /// Newest first. `series` 0: all.
  expected<std::vector<stored_anomaly>, error>
  anomalies(stored_series_id series, std::int64_t from_ns, std::int64_t to_ns,
            std::size_t limit) const;

  /// Newest first; `only_open`: firing, pending or recovering.
  expected<std::vector<stored_alert>, error> alerts(bool only_open,
                                                    std::size_t limit) const;

  /// Newest first.
  expected<std::vector<stored_rejection>, error> quarantine(std::size_t limit) const;

  store_stats stats() const;

private:
  struct impl;
  explicit store(std::unique_ptr<impl> state);
  std::unique_ptr<impl> impl_;
};

} // namespace weir::storage
