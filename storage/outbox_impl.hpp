// INTERNAL: the outbox behind its public functions. Three locks, always taken in this
// order:
//
//   write_mutex    one writer at a time; guards all members that have no other lock
//   rewrite_mutex  held while stored entries change what their numbers stand for, and
//                  by readers while they look and mark as offered what they found: a
//                  block is either handed out or changed, never both
//   view_mutex     short: what readers need of the counters, and the published stats
#pragma once

#include "analytics/coalesce.hpp"
#include "storage/lmdb_env.hpp"
#include "storage/number_ranges.hpp"
#include "storage/outbox.hpp"
#include "storage/outbox_checkpoint.hpp"
#include "storage/outbox_index.hpp"
#include "storage/outbox_values.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace weir::storage {

namespace outbox_table {
inline constexpr lmdb_table meta{0};
inline constexpr lmdb_table blocks{1};
inline constexpr lmdb_table chunks{2};
} // namespace outbox_table

/// What a transaction does to the stored entries, and afterwards to the index.
struct entry_changes {
  std::vector<std::uint64_t> erased;
  std::vector<std::pair<std::uint64_t, index_entry>> inserted;
};

/// A block that is to become a hole.
struct given_up {
  std::uint64_t first_seq = 0;
  std::uint64_t last_seq = 0;
  std::uint32_t record_count = 0;
  bool is_stored = true;
  bool is_offered = false; ///< The centre may know it: its hole stays apart.
};

/// Adds what was given up to the counter of the reason.
void count(outbox_counters& into, const std::vector<given_up>& victims,
           hole_reason reason);

/// How much a step of coalescing takes, of blocks that were coalesced so often.
struct coalesce_effort {
  std::uint64_t records_max = 0;
  std::uint64_t retry_at_bytes
    = 0; ///< Of impl::appended_bytes: before, nothing is new.
};

struct outbox::impl {
  impl(const outbox_config& wanted, std::int64_t unix_ns);

  // -- outbox.cpp --
  void load();
  void load_entries(const lmdb_txn& txn);
  void put_identity(lmdb_txn& txn) const;
  void begin_run();
  void publish();
  std::vector<outbox_entry> read_after(std::uint64_t after_seq,
                                       std::size_t size_bytes_limit);
  std::vector<outbox_entry> look_and_offer(std::uint64_t after_seq,
                                           std::size_t size_bytes_limit,
                                           bool& must_save);
  void save_offers();

  // -- outbox_commit.cpp --
  std::uint64_t commit(std::span<const new_block> blocks,
                       const packed_checkpoint* state);
  std::uint64_t write_commit(std::span<const new_block> blocks,
                             const packed_checkpoint* state);
  void acknowledge(std::uint64_t through_seq, number_range lane);
  void flush_acknowledged();
  void make_map_for(const packed_checkpoint& state);
  void require_space(std::span<const new_block> blocks,
                     const packed_checkpoint* state) const;

  void write(lmdb_txn& txn, const entry_changes& changes) const;
  void put_counters(lmdb_txn& txn, outbox_counters& x);
  void committed(const outbox_counters& x);
  void erase_acknowledged(lmdb_txn& txn) const;
  void apply(const entry_changes& changes);

  /// Runs `write`; if the map is full, once more with a larger one. Only for
  /// what makes the database smaller.
  template <class Write>
  void shrink(Write write) {
    try {
      write();
    } catch (const failure& x) {
      if (x.what_happened.code != errc::map_full || grown_bytes >= map_grown_bytes_max)
        throw;
      env.grow(map_reserve_bytes);
      grown_bytes += map_reserve_bytes;
      write();
    }
  }

  // -- outbox_holes.cpp --
  /// Gives up blocks of at least `size_wanted` bytes, if there are, and makes what that
  /// frees usable. False: there was nothing to free.
  bool make_room(std::size_t size_wanted, hole_reason reason);

  /// Chooses what to give up, `size_wanted` bytes if there are: raw, then summaries; the
  /// oldest first, of those that are offered only when the others are gone, and at last
  /// what is just coming. @pre rewrite_mutex is held.
  std::vector<given_up> choose_victims(std::size_t size_wanted,
                                       std::span<const new_block> incoming);
  void take_stored(block_priority going, bool of_offered, std::size_t& size_wanted,
                   std::vector<given_up>& into);

  /// The holes that come of it, joined with their neighbours where that is allowed.
  entry_changes to_holes(std::vector<given_up> victims, hole_reason reason) const;

  // -- outbox_coalesce.cpp --
  struct coalescing;
  coalesce_effort& effort_of(std::uint8_t coalesced);
  bool is_above(std::uint64_t percent) const;
  void coalesce(std::size_t steps);
  void coalesce_for_room(std::size_t size_wanted);
  void pack();
  void keep_small(std::size_t size_coming);

  // -- outbox_renewal.cpp --
  renewal_report renew_epoch(std::uint64_t through_seq, number_range lane);

  static constexpr std::size_t map_reserve_bytes = 16 << 20;
  static constexpr std::size_t map_grown_bytes_max = 64 << 20;
  static constexpr std::size_t map_state_bytes = 16 << 20;

  const outbox_config config;
  lmdb_env env;
  bool was_damaged = false;
  std::size_t files_set_aside = 0;

  std::mutex write_mutex;
  std::mutex rewrite_mutex;

  std::uint64_t epoch = 0;
  std::uint32_t run = 1;
  std::uint32_t run_of_version_1 = 0;
  bool has_legacy_state = false;
  outbox_index index;
  checkpoint_table checkpoints{outbox_table::meta, outbox_table::chunks};
  std::size_t grown_bytes = 0;
  std::uint64_t checkpoint_written_bytes = 0;
  std::uint64_t resident_bytes = 0; // Written since pages were given back.
  outbox_state condition = outbox_state::ok;
  analytics::width_ladder ladder;
  std::map<std::uint8_t, coalesce_effort> efforts; ///< By how often it was coalesced.
  std::uint64_t appended_bytes = 0;                ///< Of blocks, since the start.
  unsigned coalesce_pause = 0;                     ///< Commits until it is tried again.
  std::uint64_t packed_through_seq = 0;
  std::uint64_t state_bytes_mapped = map_state_bytes; ///< What the map has room for.

  /// Acknowledged: gone from the index, still in the database.
  std::vector<std::uint64_t> unflushed;
  std::size_t unflushed_bytes = 0;

  outbox_counters now;
  std::uint64_t stored_first_start_seq = 0; ///< As it is in the database.

  mutable std::mutex view_mutex;  // Guards all below.
  number_range acknowledged_lane; ///< Beyond `published.acknowledged_seq`; 0: none.
  number_ranges offered;          ///< Not acknowledged, but may be at the centre.
  /// Counts the changes of `offered`; of which the last transaction took along, and of
  /// which is durable.
  std::uint64_t offers_version = 0;
  std::uint64_t offers_put_version = 0;
  std::uint64_t offers_saved_version = 0;
  std::uint64_t offers_added_version = 0; ///< When a reader made the last mark.
  bool reader_at_end = false; ///< The uplink has read all: the next it reads at once.
  outbox_stats published;
};

} // namespace weir::storage
