// INTERNAL: the state behind `store`, shared by store*.cpp.
#pragma once

#include "storage/block_table.hpp"
#include "storage/lmdb_env.hpp"
#include "storage/recent_tables.hpp"
#include "storage/series_block.hpp"
#include "storage/store.hpp"
#include "storage/store_position.hpp"
#include "storage/store_values.hpp"

#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace weir::storage {

namespace table {
inline constexpr lmdb_table meta{0};
inline constexpr lmdb_table positions{1};
inline constexpr lmdb_table series{2};
inline constexpr lmdb_table tails{3}; ///< Newest width and start of each series.
inline constexpr lmdb_table old_summaries{4}; ///< Of format 1; emptied at the start.
inline constexpr lmdb_table anomalies{5};
inline constexpr lmdb_table anomalies_by_series{6};
inline constexpr lmdb_table alerts{7};
inline constexpr lmdb_table alerts_open{8};   ///< By time.
inline constexpr lmdb_table alerts_closed{9}; ///< By time.
inline constexpr lmdb_table quarantine{10};
inline constexpr lmdb_table ledger{11}; ///< Ranges of numbers.
inline constexpr lmdb_table ledger_events{12};
inline constexpr lmdb_table edge_counters{13};
/// Windows that came last, in the order of time; see recent_tables.hpp.
inline constexpr std::array<lmdb_table, 2> recent{lmdb_table{14}, lmdb_table{15}};
inline constexpr lmdb_table blocks{16};
inline constexpr lmdb_table horizons{17}; ///< Before them rows were dropped.
} // namespace table

/// In `meta`: recent_state.
inline constexpr std::string_view recent_meta_key = "recent";

/// A value in `blocks`: with its key and LMDB's node head one page is full.
inline constexpr std::size_t block_value_bytes = block_bytes_best;

/// All series in memory: number -> names, names -> number. Thread-safe.
class series_cache {
public:
  /// 0: unknown.
  stored_series_id find(std::string_view edge, std::string_view text) const;
  std::optional<stored_series> get(stored_series_id id) const;
  std::vector<stored_series> search(const series_filter& filter) const;
  std::size_t size() const;

  /// Puts in what a commit has changed; new ones continue the numbers.
  void apply(const std::map<stored_series_id, stored_series>& changed);

private:
  static std::string name_key(std::string_view edge, std::string_view text);

  mutable std::shared_mutex mutex_;
  std::deque<stored_series> series_; // Number n is at n - 1.
  std::unordered_map<std::string, stored_series_id> ids_;
};

struct series_width {
  stored_series_id series = 0;
  std::int64_t width_ns = 0;

  bool operator==(const series_width&) const = default;
};

struct series_width_hash {
  std::size_t operator()(const series_width& x) const {
    auto bits
      = static_cast<std::uint64_t>(x.width_ns) ^ (std::uint64_t{x.series} << 32);
    return static_cast<std::size_t>((bits ^ (bits >> 29)) * 0x9e3779b97f4a7c15ull);
  }
};

struct store_state {
  store_state(const store_config& config, std::int64_t unix_ns);
  void load();
  void load_recent(const lmdb_txn& txn);
  /// @pre check_block() of each block; under write_mutex.
  commit_report commit(std::span<const incoming_block> blocks, std::int64_t unix_ns,
                       std::span<const edge_hello> hellos);

  // -- store_commit.cpp --
  std::int64_t last_in_blocks(const lmdb_txn& txn, const series_width& of);

  // -- store_flush.cpp --
  /// Moves the rows of an older program's table to where they belong.
  void take_over_old_rows(std::int64_t unix_ns);
  bool flush_is_due(std::int64_t unix_ns) const;
  /// The other table becomes the active one. @pre not recent_now.is_flushing.
  void switch_tables();
  /// Moves about `rows` windows into blocks. @pre recent_now.is_flushing.
  void flush_some(std::size_t rows, std::int64_t unix_ns);
  bool maintain(std::size_t rows, std::int64_t unix_ns);
  /// So that recent windows stay bounded when nobody calls maintain().
  void keep_up(std::span<const incoming_block> blocks, std::int64_t unix_ns);

  // -- store_retention.cpp --
  bool drop_expired(std::size_t places, std::int64_t unix_ns);
  void put_horizons(lmdb_txn& txn, stored_series_id id, tier level,
                    std::int64_t cutoff_ns) const;
  bool has_recent_before(stored_series_id id, std::int64_t time_ns) const;

  // -- any thread --
  void note_damage(const block_key& where, const error& what) const;
  storage::damage_sink damage_sink() const {
    return
      [this](const block_key& where, const error& what) { note_damage(where, what); };
  }

  const store_config config;
  lmdb_env env;
  bool was_damaged = false;
  series_cache series;
  recent_tables recent;
  mutable std::mutex damage_mutex;
  mutable std::vector<damaged_span> damages; // Under damage_mutex; each once.
  mutable std::uint64_t damages_left_out = 0;

  std::mutex write_mutex;           // All that writes, one after another.
  recent_state recent_now;          // Under write_mutex; as it is on disk.
  std::size_t recent_stayed = 0;    // Under write_mutex: rows that the last flush left.
  std::int64_t recent_since_ns = 0; // Under write_mutex: when the active table began.
  /// Under write_mutex: start of the last raw row in blocks, as far as it was asked for.
  std::unordered_map<series_width, std::int64_t, series_width_hash> last_in_blocks_;
  std::vector<stored_series_id> flush_series; // Under write_mutex: what the other has.
  std::string retention_at;                   // Under write_mutex: where it goes on.
  std::int64_t retention_round_ns = 0;        // Under write_mutex: when it began.
  std::uint64_t next_anomaly = 1;             // Under write_mutex.
  std::uint64_t next_rejection = 1;           // Under write_mutex.
};

struct store::impl : store_state {
  using store_state::store_state;
};

/// The decoder has checked the bytes; this is what the tables rely on. Throws
/// `malformed`.
void check_block(const incoming_block& block);

/// One writing transaction of the store: what it will change in memory waits
/// here until it is on disk.
class store_txn {
public:
  store_txn(store_state& store, std::int64_t unix_ns)
    : store_(store), txn_(store.env, true), unix_ns_(unix_ns),
      active_(store.recent.view().indexes[store.recent_now.active]),
      flushing_(store.recent.view().indexes[1 - store.recent_now.active]),
      next_anomaly_(store.next_anomaly), next_rejection_(store.next_rejection) {
  }

  /// @pre check_block(block); `block` stays where it is until commit().
  commit_outcome add(const incoming_block& block);
  void note_hello(const edge_hello& hello);
  void put_counters(const edge_counters& counters);
  bool put_alert(const stored_alert& alert); ///< False: an older transition.

  /// Durable, and visible in memory, when it returns.
  commit_report commit();

private:
  struct tracked_position {
    edge_position value;
    bool stored = false;             ///< In the table, or to be put there.
    std::vector<ledger_range> fresh; ///< Of this transaction, neighbours joined.
  };

  /// A block that is new as a whole or in part.
  struct placed_block {
    const incoming_block* block = nullptr;
    placement placed;
    open_lane lane;      ///< After the block.
    bool all_new = true; ///< Else only the records with new numbers.
  };

  /// A summary that waits for put_summaries().
  struct waiting_summary {
    window_key key;
    std::uint32_t order = 0; ///< Of arrival.
    const placed_block* from = nullptr;
    const analytics::summary* value = nullptr;
    std::uint64_t seq = 0;
    stored_series* series = nullptr;
    std::size_t older = none; ///< Index into older_: the window stands elsewhere.
  };
  static constexpr auto none = ~std::size_t{0};

  /// The series of an edge's last block: its next one has the same as a rule.
  struct series_list {
    const std::vector<std::string>* texts = nullptr;
    std::vector<stored_series*> series; ///< Null: not used by a record so far.
  };

  void add_records(const placed_block& from);
  std::vector<stored_series*>& series_of_block(const incoming_block& block);
  void put_summaries();
  void put_summary(lmdb_cursor& cursor, const waiting_summary& x);
  void put_on_older(lmdb_cursor& cursor, const waiting_summary& x,
                    std::string_view key);
  void find_older();
  std::optional<stored_window> find_in_flushing(const waiting_summary& x);
  bool may_be_older(const window_key& key);
  std::size_t note_older(stored_window window);
  std::size_t find_in_rows(const waiting_summary& x, std::optional<block_key>& at,
                           row_set& rows);
  stored_window read_window(const waiting_summary& x, std::string_view value);
  void note_summary(const waiting_summary& x, analytics::summary stored);
  void add_anomaly(const analytics::anomaly& x, stored_series_id id);
  void add_rejection(std::string_view edge, const analytics::rejection& x);
  void bound_anomalies();
  void bound_alerts();
  void bound_quarantine();
  tracked_position& position_of(const std::string& edge, std::uint64_t epoch);

  // The ledger (store_ledger.cpp).
  void count_fates(tracked_position& tracked, const incoming_block& block,
                   const placement& placed);
  void begin_epoch(tracked_position& tracked, std::uint32_t run);
  void put_event(const ledger_event& event);
  void put_ranges(tracked_position& tracked);
  void put_range(tracked_position& tracked, ledger_range range);
  void bound_ranges(edge_position& position);
  void check_books(tracked_position& tracked);
  void violated(edge_position& position, const std::string& what);

  stored_series& series_of(const std::string& edge, const std::string& text);
  stored_series& series_with(stored_series_id id);

  store_state& store_;
  lmdb_txn txn_;
  const std::int64_t unix_ns_;
  commit_report report_;
  std::map<std::string, tracked_position> positions_; // By key.
  std::deque<placed_block> placed_;                   // The waiting ones point to them.
  std::vector<waiting_summary> waiting_;
  std::vector<stored_window> older_; // Windows that are no more in the active table.
  std::map<std::string_view, series_list> series_lists_; // By edge.
  std::string value_;                                    // Room for one value.
  std::shared_ptr<recent_index> active_;
  std::shared_ptr<recent_index> flushing_;
  std::map<stored_series_id, stored_series> changed_series_;
  std::map<std::pair<std::string, std::string>, stored_series_id> new_ids_;
  std::uint64_t next_anomaly_;
  std::uint64_t next_rejection_;
};

} // namespace weir::storage
