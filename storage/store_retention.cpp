// What is older than its tier keeps it goes, whole blocks at a time.
#include "analytics/threshold_rule.hpp"
#include "storage/failpoint.hpp"
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
std::uint64_t drop_before(lmdb_cursor& blocks, const row_place& place,
                          std::int64_t cutoff) {
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
    lmdb_cursor cursor{txn, table::blocks};
    more = at.empty() ? cursor.first() : cursor.seek(at);
    for (std::size_t i = 0; more && i < places; ++i) {
      auto place = to_block_key(cursor.key()).place;
      auto level = static_cast<std::size_t>(place.level);
      auto series_known = series.get(place.series);
      auto keep = keep_ns(
        series_known ? retention_of(config, series_known->text) : config.keep);
      // Windows of no rollup are in raw for as long as days are.
      auto is_alone = place.level == tier::raw && !first_rollup(place.width_ns);
      auto cutoff = cutoff_ns(keep[is_alone ? tier_count - 1 : level], unix_ns);
      if (auto rows = drop_before(cursor, place, cutoff); rows > 0) {
        has_changed = true;
        next.block_rows[level] -= std::min(rows, next.block_rows[level]);
        if (!is_alone) {
          auto before = store_rows{*this, txn}.horizon_ns(place.series, place.level);
          auto value = new_value();
          put_be(value, biased(std::max(cutoff, before)));
          txn.put(table::horizons, horizon_key(place.level, place.series), value);
        }
      }
      at = to_key(block_key{{place.level, place.series, place.width_ns + 1}, 0});
      at.replace(at.size() - 8, 8, 8, '\0');
      more = cursor.seek(at);
    }
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
