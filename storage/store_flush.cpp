// Recent windows move into blocks: the writing side of the store that no edge waits for.
#include "storage/failpoint.hpp"
#include "storage/series_flush.hpp"
#include "storage/store_impl.hpp"

#include <algorithm>
#include <utility>

namespace weir::storage {

namespace {

constexpr std::size_t migrated_rows_max = 50'000; // In a transaction.

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
        if (auto key = try_key(cursor.key(), to_window_key)) {
          txn.put(table::recent[recent_now.active], recent_key(*key),
                  std::string{cursor.value()});
          index.add(key->series, {key->start_ns, key->width_ns});
        }
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
