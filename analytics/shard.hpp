// The pure core of one shard: conversions, filters, windows, derivations, detector and
// rules of the series whose source hashes to it. Events in, summaries, anomalies and
// alerts out; the actor around it only moves batches. Same events in the same order,
// same output.
//
//   process() -> [plan of the series] -> default windows, views -> summaries
//                                     -> routed events, for groups of other shards
//
// Not thread-safe: one owner.
#pragma once

#include "analytics/event.hpp"
#include "analytics/pane_windows.hpp"
#include "analytics/series.hpp"
#include "analytics/series_facts.hpp"
#include "analytics/source_clock.hpp"
#include "analytics/stream_program.hpp"
#include "analytics/stream_view.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace weir::analytics {

template <class T>
class array_view;
struct saved_key;

/// An event for a group whose windows another shard cuts.
struct routed_event {
  keyed_event event;
  series_id key = 0;        ///< The group, as a series of the other shard.
  std::uint32_t view = 0;   ///< In the sender's config().views.
  std::uint64_t source = 0; ///< Hash of its name.
  std::int64_t watermark_ns = time_never;
};

/// Late events of one source in one batch: how many, and one of them.
struct late_events {
  series_id series = 0;
  std::int64_t time_ns = 0;
  double value = 0.0;
  std::int64_t behind_ns = 0; ///< The watermark.
  std::uint64_t count = 0;
  std::uint32_t source = 0; ///< The shard's own number.
};

/// What a shard made since its caller last emptied it. `series` fields hold the
/// node's series_id.
struct shard_output {
  std::vector<summary> summaries;
  std::vector<anomaly> anomalies;
  std::vector<alert> alerts;
  std::vector<late_events> late;
  std::vector<std::vector<routed_event>> routed; ///< By shard; empty: none at all.

  /// No records; there may still be late or routed events.
  bool has_records() const {
    return !summaries.empty() || !anomalies.empty() || !alerts.empty();
  }
  void clear();
};

/// Counters since start; they only grow, but for the *_open and what is in bytes.
///
/// Every event has one fate: inputs + derived = events + late + filtered + sampled_out
/// + unconverted. (An event that is routed is among `events`, also if it then turns out
/// to be late for its group: routed_late counts it a second time.)
struct shard_status {
  std::uint64_t inputs = 0;      ///< Handed to process().
  std::uint64_t events = 0;      ///< Taken into a window.
  std::uint64_t late = 0;        ///< Too late for a window of theirs.
  std::uint64_t routed_late = 0; ///< Too late for a group's window of this shard.
  std::uint64_t filtered = 0;    ///< Let go by a filter, as the configuration says.
  std::uint64_t sampled_out = 0; ///< Let go by a sample step.
  std::uint64_t unconverted = 0; ///< Whose conversion gave no number.
  std::uint64_t derived = 0;     ///< New events from others.
  std::uint64_t routed = 0;      ///< Sent to groups of other shards.
  std::uint64_t unkeyed = 0;     ///< In no group or derivation: the table was full.
  std::uint64_t forced = 0;      ///< See window_counters.
  std::uint64_t summaries = 0;
  std::uint64_t revisions = 0; ///< Corrections of them, by late events.
  std::uint64_t early = 0;     ///< Of these, sent before their time.
  std::uint64_t anomalies = 0;
  std::uint64_t alerts = 0;      ///< Transitions.
  std::uint64_t evicted = 0;     ///< Series that gave way to new ones.
  std::uint64_t series = 0;      ///< Known now.
  std::uint64_t series_open = 0; ///< With an open window, at the last tick.
  std::uint64_t alerts_open = 0; ///< Firing or recovering.
  std::uint64_t state_bytes = 0; ///< Windows and detectors, at the last tick.
};

/// What a change of configuration did.
struct change_report {
  std::vector<std::string> kept;   ///< Views whose windows go on.
  std::vector<std::string> closed; ///< Views whose open windows were sent as they were.
};

/// Whether every event of `x` has one fate.
inline bool is_balanced(const shard_status& x) {
  return x.inputs + x.derived
         == x.events + x.late + x.filtered + x.sampled_out + x.unconverted;
}

class shard {
public:
  /// `table` outlives the shard; `number` is its own in it.
  shard(std::shared_ptr<const stream_program> program, series_table& table,
        std::size_t number = 0);
  ~shard();

  void process(std::span<const event> events, const batch_time& now, shard_output& out);

  /// Takes what other shards routed to groups of this one.
  void process_routed(std::span<const routed_event> events, const batch_time& now,
                      shard_output& out);

  /// Closes windows that time has closed, and those of silent sources; sends early
  /// results; gives up series where the table is nearly full. Call once a second or
  /// so. `all_handed_on`: every earlier output has reached its last reader, so that
  /// ids of evicted series may be given out again.
  ///
  /// False: so much was closed (many sources fell silent together) that readers should
  /// take it first; the rest comes with the next call, which should be soon.
  bool tick(const batch_time& now, bool all_handed_on, shard_output& out);

  /// Closes everything, e.g. at the end of a finite input.
  void flush(shard_output& out);

  /// Goes on with another configuration. Windows whose state_fingerprint() has not
  /// changed go on; others are sent as they are.
  change_report change(std::shared_ptr<const stream_program> program,
                       shard_output& out);

  const shard_status& status() const {
    return status_;
  }

  /// Late events by source since start, the most first; at most `n`.
  std::vector<std::pair<std::string, std::uint64_t>> late_sources(std::size_t n) const;

  /// Memory of windows, detectors and source clocks; not of names.
  std::size_t state_bytes() const;

  /// Memory of the windows alone.
  std::size_t window_bytes() const;

  /// Appends the whole state; see restore() and analytics/SNAPSHOT.md.
  void snapshot(std::string& out) const;

  /// The same in pieces, one after another: no more than one of them, the state of a
  /// view at most, is in memory at a time.
  using piece_sink = std::function<void(std::string_view)>;
  void snapshot(const piece_sink& sink) const;

  struct restore_report {
    std::size_t series = 0;  ///< Taken up.
    std::size_t refused = 0; ///< For which the table had no room.
    change_report views;     ///< Of which the windows go on, or were closed.
  };

  /// Takes, of a snapshot of this or another shard, the series that belong to this
  /// one: give every shard every snapshot and the number of shards may change. Windows
  /// of another shape than today's go to `out`. @pre Nothing was processed yet.
  expected<restore_report, std::string>
  restore(std::string_view snapshot, const batch_time& now, shard_output& out);

private:
  struct series_plan;
  struct series_slot {
    std::unique_ptr<series_plan> plan; // Null: no steps, views or derivations.
    std::uint64_t rules = 0;           // Bit i: rule i applies.
    std::uint32_t source = 0;
    bool known = false;
    bool leaving = false;  // Retired; its id is not free yet.
    bool judged = false;   // By the detector.
    bool alerting = false; // Has an entry in rule_states_.
  };
  struct derive_state;
  struct snapshot_reader;
  struct text_hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const {
      return std::hash<std::string_view>{}(text);
    }
  };

  // shard_plan.cpp: what is decided once for a series.
  series_slot& first_sight(series_id id);
  series_slot& first_sight(series_id id, std::uint32_t source);
  void make_plan(series_slot& slot, series_id id);
  void plan_steps(series_plan& plan, const series_name& name,
                  const series_facts& facts);
  void plan_views(series_plan& plan, const series_name& name,
                  const series_facts& facts);
  void plan_derives(series_plan& plan, const series_name& name,
                    const series_facts& facts);
  std::optional<series_id> view_key(const view_config& view, const series_name& name,
                                    const series_facts& facts);
  std::uint32_t derive_state_of(std::size_t rule, const series_name& name);
  bool name_result(derive_state& state);
  std::uint32_t source_of(std::string_view text);
  std::uint32_t source_of_routed(const routed_event& x);
  void make_views(const stream_config& config);
  void make_default(const stream_config& config);
  std::string look_up(series_id id, const std::string& name) const;

  // shard.cpp: what is done for each event.
  [[gnu::always_inline]] const series_slot* slot_ahead(const event& x) const;
  [[gnu::always_inline]] void prefetch_planned(const event* next) const;
  [[gnu::always_inline]] void prefetch(const event* next) const;
  void take(const event& x, const batch_time& now, shard_output& out);
  void take_fully(const event& x, const batch_time& now, shard_output& out);
  void set_tag(std::uint32_t local);
  void take_planned(series_slot& slot, event x, const batch_time& now,
                    shard_output& out);
  bool prepare(series_plan& plan, event& x);
  bool samples_out(series_plan& plan, const event& x);
  bool add_to_default(const event& x, const source_clock& source, shard_output& out);
  bool add_to_views(series_plan& plan, const event& x, const source_clock& source,
                    const batch_time& now, shard_output& out);
  void derive(series_plan& plan, const event& x, const batch_time& now,
              shard_output& out);
  void note_late(const event& x, std::uint32_t source, std::int64_t watermark_ns,
                 shard_output& out);
  void tell_late(const event& x, std::uint32_t source, std::int64_t watermark_ns,
                 shard_output& out);
  void judge(series_slot& slot, const event& x, shard_output& out);
  void run_rules(series_slot& slot, const event& x,
                 const ewma_detector::verdict& verdict, shard_output& out);
  stream_view* view_of(const routed_event& x);
  void settle(const batch_time& now, shard_output& out);
  void forget_old_facts();
  void count_summaries(std::size_t before, const shard_output& out);

  // shard_upkeep.cpp: what is done once a second.
  bool close_by_time(const batch_time& now, shard_output& out);
  void tell_early(const batch_time& now, shard_output& out);
  void evict(std::size_t count);
  void forget(series_id id, shard_output& out);
  void finish_eviction(bool all_handed_on, shard_output& out);
  void free_source(std::uint32_t number);
  void free_derivations();
  void change_default(const stream_config& was, change_report& report,
                      shard_output& out);
  void change_rules(const stream_config& was);
  void close_unused_keys(shard_output& out);

  // shard_save.cpp, shard_restore.cpp
  void save_series(std::string& out) const;
  void save_default(std::string& out) const;
  void save_view(const stream_view& view, std::string& out) const;
  void save_rules(std::string& out) const;
  void restore_series(snapshot_reader& reader, const batch_time& now);
  void restore_windows(snapshot_reader& reader, const batch_time& now,
                       shard_output& out);
  bool restore_default(snapshot_reader& reader, std::string_view bytes);
  bool restore_view(snapshot_reader& reader, stream_view& view,
                    const array_view<saved_key>& keys, const batch_time& now,
                    std::string_view bytes);
  bool close_saved(
    snapshot_reader& reader, const view_config& shape, bool is_default,
    std::size_t key_count,
    const std::function<std::pair<std::uint32_t, std::uint32_t>(std::size_t)>& key_at,
    window_operator::renaming renaming, std::string_view bytes, shard_output& out);
  void save_series_of(const stream_view& view, std::string& out) const;
  window_operator::renaming read_series_of(byte_reader& in);
  void restore_rules(snapshot_reader& reader);

  std::int64_t watermark_of(const source_clock& source) const {
    return source.watermark_ns(out_of_orderness_ns_);
  }

  std::shared_ptr<const stream_program> program_; // Not null.
  series_table* table_;                           // Not null.
  const std::size_t number_;
  std::int64_t out_of_orderness_ns_ = 0;
  std::int64_t lateness_ns_ = 0; // Of the default windows.
  std::uint32_t close_from_ = 0; // Where close_by_time() goes on...
  std::uint64_t open_seen_ = 0;  // ...and what it has counted so far.

  std::unique_ptr<window_operator>
    default_;                     // Null: there are none. Slot = local number.
  pane_windows* panes_ = nullptr; // `default_`, if it is plain panes.
  std::vector<std::unique_ptr<stream_view>> views_; // As config().views.
  bool plans_are_trivial_ = false; // Nothing in the configuration asks for a plan.

  // The tag of a default pane: the source of a series for which nothing else is to be
  // done than its default windows, or this, which is also what a series has that was
  // not seen yet.
  static constexpr std::uint32_t tag_take_fully = pane_windows::no_tag;

  chunked_vector<series_slot> series_; // By local number.
  chunked_vector<ewma_detector> detectors_;
  chunked_vector<source_clock> sources_;
  std::vector<std::string> source_names_;
  std::vector<std::uint32_t> free_sources_;
  std::unordered_map<std::string, std::uint32_t, text_hash, std::equal_to<>>
    source_ids_;
  std::vector<derive_state> derive_states_;
  std::unordered_map<std::string, std::uint32_t> derive_ids_;
  std::vector<std::uint32_t> free_derive_states_;
  // By series; few series alert at a time. Inner: by rule number.
  std::unordered_map<series_id, std::unordered_map<std::uint32_t, rule_state>>
    rule_states_;
  std::unordered_map<series_id, std::int64_t> group_keys_; // Last seen, local clock.

  std::vector<series_id> leaving_;
  std::uint64_t leaving_epoch_ = 0;
  std::uint64_t releases_seen_ = 0; // Of the table.
  enum class eviction_stage : std::uint8_t {
    retired, // Readers may still hold the ids.
    passed,  // What they handed over may still wait in the inbox.
    closed,  // The windows' summaries may still be on their way to the outbox.
  };
  eviction_stage leaving_stage_ = eviction_stage::retired;
  std::int64_t default_early_at_ns_ = time_never;

  shard_status status_;
};

} // namespace weir::analytics
