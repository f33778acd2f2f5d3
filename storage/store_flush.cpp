// Recent windows move into blocks: the writing side of the store that no edge waits for.
#include "storage/failpoint.hpp"
#include "storage/store_impl.hpp"
#include "storage/store_rows.hpp"

#include <algorithm>
#include <limits>
#include <map>
#include <set>
#include <utility>

namespace weir::storage {

namespace {

constexpr std::size_t migrated_rows_max = 50'000; // In a transaction.

/// How long a window that is not settled stays a recent one.
constexpr std::int64_t unsettled_ns_max = 86'400'000'000'000;

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
    for (auto& [width_ns, rows] : by_width_) {
      note_last({series, width_ns}, rows.rows.back().start_ns);
      writer_.merge({tier::raw, series, width_ns}, std::move(rows));
    }
    for (auto level : rollup_tiers)
      roll_up(series, level);
    return windows.size();
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

  void roll_up(stored_series_id series, tier level) {
    auto& starts = changed_[static_cast<std::size_t>(level)];
    std::sort(starts.begin(), starts.end());
    starts.erase(std::unique(starts.begin(), starts.end()), starts.end());
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

} // namespace

bool store_state::flush_is_due(std::int64_t unix_ns) const {
  auto rows = recent.view().indexes[recent_now.active]->size();
  return rows >= config.recent_rows_max + recent_stayed
         || (rows > recent_stayed
             && unix_ns - recent_since_ns >= config.recent_age_ns_max);
}

void store_state::switch_tables() {
  auto next = recent_now;
  next.generation += 1;
  next.active = static_cast<std::uint8_t>(1 - next.active);
  next.is_flushing = true;
  next.flushed_through = 0;
  next.flushed_rows = 0;
  auto view = recent.view();
  view.generation = next.generation;
  auto full = view.indexes[1 - next.active];
  full->freeze();
  view.indexes[next.active] = std::make_shared<recent_index>();
  lmdb_txn txn{env, true};
  txn.put(table::meta, recent_meta_key, to_value(next));
  failpoint("store.switch.before");
  txn.commit();
  failpoint("store.switch.after");
  recent_now = next;
  recent.set(view);
  recent_stayed = 0;
  flush_series = full->series();
}

void store_state::flush_some(std::size_t rows, std::int64_t unix_ns) {
  auto next = recent_now;
  bool is_done = true;
  std::size_t stayed = 0;
  {
    lmdb_txn txn{env, true};
    {
      series_flush flush{*this, txn, unix_ns};
      auto at = std::upper_bound(flush_series.begin(), flush_series.end(),
                                 recent_now.flushed_through);
      for (std::size_t done = 0; at != flush_series.end() && done < rows; ++at) {
        auto count = flush.flush(*at);
        next.flushed_through = *at;
        next.flushed_rows += count;
        done += count;
      }
      is_done = at == flush_series.end();
      stayed = flush.stayed();
      for (std::size_t i = 0; i < tier_count; ++i)
        next.block_rows[i]
          += static_cast<std::uint64_t>(flush.writer().rows_added()[i]);
    }
    if (is_done) {
      txn.clear(table::recent[1 - next.active]);
      next.generation += 1;
      next.is_flushing = false;
      next.flushed_rows = 0;
    }
    txn.put(table::meta, recent_meta_key, to_value(next));
    failpoint("store.flush.before");
    txn.commit();
    failpoint("store.flush.after");
  }
  recent_now = next;
  recent_stayed += stayed;
  if (!is_done)
    return;
  auto view = recent.view();
  view.generation = next.generation;
  view.indexes[1 - next.active] = std::make_shared<recent_index>();
  recent.set(view);
  flush_series = {};
}

bool store_state::maintain(std::size_t rows, std::int64_t unix_ns) {
  if (!recent_now.is_flushing && flush_is_due(unix_ns)) {
    switch_tables();
    recent_since_ns = unix_ns;
    return true;
  }
  if (recent_now.is_flushing) {
    flush_some(rows, unix_ns);
    return recent_now.is_flushing || flush_is_due(unix_ns);
  }
  return drop_expired(std::max<std::size_t>(rows / 100, 10), unix_ns);
}

void store_state::keep_up(std::span<const incoming_block> blocks,
                          std::int64_t unix_ns) {
  // More than came, so that the other table is empty before this one is twice full. Not
  // at once: the owner has its own time for it.
  std::size_t rows = 0;
  for (const auto& block : blocks)
    rows += 2 * block.records.summaries.size();
  auto waiting = recent.view().indexes[recent_now.active]->size();
  if (waiting < config.recent_rows_max / 2 * 3 + recent_stayed)
    return;
  // The commit is done: what goes wrong here is tried again, and is told by maintain().
  static_cast<void>(guarded([&] {
    if (!recent_now.is_flushing)
      switch_tables();
    flush_some(rows, unix_ns);
  }));
}

void store_state::take_over_old_rows(std::int64_t unix_ns) {
  for (bool more = true; more;) {
    while (recent_now.is_flushing)
      flush_some(migrated_rows_max, unix_ns);
    auto& index = *recent.view().indexes[recent_now.active];
    lmdb_txn txn{env, true};
    {
      lmdb_cursor cursor{txn, table::old_summaries};
      more = cursor.first();
      for (std::size_t i = 0; more && i < migrated_rows_max;
           ++i, more = cursor.next()) {
        auto key = to_window_key(cursor.key());
        txn.put(table::recent[recent_now.active], recent_key(key),
                std::string{cursor.value()});
        index.add(key.series, {key.start_ns, key.width_ns});
        cursor.erase();
      }
    }
    txn.commit();
    if (index.size() >= config.recent_rows_max)
      switch_tables();
  }
}

expected<bool, error> store::maintain(std::size_t rows, std::int64_t unix_ns) {
  return guarded([&] {
    auto lock = std::lock_guard{impl_->write_mutex};
    return impl_->maintain(rows, unix_ns);
  });
}

expected<void, error> store::flush(std::int64_t unix_ns) {
  return guarded([&] {
    constexpr std::size_t rows = 20'000;
    auto lock = std::lock_guard{impl_->write_mutex};
    while (impl_->recent_now.is_flushing)
      impl_->flush_some(rows, unix_ns);
    impl_->switch_tables();
    while (impl_->recent_now.is_flushing)
      impl_->flush_some(rows, unix_ns);
  });
}

} // namespace weir::storage
