#include "analytics/query/evaluator.hpp"

#include "analytics/query/evaluation.hpp"

#include <algorithm>
#include <unordered_map>
#include <utility>

namespace weir::analytics::query {

namespace {

query_error limit(std::string message) {
  return {query_errc::limit, std::move(message)};
}

/// The least multiple of `step` that is not below `x`.
std::int64_t round_up(std::int64_t x, std::int64_t step) {
  auto quotient = x / step * step;
  return quotient < x ? quotient + step : quotient;
}

/// Columns as series: values that are there, with their times.
std::vector<series_columns> as_series(columns from, const step_grid& grid) {
  std::vector<series_columns> result;
  for (auto& x : from) {
    series_columns series{.labels = std::move(x.labels)};
    for (std::size_t i = 0; i < x.values.size(); ++i)
      if (!is_absent(x.values[i])) {
        series.times_ms.push_back(grid.time_ms(i));
        series.values.push_back(x.values[i]);
      }
    if (!series.values.empty())
      result.push_back(std::move(series));
    x = {}; // Both at once would be twice the memory.
  }
  return result;
}

void remove_stale(series_columns& x) {
  if (std::none_of(x.values.begin(), x.values.end(), is_stale))
    return;
  std::size_t kept = 0;
  for (std::size_t i = 0; i < x.values.size(); ++i)
    if (!is_stale(x.values[i])) {
      x.times_ms[kept] = x.times_ms[i];
      x.values[kept++] = x.values[i];
    }
  x.times_ms.resize(kept);
  x.values.resize(kept);
}

bool is_in_bounds(std::int64_t time_ms) {
  return time_ms >= -query_time_ms_max && time_ms <= query_time_ms_max;
}

tl::unexpected<query_error> out_of_bounds() {
  return unexpected(query_error{query_errc::execution,
                                "the time is out of bounds; times are milliseconds "
                                "since 1970 and end in the year 5138"});
}

} // namespace

result<columns> evaluation::run(const node& x, const step_grid& grid) {
  if (auto why = check_stop())
    return unexpected(std::move(*why));
  return std::visit([&](const auto& form) { return evaluate(form, grid); }, x.form);
}

std::optional<query_error> evaluation::check_stop() const {
  if (options_.should_stop && options_.should_stop())
    return query_error{query_errc::cancelled, "the query was stopped"};
  return std::nullopt;
}

std::optional<query_error> evaluation::charge(std::size_t series, std::size_t steps) {
  if (series > options_.series_max)
    return limit("more than " + std::to_string(options_.series_max)
                 + " series are needed; narrow the query down by more matchers");
  auto rest = options_.points_max - points_;
  if (steps != 0 && series > rest / steps)
    return limit("more than " + std::to_string(options_.points_max)
                 + " points would have to be calculated; take fewer series, a shorter "
                   "range or a longer step");
  points_ += series * steps;
  return std::nullopt;
}

std::int64_t evaluation::shifted_ms(const time_shift& x, std::int64_t time_ms) const {
  auto at_ms = x.at == time_shift::anchor::none    ? time_ms
               : x.at == time_shift::anchor::fixed ? x.at_ms
               : x.at == time_shift::anchor::start ? start_ms_
                                                   : end_ms_;
  return at_ms - x.offset_ms;
}

std::int64_t evaluation::window_end_ms(const node& x, std::int64_t time_ms) const {
  const auto& what = unwrap(x);
  if (auto inner = std::get_if<subquery>(&what.form))
    return shifted_ms(inner->shift, time_ms);
  return shifted_ms(std::get<selector>(what.form).shift, time_ms);
}

result<std::vector<series_columns>> evaluation::select(const selection& what) {
  auto asked = what;
  asked.series_max = options_.series_max;
  asked.samples_max = options_.samples_max - samples_;
  auto found = source_.select(asked);
  if (!found)
    return found;
  if (found->size() > asked.series_max)
    return unexpected(limit("a selector matches more than "
                            + std::to_string(asked.series_max)
                            + " series; narrow it down by more matchers"));
  std::size_t samples = 0;
  for (const auto& x : *found)
    samples += x.values.size();
  if (samples > asked.samples_max)
    return unexpected(
      limit("more than " + std::to_string(options_.samples_max)
            + " samples would have to be read; take fewer series or a shorter range"));
  samples_ += samples;
  return found;
}

result<columns> evaluation::instant(const selector& x, const step_grid& grid,
                                    bool gives_times) {
  selection what{.matchers = x.matchers};
  what.until_ms = shifted_ms(x.shift, grid.last_ms());
  what.from_ms = shifted_ms(x.shift, grid.start_ms) - options_.lookback_ms;
  what.step_ms = grid.count > 1 ? grid.step_ms : 0;
  what.range_ms = options_.lookback_ms;
  what.takes_last = !gives_times;
  auto found = select(what);
  if (!found)
    return unexpected(std::move(found.error()));
  if (auto why = charge(found->size(), grid.count))
    return unexpected(std::move(*why));
  columns result;
  for (auto& series : *found) {
    column made{.labels = std::move(series.labels)};
    made.values.resize(grid.count, absent());
    std::size_t next = 0;
    bool is_empty = true;
    for (std::size_t i = 0; i < grid.count; ++i) {
      auto time_ms = shifted_ms(x.shift, grid.time_ms(i));
      while (next < series.times_ms.size() && series.times_ms[next] <= time_ms)
        ++next;
      if (next == 0 || series.times_ms[next - 1] < time_ms - options_.lookback_ms
          || is_stale(series.values[next - 1]))
        continue;
      is_empty = false;
      made.values[i] = gives_times
                         ? static_cast<double>(series.times_ms[next - 1]) / 1000.0
                         : series.values[next - 1];
    }
    if (!is_empty)
      result.push_back(std::move(made));
    series = {};
  }
  return result;
}

result<std::vector<series_columns>>
evaluation::samples(const node& x, const step_grid& grid, std::string_view function) {
  const auto& of = unwrap(x);
  auto first_ms = window_end_ms(of, grid.start_ms);
  auto last_ms = window_end_ms(of, grid.last_ms());
  if (auto inner = std::get_if<subquery>(&of.form)) {
    step_grid inner_grid;
    inner_grid.step_ms
      = inner->step_ms != 0 ? inner->step_ms : options_.default_step_ms;
    inner_grid.start_ms = round_up(first_ms - inner->range_ms, inner_grid.step_ms);
    if (inner_grid.start_ms > last_ms)
      return std::vector<series_columns>{};
    inner_grid.count
      = static_cast<std::size_t>((last_ms - inner_grid.start_ms) / inner_grid.step_ms)
        + 1;
    if (auto why = charge(1, inner_grid.count))
      return unexpected(std::move(*why));
    auto made = run(*inner->inner, inner_grid);
    if (!made)
      return unexpected(std::move(made.error()));
    return as_series(std::move(*made), inner_grid);
  }
  const auto& what = std::get<selector>(of.form);
  selection asked{.matchers = what.matchers, .function = function};
  asked.from_ms = first_ms - what.range_ms;
  asked.until_ms = last_ms;
  asked.step_ms = grid.count > 1 ? grid.step_ms : 0;
  asked.range_ms = what.range_ms;
  auto found = select(asked);
  if (found)
    for (auto& series : *found)
      remove_stale(series);
  return found;
}

result<columns> evaluation::merged(columns from) const {
  std::unordered_map<label_set, std::size_t, label_set_hash> places;
  columns result;
  for (auto& x : from) {
    if (std::all_of(x.values.begin(), x.values.end(), is_absent))
      continue;
    auto [place, is_new] = places.emplace(x.labels, result.size());
    if (is_new) {
      result.push_back(std::move(x));
      continue;
    }
    auto& into = result[place->second].values;
    for (std::size_t i = 0; i < into.size(); ++i) {
      if (is_absent(x.values[i]))
        continue;
      if (!is_absent(into[i]))
        return unexpected(
          query_error{query_errc::execution, "two series of the result have the same "
                                             "labels: "
                                               + to_string(x.labels)});
      into[i] = x.values[i];
    }
  }
  return result;
}

result<answer> evaluate_at(const node& tree, std::int64_t time_ms,
                           series_source& source, const evaluation_options& options) {
  if (!is_in_bounds(time_ms))
    return out_of_bounds();
  evaluation work{time_ms, time_ms, source, options};
  step_grid grid{.start_ms = time_ms};
  answer found{.type = tree.type};
  if (tree.type == value_type::text) {
    found.text = std::get<text_literal>(unwrap(tree).form).value;
    return found;
  }
  if (tree.type == value_type::matrix) {
    auto series = work.samples(tree, grid, "");
    if (!series)
      return unexpected(std::move(series.error()));
    for (auto& x : *series)
      if (!x.values.empty())
        found.series.push_back(std::move(x));
    return found;
  }
  auto made = work.run(tree, grid);
  if (!made)
    return unexpected(std::move(made.error()));
  found.series = as_series(std::move(*made), grid);
  return found;
}

result<answer> evaluate_range(const node& tree, const time_range& range,
                              series_source& source,
                              const evaluation_options& options) {
  if (!is_in_bounds(range.start_ms) || !is_in_bounds(range.end_ms))
    return out_of_bounds();
  auto refuse = [](std::string why) {
    return unexpected(query_error{query_errc::execution, std::move(why)});
  };
  if (range.step_ms <= 0)
    return refuse("the step of a range has to be longer than 0");
  if (range.end_ms < range.start_ms)
    return refuse("the end of the range is before its start");
  if (tree.type != value_type::scalar && tree.type != value_type::vector)
    return refuse("a range takes a query that gives a scalar or an instant vector, not "
                  "a "
                  + std::string{to_string(tree.type)});
  step_grid grid{.start_ms = range.start_ms, .step_ms = range.step_ms};
  grid.count
    = static_cast<std::size_t>((range.end_ms - range.start_ms) / range.step_ms) + 1;
  if (grid.count > options.steps_max)
    return unexpected(limit("the range has more than "
                            + std::to_string(options.steps_max)
                            + " steps; take a longer step or a shorter range"));
  evaluation work{range.start_ms, range.end_ms, source, options};
  auto made = work.run(tree, grid);
  if (!made)
    return unexpected(std::move(made.error()));
  answer found{.type = value_type::matrix};
  found.series = as_series(std::move(*made), grid);
  std::sort(found.series.begin(), found.series.end(),
            [](const auto& a, const auto& b) { return a.labels < b.labels; });
  return found;
}

} // namespace weir::analytics::query
