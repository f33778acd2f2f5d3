// What is older than its tier keeps it goes, whole blocks at a time.
#include "analytics/threshold_rule.hpp"
#include "storage/failpoint.hpp"
#include "storage/series_flush.hpp"
#include "storage/store_impl.hpp"
#include "storage/store_rows.hpp"
#include "storage/store_value_io.hpp"

#include <algorithm>
#include <limits>

namespace weir::storage {

namespace {

/// From one look at all series to the next.
constexpr std::int64_t round_interval_ns = 3'600'000'000'000;

std::array<std::int64_t, tier_count> keep_ns(const retention& x) {
  std::array<std::int64_t, tier_count> result{x.raw_ns, x.minute_ns, x.hour_ns,
                                              x.day_tier_ns};
  // What is made of a tier stays at least as long as that.
  for (std::size_t i = 1; i < tier_count; ++i)
    if (result[i - 1] == 0 || (result[i] != 0 && result[i] < result[i - 1]))
      result[i] = result[i - 1];
  return result;
}

const retention& retention_of(const store_config& config, const std::string& text) {
  auto metric = std::string_view{text}.substr(0, text.find('{'));
  for (const auto& rule : config.keep_rules)
    if (analytics::matches_glob(rule.metric, metric))
      return rule.keep;
  return config.keep;
}

/// The beginning of the first day that is kept; the least time if all are.
std::int64_t cutoff_ns(std::int64_t keep, std::int64_t unix_ns) {
  constexpr auto time_min = std::numeric_limits<std::int64_t>::min();
  if (keep == 0 || unix_ns < keep)
    return time_min;
  return floor_to(unix_ns - keep, bucket_ns(tier::day));
}

/// The blocks of one place that end before the cutoff. Returns the rows dropped.
std::uint64_t drop_before(lmdb_txn& txn, const row_place& place, std::int64_t cutoff) {
  lmdb_cursor blocks{txn, table::blocks};
  std::uint64_t rows = 0;
  auto first = to_key(block_key{place, start_ns_min});
  for (bool more = blocks.seek(first); more; more = blocks.seek(first)) {
    auto key = to_block_key(blocks.key());
    if (key.place != place || key.first_start_ns >= cutoff)
      break;
    auto head = decode_head(blocks.value());
    // One that cannot be read goes with its time.
    if (head && head->end_ns > cutoff)
      break;
    rows += head ? head->rows : 0;
    blocks.erase();
  }
  return rows;
}

} // namespace

/// Of the tier, and of those below it: their rows of that time go soon, too.
void store_state::put_horizons(lmdb_txn& txn, stored_series_id id, tier level,
                               std::int64_t cutoff_ns) const {
  for (std::size_t i = 0; i <= static_cast<std::size_t>(level); ++i) {
    auto lower = static_cast<tier>(i);
    if (store_rows{*this, txn}.horizon_ns(id, lower) >= cutoff_ns)
      continue;
    auto value = new_value();
    put_be(value, biased(cutoff_ns));
    txn.put(table::horizons, horizon_key(lower, id), value);
  }
}

bool store_state::has_recent_before(stored_series_id id, std::int64_t time_ns) const {
  auto view = recent.view();
  return std::any_of(view.indexes.begin(), view.indexes.end(), [&](const auto& x) {
    return !x->of(id, start_ns_min, time_ns).empty();
  });
}

bool store_state::drop_expired(std::size_t places, std::int64_t unix_ns) {
  if (retention_at.empty() && unix_ns - retention_round_ns < round_interval_ns)
    return false;
  if (retention_at.empty())
    retention_round_ns = unix_ns;
  auto next = recent_now;
  auto at = retention_at;
  bool more = false;
  bool has_changed = false;
  lmdb_txn txn{env, true};
  {
    series_flush flush{*this, txn, unix_ns};
    lmdb_cursor cursor{txn, table::blocks};
    more = at.empty() ? cursor.first() : cursor.seek(at);
    for (std::size_t i = 0; more && i < places; ++i) {
      auto place = to_block_key(cursor.key()).place;
      auto series_known = series.get(place.series);
      auto keep = keep_ns(series_known ? retention_of(config, series_known->text)
                                       : config.keep);
      auto level = place.level == tier::raw ? class_of(place.width_ns) : place.level;
      auto cutoff = cutoff_ns(keep[static_cast<std::size_t>(level)], unix_ns);
      // A window that is recent again would be taken for late, and be added to what is
      // rolled up of it: it has to be in its block first.
      if (has_recent_before(place.series, cutoff))
        cutoff = start_ns_min;
      auto last_ns = last_row_start(txn, table::blocks, place);
      if (last_ns && *last_ns < cutoff)
        flush.close(place.series);
      if (auto rows = drop_before(txn, place, cutoff); rows > 0) {
        has_changed = true;
        auto& left = next.block_rows[static_cast<std::size_t>(place.level)];
        left -= std::min(rows, left);
        put_horizons(txn, place.series, level, cutoff);
      }
      at = to_key(block_key{{place.level, place.series, place.width_ns + 1}, 0});
      at.replace(at.size() - 8, 8, 8, '\0');
      more = cursor.seek(at);
    }
    for (std::size_t i = 0; i < tier_count; ++i)
      next.block_rows[i] += static_cast<std::uint64_t>(flush.writer().rows_added()[i]);
  }
  if (has_changed) {
    txn.put(table::meta, recent_meta_key, to_value(next));
    failpoint("store.retention.before");
    txn.commit();
    failpoint("store.retention.after");
    recent_now = next;
  }
  retention_at = more ? at : std::string{};
  return more;
}

} // namespace weir::storage
