// Reading summaries of a series, in full or merged into fewer.
#include "storage/store_impl.hpp"
#include "storage/store_rows.hpp"
#include "storage/tiers.hpp"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <optional>
#include <utility>
#include <vector>

namespace weir::storage {

namespace {

struct buckets {
  std::int64_t origin_ns = 0;
  std::int64_t width_ns = 0;

  std::int64_t start_of(std::int64_t time_ns) const {
    return origin_ns + floor_to(time_ns - origin_ns, width_ns);
  }
};

/// At most `points_max` buckets from the first to the last row, each of whole rows. They
/// begin at multiples of their width, so that a chart which moves by a little keeps its points; only a single bucket begins with the data.
buckets choose_buckets(const analytics::summary& first, const analytics::summary& last,
                       std::int64_t width_ns, std::size_t points_max) {
  auto span = static_cast<std::uint64_t>(last.start_ns)
              - static_cast<std::uint64_t>(first.start_ns);
  if (points_max < 2)
    return {first.start_ns, static_cast<std::int64_t>(span) + last.width_ns};
  auto windows = span / static_cast<std::uint64_t>(width_ns) + 1;
  // One bucket less than allowed, since the first and the last may be cut.
  auto per_bucket = windows / (points_max - 1) + 1;
  return {0, static_cast<std::int64_t>(per_bucket) * width_ns};
}

/// Folds rows into buckets, those of one bucket one after another.
class bucket_filler {
public:
  explicit bucket_filler(const buckets& into) : into_(into) {
  }

  bool operator()(const analytics::summary& x) {
    auto start = into_.start_of(x.start_ns);
    if (result.empty() || result.back().start_ns != start) {
      result.push_back(x);
      result.back().start_ns = start;
      result.back().width_ns = into_.width_ns;
    } else {
      auto width_ns = result.back().width_ns;
      analytics::merge(result.back(), x);
      result.back().width_ns = width_ns;
    }
    // A coalesced window may be wider than a bucket.
    result.back().width_ns
      = std::max(result.back().width_ns, x.start_ns - start + x.width_ns);
    return true;
  }

  std::vector<analytics::summary> result;

private:
  const buckets into_;
};

/// The coarsest tier of which at least one row makes a point, if that saves work.
tier choose_tier(std::int64_t width_ns, const time_span& span, std::size_t points_max) {
  auto length
    = static_cast<std::uint64_t>(span.to_ns) - static_cast<std::uint64_t>(span.from_ns);
  auto per_point = length / points_max;
  auto result = tier::raw;
  for (auto x : rollup_tiers)
    if (width_ns < bucket_ns(x)
        && static_cast<std::uint64_t>(bucket_ns(x)) <= per_point)
      result = x;
  return result;
}

/// What there is of [from_ns, to_ns), so that a query for all times is not one of a
/// million years.
time_span data_span(const store_rows& rows, const stored_series& series,
                    const time_span& asked) {
  auto first_ns = std::numeric_limits<std::int64_t>::max();
  for (auto x : {tier::raw, tier::minute, tier::hour, tier::day})
    if (auto start_ns = rows.first_start_ns(series.id, x))
      first_ns = std::min(first_ns, *start_ns);
  return {std::max(asked.from_ns, first_ns),
          std::min(asked.to_ns, series.last_start_ns + 1)};
}

/// Windows as they came, as long as they are no more than `points_max`.
bool read_few(const store_rows& rows, const stored_series& series,
              const time_span& span, std::size_t points_max,
              std::vector<analytics::summary>& result) {
  auto keep = [&](const analytics::summary& x) {
    result.push_back(x);
    return result.size() <= points_max;
  };
  shown_windows shown;
  rows.for_each_raw(series.id, span, {}, [&](analytics::summary&& x) {
    return shown.add(std::move(x), keep);
  });
  if (result.size() <= points_max)
    shown.finish(keep);
  return result.size() <= points_max;
}

std::vector<analytics::summary> read(const store_rows& rows,
                                     const stored_series& series,
                                     const time_span& asked, std::size_t points_max) {
  std::vector<analytics::summary> result;
  auto span = data_span(rows, series, asked);
  if (span.from_ns >= span.to_ns)
    return result;
  bool is_all_raw = rows.horizon_ns(series.id, tier::raw) <= span.from_ns;
  if (is_all_raw && read_few(rows, series, span, points_max, result))
    return result;
  result.clear();
  auto level = choose_tier(series.width_ns, span, points_max);
  auto keep = [&](const analytics::summary& x) {
    result.push_back(x);
    return true;
  };
  shown_windows shown;
  for (auto& x : rows.rows(series.id, level, span))
    shown.add(std::move(x), keep);
  shown.finish(keep);
  if (result.size() <= points_max)
    return result;
  auto width_ns = level == tier::raw ? series.width_ns : bucket_ns(level);
  bucket_filler fill{
    choose_buckets(result.front(), result.back(), width_ns, points_max)};
  for (const auto& x : result)
    fill(x);
  return std::move(fill.result);
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
    return read(store_rows{*impl_}, *series, {from_ns, to_ns},
                std::max<std::size_t>(points_max, 1));
  });
}

} // namespace weir::storage
