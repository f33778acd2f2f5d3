// Reading summaries of a series, in full or merged into fewer.
#include "storage/store_impl.hpp"

#include <algorithm>
#include <cstdint>

namespace weir::storage {

namespace {

/// All windows of one series and width with start in [from_ns, to_ns).
struct window_range {
  stored_series_id series = 0;
  std::int64_t width_ns = 0;
  std::int64_t from_ns = 0;
  std::int64_t to_ns = 0;
};

/// Calls `use` for each window, oldest first, until it returns false.
template <class Use>
void for_each_window(const lmdb_txn& txn, const window_range& range, Use use) {
  auto cursor = lmdb_cursor{txn, table::summaries};
  auto same_width = to_key(window_key{range.series, range.width_ns, 0}).substr(0, 12);
  bool more
    = cursor.seek(to_key(window_key{range.series, range.width_ns, range.from_ns}));
  for (; more && cursor.key().substr(0, 12) == same_width; more = cursor.next()) {
    auto key = to_window_key(cursor.key());
    if (key.start_ns >= range.to_ns || !use(merged(to_window(key, cursor.value()))))
      return;
  }
}

/// Start of the last window in the range. @pre there is one.
std::int64_t last_start(const lmdb_txn& txn, const window_range& range) {
  auto cursor = lmdb_cursor{txn, table::summaries};
  cursor.seek_before(to_key(window_key{range.series, range.width_ns, range.to_ns}));
  return to_window_key(cursor.key()).start_ns;
}

std::int64_t floor_to(std::int64_t time_ns, std::int64_t width_ns) {
  auto rest = time_ns % width_ns;
  return time_ns - (rest < 0 ? rest + width_ns : rest);
}

struct buckets {
  std::int64_t origin_ns = 0;
  std::int64_t width_ns = 0;

  std::int64_t start_of(std::int64_t time_ns) const {
    return origin_ns + floor_to(time_ns - origin_ns, width_ns);
  }
};

/// At most `points_max` buckets from `first_ns` to `last_ns`, each of whole
/// windows. They begin at multiples of their width, so that a chart which moves
/// by a little keeps its points; only a single bucket begins with the data.
buckets choose_buckets(std::int64_t first_ns, std::int64_t last_ns,
                       std::int64_t width_ns, std::size_t points_max) {
  auto span
    = static_cast<std::uint64_t>(last_ns) - static_cast<std::uint64_t>(first_ns);
  auto windows = span / static_cast<std::uint64_t>(width_ns) + 1;
  if (points_max < 2) {
    auto whole = (span / static_cast<std::uint64_t>(width_ns) + 1)
                 * static_cast<std::uint64_t>(width_ns);
    return {first_ns, static_cast<std::int64_t>(whole)};
  }
  // One bucket less than allowed, since the first and the last may be cut.
  auto per_bucket = windows / (points_max - 1) + 1;
  return {0, static_cast<std::int64_t>(per_bucket) * width_ns};
}

std::vector<analytics::summary>
read_merged(const lmdb_txn& txn, const window_range& range, const buckets& into) {
  std::vector<analytics::summary> result;
  for_each_window(txn, range, [&](const analytics::summary& x) {
    auto start = into.start_of(x.start_ns);
    if (result.empty() || result.back().start_ns != start) {
      result.push_back(x);
      result.back().start_ns = start;
    } else {
      analytics::merge(result.back(), x);
    }
    result.back().width_ns = into.width_ns;
    return true;
  });
  return result;
}

std::vector<analytics::summary> read(const lmdb_txn& txn, const window_range& range,
                                     std::size_t points_max) {
  std::vector<analytics::summary> result;
  bool too_many = false;
  for_each_window(txn, range, [&](const analytics::summary& x) {
    too_many = result.size() >= points_max;
    if (!too_many)
      result.push_back(x);
    return !too_many;
  });
  if (!too_many)
    return result;
  auto first = result.front().start_ns;
  return read_merged(
    txn, range,
    choose_buckets(first, last_start(txn, range), range.width_ns, points_max));
}

} // namespace

expected<std::vector<analytics::summary>, error>
store::query(stored_series_id id, std::int64_t from_ns, std::int64_t to_ns,
             std::size_t points_max) const {
  return guarded([&] {
    auto series = impl_->series.get(id);
    if (!series)
      throw failure(errc::not_found,
                    "there is no series with the number " + std::to_string(id) + ".");
    if (series->width_ns == 0 || from_ns >= to_ns)
      return std::vector<analytics::summary>{};
    auto txn = lmdb_txn{impl_->env, false};
    return read(txn, {id, series->width_ns, from_ns, to_ns},
                std::max<std::size_t>(points_max, 1));
  });
}

} // namespace weir::storage
