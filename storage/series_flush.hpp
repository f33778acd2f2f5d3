// INTERNAL: moves the recent windows of one series after another into blocks, and makes
// their rollups, in one transaction of the store. Not thread-safe.
#pragma once

#include "storage/block_table.hpp"
#include "storage/store_impl.hpp"
#include "storage/store_rows.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace weir::storage {

/// How long a window that is not settled stays a recent one.
inline constexpr std::int64_t unsettled_ns_max = 86'400'000'000'000;

/// The windows of one series on their way into blocks, in one transaction.
class series_flush {
public:
  series_flush(store_state& store, lmdb_txn& txn, std::int64_t unix_ns)
    : store_(store), txn_(txn), unix_ns_(unix_ns), rows_(store, txn),
      writer_(txn, table::blocks, block_value_bytes, store.damage_sink()) {
  }

  /// Returns how many there were.
  std::size_t flush(stored_series_id series) {
    auto windows = frozen().of(series, start_ns_min, start_ns_max + 1);
    by_width_.clear();
    late_.clear();
    for (auto& starts : changed_)
      starts.clear();
    for (const auto& x : windows)
      take({series, x.width_ns, x.start_ns});
    for (auto level : rollup_tiers) // What was open may not be any more.
      if (auto open_ns = rows_.open_bucket_ns(series, level))
        changed_[static_cast<std::size_t>(level)].push_back(*open_ns);
    for (auto& [width_ns, rows] : by_width_) {
      note_last({series, width_ns}, rows.rows.back().start_ns);
      writer_.merge({tier::raw, series, width_ns}, std::move(rows));
    }
    for (auto level : rollup_tiers)
      roll_up(series, level, rows_.open_bucket_ns(series, level));
    return windows.size();
  }

  /// Stores the buckets that are open: what they are made of goes.
  void close(stored_series_id series) {
    late_.clear();
    for (auto level : rollup_tiers) {
      auto& starts = changed_[static_cast<std::size_t>(level)];
      starts.clear();
      if (auto open_ns = rows_.open_bucket_ns(series, level))
        starts.push_back(*open_ns);
      roll_up(series, level, {});
    }
  }

  /// Windows that are recent ones still.
  std::size_t stayed() const {
    return stayed_;
  }

  const block_writer& writer() const {
    return writer_;
  }

private:
  recent_index& frozen() const {
    return *store_.recent.view().indexes[1 - store_.recent_now.active];
  }
  recent_index& active() const {
    return *store_.recent.view().indexes[store_.recent_now.active];
  }

  void take(const window_key& key) {
    auto bytes = recent_key(key);
    auto value = txn_.get(table::recent[1 - store_.recent_now.active], bytes);
    if (!value)
      return;
    stored_window window;
    try {
      window = to_window(key, *value);
    } catch (const failure& x) {
      if (x.what_happened.code != errc::malformed)
        throw;
      store_.note_damage({{tier::raw, key.series, key.width_ns}, key.start_ns},
                         x.what_happened);
      return;
    }
    if (is_settled(key, window))
      place(key, window);
    else
      stay(key, bytes, std::string{*value});
  }

  /// Nothing but corrections may come for it any more: of a run that ended inside it, of
  /// an open window, or behind a backlog, more is known than a block keeps.
  bool is_settled(const window_key& key, const stored_window& window) {
    if (key.start_ns + key.width_ns < unix_ns_ - unsettled_ns_max)
      return std::none_of(window.ahead.begin(), window.ahead.end(),
                          [&](const auto& x) { return is_in_lane(key.series, x); });
    return window.ahead.empty() && window.parts && !window.parts->earlier
           && !window.parts->current.early;
  }

  bool is_in_lane(stored_series_id series, const window_version& x) {
    auto edge = store_.series.get(series)->edge;
    auto [known, is_new] = lanes_.try_emplace({edge, x.epoch}, 0);
    if (is_new)
      if (auto value = txn_.get(table::positions, position_key(edge, x.epoch)))
        known->second = to_position(position_key(edge, x.epoch), *value).lane_first;
    return known->second != 0 && x.seq >= known->second;
  }

  /// Too late a time does no harm, should the transaction fail.
  void note_last(const series_width& of, std::int64_t start_ns) {
    auto known = store_.last_in_blocks_.find(of);
    if (known != store_.last_in_blocks_.end())
      known->second = std::max(known->second, start_ns);
  }

  void stay(const window_key& key, const std::string& bytes, const std::string& value) {
    auto table = table::recent[store_.recent_now.active];
    if (txn_.get(table, bytes))
      return;
    active().add(key.series, {key.start_ns, key.width_ns}); // Before readers look.
    txn_.put(table, bytes, value);
    ++stayed_;
  }

  void place(const window_key& key, const stored_window& window) {
    auto row = merged(window);
    auto origin = window.ahead.empty()
                    ? row_origin{window.parts->epoch, window.parts->run}
                    : row_origin{window.ahead.back().epoch, window.ahead.back().run};
    for (auto level : rollup_tiers)
      if (key.width_ns <= bucket_ns(level))
        changed_[static_cast<std::size_t>(level)].push_back(
          floor_to(key.start_ns, bucket_ns(level)));
    if (rows_.is_late(key.series, {key.start_ns, key.width_ns}))
      late_.push_back(std::move(row));
    else
      by_width_[key.width_ns].add(std::move(row), origin);
  }

  void roll_up(stored_series_id series, tier level, std::optional<std::int64_t> but) {
    auto& starts = changed_[static_cast<std::size_t>(level)];
    std::sort(starts.begin(), starts.end());
    starts.erase(std::unique(starts.begin(), starts.end()), starts.end());
    if (but)
      std::erase(starts, *but);
    // What nobody will see any more.
    std::erase_if(starts, [horizon_ns = rows_.horizon_ns(series, level)](
                            auto start_ns) { return start_ns < horizon_ns; });
    for (const auto& span : joined_buckets(starts, bucket_ns(level))) {
      row_set made;
      for (auto& x : rows_.make_rollups(series, level, span, late_))
        made.add(std::move(x));
      writer_.merge({level, series, bucket_ns(level)}, std::move(made));
    }
  }

  store_state& store_;
  lmdb_txn& txn_;
  const std::int64_t unix_ns_;
  store_rows rows_;
  block_writer writer_;
  std::size_t stayed_ = 0;
  std::map<std::int64_t, row_set> by_width_;
  std::vector<analytics::summary> late_;
  std::array<std::vector<std::int64_t>, tier_count> changed_; // Buckets, by tier.
  std::map<std::pair<std::string, std::uint64_t>, std::uint64_t> lanes_;
};

} // namespace weir::storage
