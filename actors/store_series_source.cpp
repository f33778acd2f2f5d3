#include "actors/store_series_source.hpp"

#include "analytics/extended_aggregates.hpp"
#include "analytics/query/series_labels.hpp"
#include "analytics/series.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>

namespace weir::actors {

using namespace analytics::query; // NOLINT: half of this file is about its types.

struct store_series_source::candidate {
  storage::stored_series about;
  label_set labels;
};

namespace {

constexpr std::int64_t ms_ns = 1'000'000;
constexpr std::int64_t second_ns = 1'000 * ms_ns;
constexpr std::int64_t hour_ns = 3'600 * second_ns;
/// Where times in ns end, with room for the widest window.
constexpr std::int64_t time_ms_max = 9'000'000'000'000;

query_error failed(const storage::error& why) {
  return {query_errc::source, "the store: " + why.message};
}

query_error stopped() {
  return {query_errc::cancelled, "the query was stopped"};
}

std::int64_t to_ns(std::int64_t time_ms) {
  return std::clamp(time_ms, -time_ms_max, time_ms_max) * ms_ns;
}

std::int64_t floor_to(std::int64_t x, std::int64_t unit) {
  auto rest = x % unit;
  return x - (rest < 0 ? rest + unit : rest);
}

/// When the sample of a window is.
std::int64_t time_ms_of(const analytics::summary& x) {
  auto end_ns = x.start_ns + x.width_ns;
  return floor_to(x.early ? std::min(end_ns, x.last_ns) : end_ns, ms_ns) / ms_ns;
}

/// How much of a series is read at once. Whole windows are far larger than samples; and
/// where an outbox has coalesced, what belongs together lies in one such piece.
std::int64_t piece_ns(std::int64_t width_ns) {
  if (width_ns < second_ns)
    return hour_ns;
  return width_ns <= hour_ns ? 24 * hour_ns : 10'000 * hour_ns;
}

/// The windows of one series become samples, for each value that was asked for.
class sampler {
public:
  sampler(const selection& what, const std::vector<stat_choice>& stats)
    : what_(what), stats_(stats), made_(stats.size()) {
  }

  void add(const analytics::summary& x) {
    auto time_ms = time_ms_of(x);
    if (time_ms > what_.until_ms)
      return;
    auto decoded = decode(x);
    for (std::size_t i = 0; i < stats_.size(); ++i) {
      auto value = value_of(x, decoded ? &*decoded : nullptr, stats_[i].spec);
      if (!std::isnan(value)) // Else this window did not keep it.
        add(made_[i], time_ms, value, x.width_ns / ms_ns);
    }
  }

  std::size_t samples() const {
    std::size_t result = 0;
    for (const auto& x : made_)
      result += x.columns.times_ms.size();
    return result;
  }

  /// Moves those that have samples behind `result`.
  void finish(const label_set& labels, std::vector<series_columns>& result) {
    for (std::size_t i = 0; i < stats_.size(); ++i) {
      auto& x = made_[i];
      if (x.valid_ms > 0 && what_.takes_last)
        repeat(x, what_.until_ms);
      if (x.columns.times_ms.empty())
        continue;
      x.columns.labels = labels;
      x.columns.labels.set(stat_label, stats_[i].text);
      result.push_back(std::move(x.columns));
    }
  }

private:
  struct growing {
    series_columns columns;
    // The last sample, which may be before the selection.
    std::int64_t last_ms = std::numeric_limits<std::int64_t>::min();
    double last = 0.0;
    std::int64_t valid_ms = 0; ///< It is valid for so long, if that is long.
  };

  std::optional<analytics::extended_aggregates> decode(const analytics::summary& x) {
    bool is_plain = std::all_of(stats_.begin(), stats_.end(), [](const auto& stat) {
      return stat.spec.kind <= analytics::aggregate_kind::range;
    });
    if (is_plain || x.extended.empty())
      return std::nullopt;
    auto decoded = analytics::extended_aggregates::decode(x.extended);
    return decoded ? std::optional{std::move(*decoded)} : std::nullopt;
  }

  void add(growing& to, std::int64_t time_ms, double value, std::int64_t width_ms) {
    // Windows of several widths may end together: the narrowest came last. One that
    // ends before another that began earlier has nothing newer to say.
    if (time_ms < to.last_ms)
      return;
    if (what_.takes_last && to.valid_ms > 0)
      repeat(to, std::min(time_ms - 1, what_.until_ms));
    put(to.columns, time_ms, value);
    to.last_ms = time_ms;
    to.last = value;
    to.valid_ms = width_ms > what_.range_ms ? width_ms : 0;
  }

  /// The last value of a window that is wider than the look-back is valid until the
  /// next one can have ended: it stands again and again, so that it is found.
  void repeat(growing& x, std::int64_t until_ms) {
    until_ms = std::min(until_ms, x.last_ms + x.valid_ms);
    auto step_ms = std::max<std::int64_t>(what_.range_ms, 1);
    auto at_ms = x.last_ms + step_ms;
    if (at_ms < what_.from_ms)
      at_ms += (what_.from_ms - at_ms) / step_ms * step_ms;
    for (; at_ms <= until_ms; at_ms += step_ms)
      put(x.columns, at_ms, x.last);
  }

  void put(series_columns& to, std::int64_t time_ms, double value) {
    if (time_ms < what_.from_ms)
      return;
    auto& times_ms = to.times_ms;
    // Two samples of which no window ends at or behind the first but before the second:
    // where only the last of a window counts, the first one counts nowhere.
    bool replaces
      = !times_ms.empty()
        && (times_ms.back() == time_ms
            || (what_.takes_last && is_same_step(times_ms.back(), time_ms)));
    if (replaces) {
      times_ms.back() = time_ms;
      to.values.back() = value;
      return;
    }
    times_ms.push_back(time_ms);
    to.values.push_back(value);
  }

  /// Whether no step lies in [a, b).
  bool is_same_step(std::int64_t a_ms, std::int64_t b_ms) const {
    if (what_.step_ms == 0)
      return true; // There is one, at the end.
    return floor_to(what_.until_ms - a_ms, what_.step_ms)
           == floor_to(what_.until_ms - b_ms, what_.step_ms);
  }

  const selection& what_;
  const std::vector<stat_choice>& stats_;
  std::vector<growing> made_;
};

} // namespace

result<std::vector<store_series_source::candidate>>
store_series_source::candidates(const series_selector& selector, std::int64_t from_ms,
                                std::size_t series_max) {
  auto all = store_.find_series({.text_contains = std::string{selector.part()},
                                 .edge = std::string{selector.edge()},
                                 .limit = std::numeric_limits<std::size_t>::max()});
  if (!all)
    return unexpected(failed(all.error()));
  std::vector<candidate> found;
  std::unordered_set<label_set, label_set_hash> seen;
  for (auto& x : *all) {
    if (found.size() > series_max)
      break;
    if (should_stop_ && should_stop_())
      return unexpected(stopped());
    // Its last window may reach as far again, if it has become narrower.
    if (x.width_ns == 0 || x.last_start_ns + 2 * x.width_ns < to_ns(from_ms)
        || !selector.passes_metric(
          std::string_view{x.text}.substr(0, x.text.find('{'))))
      continue;
    auto name = analytics::parse_series(x.text);
    if (!name)
      continue;
    auto labels = labels_of(x.edge, *name);
    if (!selector.passes(labels, x.text))
      continue;
    if (!seen.insert(labels).second)
      labels.set(series_label, x.text);
    found.push_back({std::move(x), std::move(labels)});
  }
  return found;
}

result<std::vector<series_columns>> store_series_source::select(const selection& what) {
  auto selector = series_selector{what.matchers};
  std::vector<series_columns> result;
  if (selector.stats().empty())
    return result;
  auto found = candidates(selector, what.from_ms, what.series_max);
  if (!found)
    return unexpected(std::move(found.error()));
  std::size_t samples = 0;
  for (const auto& x : *found) {
    auto made = sampler{what, selector.stats()};
    auto first = result.size();
    auto piece = piece_ns(x.about.width_ns);
    // A window ends in the selection: it begins before; how wide it is can vary.
    auto from = to_ns(what.from_ms) - 2 * x.about.width_ns;
    auto end = std::min(to_ns(what.until_ms), x.about.last_start_ns) + ms_ns;
    while (from < end && samples + made.samples() <= what.samples_max) {
      if (should_stop_ && should_stop_())
        return unexpected(stopped());
      auto next = std::min(floor_to(from, piece) + piece, end);
      auto windows
        = store_.query(x.about.id, from, next, std::numeric_limits<std::size_t>::max());
      if (!windows)
        return unexpected(failed(windows.error()));
      for (const auto& window : *windows)
        made.add(window);
      from = next;
    }
    made.finish(x.labels, result);
    for (auto i = first; i < result.size(); ++i)
      samples += result[i].values.size();
    if (result.size() > what.series_max || samples > what.samples_max)
      break; // The query fails in any case.
  }
  return result;
}

result<std::vector<label_set>>
store_series_source::find(std::span<const label_matcher> matchers, std::int64_t from_ms,
                          std::size_t series_max) {
  auto selector = series_selector{matchers};
  auto found = candidates(selector, from_ms, series_max);
  if (!found)
    return unexpected(std::move(found.error()));
  std::vector<label_set> result;
  for (auto& x : *found)
    for (const auto& stat : selector.stats()) {
      if (result.size() >= series_max)
        return result;
      result.push_back(x.labels);
      result.back().set(stat_label, stat.text);
    }
  return result;
}

} // namespace weir::actors
