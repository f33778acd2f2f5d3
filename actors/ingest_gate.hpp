// INGEST GATE: the one door between the sources and the shards. Behind it an event is
// safe: it is in the journal, it is counted, and it was not there before.
//
//   ports ==payloads==> [gate: duplicate filter -> journal -> shard inboxes]
//
// One lock makes the order of the journal that of each inbox, so that replaying the
// journal repeats exactly what the shards saw; and it makes a cut (begin_cut) one place
// in all of them. Waiting for room happens outside of the lock.
//
// Without a journal (switched off, or its disk fails) events pass all the same: that
// is told loudly, and a crash then loses what was not yet in a checkpoint.
#pragma once

#include "actors/ingest_record.hpp"
#include "actors/shard_inbox.hpp"
#include "analytics/duplicate_filter.hpp"
#include "analytics/node_clock.hpp"
#include "analytics/sequence_tracker.hpp"
#include "analytics/series.hpp"
#include "storage/journal.hpp"

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace weir::actors {

struct ingest_gate_config {
  bool duplicates_enabled = true;
  /// Of at least this many events before an event is known whether it is one of them.
  std::size_t duplicates_horizon = 262'144;
  /// Events without a time that wait for the clock; further ones are rejected.
  std::size_t held_events_max = 100'000;
};

/// What became of events, over all starts of this database.
struct ingest_totals {
  std::uint64_t received = 0; ///< The sum of what follows.
  std::uint64_t accepted = 0; ///< Handed to a shard.
  std::uint64_t duplicates = 0;
  std::uint64_t shed = 0;
  std::uint64_t held = 0; ///< Wait for the clock, now.
  rejection_counts rejected{};
  std::uint64_t restamped = 0;   ///< Of the accepted: had waited for the clock.
  std::uint64_t unjournaled = 0; ///< Of the accepted: taken without a journal.

  std::uint64_t quarantined() const;
  bool operator==(const ingest_totals&) const = default;
};

/// One payload on its way in; a port's buffers, used again and again.
struct ingest_payload {
  struct shard_part {
    std::vector<analytics::event> events;
    std::vector<std::uint64_t> keys; ///< By event: hash of its id, 0 where it has none.
    std::vector<sequence_mark> sequences;
  };
  explicit ingest_payload(std::size_t shards) : parts(shards) {
  }

  std::vector<shard_part> parts; ///< By shard.
  std::vector<held_event> held;
  rejection_counts rejected{};
  analytics::clock_reading clock;
  void clear();

private:
  friend class ingest_gate;
  std::uint32_t duplicates = 0;
  std::uint32_t shed = 0;
  std::uint32_t released = 0;
};

/// A place in all inboxes and in the journal.
struct cut_start {
  std::uint64_t journal_number = 0; ///< Of the first record behind the cut; 0: there is
                                    ///< no journal.
  std::string state;                ///< The gate's own, for restore().
  ingest_totals totals;
};

class ingest_gate {
public:
  struct parts {
    analytics::series_table* series = nullptr;
    std::vector<shard_inbox*> inboxes;   ///< By shard.
    storage::journal* journal = nullptr; ///< Null: none.
    std::uint64_t boot_id = 0;           ///< Of this start of the machine; not 0.
    /// Half of the journal is needed: time for a checkpoint, or sources will wait. Called
    /// under the gate's lock.
    std::function<void()> on_filling;
    /// The journal cannot be written (the text says why), or can again (empty).
    std::function<void(const std::string& problem)> on_problem;
  };

  ingest_gate(ingest_gate_config config, parts with);

  /// A number for a source.
  std::uint32_t add_source(std::string name);

  /// Takes a payload and empties it. When it returns true the events survive a kill.
  /// False: the node is stopping and has no journal; nothing was taken. `sheds`: events
  /// for which there is no room are counted and let go instead of waiting.
  bool take(std::uint32_t source, ingest_payload& payload, bool sheds = false);

  /// Sets cut `number` behind everything that was taken.
  cut_start begin_cut(std::uint64_t number);

  /// What comes from now on is for the next start: it goes into the journal and not to
  /// the shards, and nothing waits for room any more. The next cut lies here.
  void close();

  // -- start -------------------------------------------------------------------

  /// The state of an earlier cut. @pre Nothing was taken.
  expected<void, std::string> restore(std::string_view state);

  struct replay_report {
    std::uint64_t events = 0;
    std::uint64_t unreadable = 0; ///< Records of another format.
    std::uint64_t homeless = 0;   ///< Events of series for which there is no room now.
    storage::replay_report journal;
  };

  /// Goes through the journal: records before `from` only say what is a duplicate, the
  /// others are handed to `use`, one record after another. Without `from`: from the
  /// newest checkpoint that the journal itself knows of. @pre As restore().
  expected<replay_report, std::string>
  replay(std::optional<std::uint64_t> from,
         const std::function<void(std::span<const analytics::event>)>& use);

  // -- status ------------------------------------------------------------------

  ingest_totals totals() const;
  analytics::sequence_totals upstream() const;
  std::size_t size_bytes() const; ///< Memory.

  /// Grows with everything that is taken, in a replay too.
  std::uint64_t payloads() const;

  /// Why the journal cannot be written; empty: it can, or there is none.
  std::string problem() const;

  /// More than half of the journal is needed since the last checkpoint.
  bool is_filling() const {
    return filling_;
  }

  /// A checkpoint covers every record before `number`: what of the journal is not
  /// needed any more may be written over.
  void on_checkpoint(std::uint64_t number);

  /// Whether one more event may wait for the clock, beside `waiting` of the caller.
  bool can_hold(std::size_t waiting) const;

private:
  struct known_series {
    std::uint64_t salt = 0;    // 0: not seen since its id was given.
    std::uint64_t segment = 0; // Of the journal, that names it.
  };
  struct source_state {
    std::string name;
    std::uint64_t segment = 0;
  };

  using wakes = std::vector<std::optional<shard_inbox::wake>>;

  static std::uint64_t salt_of(std::string_view series);
  static std::uint64_t fingerprint(const analytics::event& x, std::uint64_t key,
                                   std::uint64_t salt);
  void wait_for_room(bool sheds, ingest_payload& payload);
  bool pass(std::unique_lock<std::mutex>& lock, std::uint32_t source,
            ingest_payload& payload, wakes& ring);
  void forget_released();
  known_series& known(analytics::series_id id);
  void drop_duplicates(ingest_payload::shard_part& part, ingest_payload& payload);
  void track(const ingest_payload& payload);
  void hold(ingest_payload& payload);
  ingest_payload release(const analytics::clock_reading& now);
  bool write(std::unique_lock<std::mutex>& lock, std::uint32_t source,
             ingest_payload& payload);
  expected<void, storage::error> append(std::uint32_t source,
                                        const ingest_payload& payload);
  void gather(const ingest_payload& payload, std::uint64_t segment);
  void forget_names();
  void note_filling(bool filling);
  std::size_t size_of(const ingest_payload& payload) const;
  void count(std::size_t accepted, const rejection_counts& rejected,
             std::uint64_t duplicates, std::uint64_t shed);
  std::uint64_t last_checkpoint() const;
  std::uint64_t translate(ingest_record& record);
  void learn_names(const ingest_record& record);
  void remember(const ingest_record& record);
  void replay_one(const ingest_record& record);
  void keep_reading();
  void tell(const std::string& problem);
  void save(std::string& out) const;

  const ingest_gate_config config_;
  const parts parts_;
  mutable std::mutex mutex_;
  std::condition_variable journal_room_;
  std::vector<std::vector<known_series>> series_; // By shard and local number.
  std::uint64_t releases_seen_ = 0;
  std::vector<source_state> sources_;
  analytics::duplicate_filter filter_;
  analytics::sequence_tracker tracker_;
  std::vector<held_event> held_;
  analytics::series_table::reader reader_; // Of the ids in held_.
  bool reading_ = false;

  // Of the payload under way; memory is used again.
  std::vector<std::uint64_t> fingerprints_;
  std::vector<std::pair<analytics::series_id, std::string_view>> names_;
  std::vector<sequence_mark> marks_;
  std::vector<std::uint64_t> keys_;
  std::vector<std::string_view> pieces_;
  std::string header_;

  /// A series as the journal knows it; of replay().
  struct journaled_series {
    std::string text;
    std::uint64_t salt = 0;
    std::optional<analytics::series_id> id; // In this process, once it is needed.
    bool asked = false;
  };
  std::unordered_map<analytics::series_id, journaled_series> journaled_;

  ingest_totals totals_;
  bool closed_ = false;
  std::uint64_t closed_at_ = 0; // The journal's number then.

  // Of the journal's records, since this start: all, before the last cut, and before
  // the last checkpoint.
  std::uint64_t appended_bytes_ = 0;
  std::uint64_t cut_bytes_ = 0;
  std::uint64_t kept_bytes_ = 0;
  std::uint64_t filling_bytes_ = 0; // From here on a checkpoint is wanted soon.
  std::atomic<bool> filling_{false};
  std::uint64_t payloads_ = 0;
  std::string problem_;
};

} // namespace weir::actors
