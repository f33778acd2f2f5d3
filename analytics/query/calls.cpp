// Calls of functions.
#include "analytics/query/evaluation.hpp"
#include "analytics/query/range_functions.hpp"
#include "analytics/query/value_functions.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <unordered_set>
#include <utility>

namespace weir::analytics::query {

namespace {

constexpr auto nan = std::numeric_limits<double>::quiet_NaN();

/// What absent() of a selector says of the series that is not there: the labels that
/// it would have for certain.
label_set labels_of(const selector& x) {
  label_set result;
  std::unordered_set<std::string> seen;
  for (const auto& m : x.matchers) {
    if (m.name() == metric_label)
      continue;
    if (m.kind() == match_kind::equal && seen.insert(m.name()).second)
      result.set(m.name(), m.value());
    else
      result.remove(m.name());
  }
  return result;
}

std::optional<query_error> check_smoothing(std::span<const columns> factors) {
  for (const auto& x : factors)
    for (auto value : x[0].values)
      if (!(value > 0.0 && value < 1.0))
        return query_error{query_errc::execution,
                           "the factors of `holt_winters` have to be between 0 and 1"};
  return std::nullopt;
}

} // namespace

result<columns> evaluation::evaluate(const call& x, const step_grid& grid) {
  switch (x.called->family) {
  case function_family::range:
    return call_range(x, grid);
  case function_family::value:
    return call_value(x, grid);
  case function_family::date:
    return call_date(x, grid);
  case function_family::labels:
    return call_labels(x, grid);
  case function_family::order:
    return call_order(x, grid);
  case function_family::other:
    break;
  }
  return call_other(x, grid);
}

result<columns> evaluation::call_range(const call& x, const step_grid& grid) {
  std::vector<columns> parameters;
  const node* range = nullptr;
  for (const auto& argument : x.arguments) {
    if (argument->type == value_type::matrix) {
      range = &unwrap(*argument);
      continue;
    }
    auto made = run(*argument, grid);
    if (!made)
      return made;
    parameters.push_back(std::move(*made));
  }
  if (x.called->name == "holt_winters")
    if (auto why = check_smoothing(parameters))
      return unexpected(std::move(*why));
  auto series = samples(*range, grid, x.called->name);
  if (!series)
    return unexpected(std::move(series.error()));
  if (auto why = charge(series->size(), grid.count))
    return unexpected(std::move(*why));
  std::vector<std::int64_t> ends_ms(grid.count);
  for (std::size_t i = 0; i < grid.count; ++i)
    ends_ms[i] = window_end_ms(*range, grid.time_ms(i));
  window_plan plan{.ends_ms = ends_ms, .grid = grid, .parameters = parameters};
  auto inner = std::get_if<subquery>(&range->form);
  plan.range_ms = inner ? inner->range_ms : std::get<selector>(range->form).range_ms;
  plan.should_stop = options_.should_stop;
  auto function = find_range_function(x.called->name);
  auto keeps_metric = x.called->name == "last_over_time";
  columns made;
  for (auto& from : *series) {
    plan.times_ms = from.times_ms;
    plan.values = from.values;
    column next{.labels = keeps_metric ? from.labels : from.labels.without_metric()};
    next.values.resize(grid.count);
    if (!function(plan, next.values))
      return unexpected(query_error{query_errc::cancelled, "the query was stopped"});
    made.push_back(std::move(next));
    from = {};
  }
  return merged(std::move(made));
}

result<columns> evaluation::call_value(const call& x, const step_grid& grid) {
  auto made = run(*x.arguments[0], grid);
  if (!made)
    return made;
  std::vector<columns> parameters;
  for (std::size_t i = 1; i < x.arguments.size(); ++i) {
    auto parameter = run(*x.arguments[i], grid);
    if (!parameter)
      return parameter;
    parameters.push_back(std::move(*parameter));
  }
  auto parameter = [&](std::size_t i) {
    return i < parameters.size() ? std::span<const double>{parameters[i][0].values}
                                 : std::span<const double>{};
  };
  auto function = find_value_function(x.called->name);
  for (auto& series : *made) {
    series.labels = series.labels.without_metric();
    function(series.values, parameter(0), parameter(1));
  }
  return merged(std::move(*made));
}

result<columns> evaluation::call_date(const call& x, const step_grid& grid) {
  auto function = find_date_function(x.called->name);
  columns made;
  if (x.arguments.empty()) {
    if (auto why = charge(1, grid.count))
      return unexpected(std::move(*why));
    made.push_back({{}, std::vector<double>(grid.count)});
    for (std::size_t i = 0; i < grid.count; ++i)
      made[0].values[i] = static_cast<double>(grid.time_ms(i)) / 1000.0;
  } else {
    auto given = run(*x.arguments[0], grid);
    if (!given)
      return given;
    made = std::move(*given);
  }
  for (auto& series : made) {
    series.labels = series.labels.without_metric();
    for (auto& value : series.values)
      value = is_absent(value) ? value : date_part(function, value);
  }
  return merged(std::move(made));
}

result<columns> evaluation::call_order(const call& x, const step_grid& grid) {
  auto made = run(*x.arguments[0], grid);
  if (!made || grid.count != 1)
    return made; // Over a range there is no one order.
  auto is_descending = x.called->name == "sort_desc";
  std::stable_sort(made->begin(), made->end(), [&](const auto& a, const auto& b) {
    auto left = a.values[0];
    auto right = b.values[0];
    if (std::isnan(left) || std::isnan(right))
      return !std::isnan(left) && std::isnan(right);
    return is_descending ? left > right : left < right;
  });
  return made;
}

result<columns> evaluation::call_timestamp(const call& x, const step_grid& grid) {
  const auto& argument = unwrap(*x.arguments[0]);
  auto of = std::get_if<selector>(&argument.form);
  auto made = of ? instant(*of, grid, true) : run(argument, grid);
  if (!made)
    return made;
  for (auto& series : *made) {
    series.labels = series.labels.without_metric();
    for (std::size_t i = 0; i < grid.count && !of; ++i)
      if (!is_absent(series.values[i]))
        series.values[i] = static_cast<double>(grid.time_ms(i)) / 1000.0;
  }
  return merged(std::move(*made));
}

result<columns> evaluation::call_absent(const call& x, const step_grid& grid) {
  const auto& argument = unwrap(*x.arguments[0]);
  column made{.values = std::vector<double>(grid.count, 1.0)};
  if (auto of = std::get_if<selector>(&argument.form))
    made.labels = labels_of(*of);
  if (argument.type == value_type::vector) {
    auto given = run(argument, grid);
    if (!given)
      return given;
    for (const auto& series : *given)
      for (std::size_t i = 0; i < grid.count; ++i)
        if (!is_absent(series.values[i]))
          made.values[i] = absent();
  } else {
    auto given = samples(argument, grid, x.called->name);
    if (!given)
      return unexpected(std::move(given.error()));
    auto inner = std::get_if<subquery>(&argument.form);
    auto range_ms
      = inner ? inner->range_ms : std::get<selector>(argument.form).range_ms;
    for (const auto& series : *given)
      for (std::size_t i = 0; i < grid.count; ++i) {
        auto end_ms = window_end_ms(argument, grid.time_ms(i));
        auto first = std::lower_bound(series.times_ms.begin(), series.times_ms.end(),
                                      end_ms - range_ms);
        if (first != series.times_ms.end() && *first <= end_ms)
          made.values[i] = absent();
      }
  }
  columns result;
  result.push_back(std::move(made));
  return merged(std::move(result));
}

result<columns> evaluation::call_other(const call& x, const step_grid& grid) {
  auto name = x.called->name;
  if (name == "absent" || name == "absent_over_time")
    return call_absent(x, grid);
  if (name == "timestamp")
    return call_timestamp(x, grid);
  if (name == "vector")
    return run(*x.arguments[0], grid);
  if (auto why = charge(1, grid.count))
    return unexpected(std::move(*why));
  column made{.values = std::vector<double>(grid.count, std::numbers::pi)};
  if (name == "time")
    for (std::size_t i = 0; i < grid.count; ++i)
      made.values[i] = static_cast<double>(grid.time_ms(i)) / 1000.0;
  if (name == "scalar") {
    auto given = run(*x.arguments[0], grid);
    if (!given)
      return given;
    for (std::size_t i = 0; i < grid.count; ++i) {
      made.values[i] = nan;
      std::size_t count = 0;
      for (const auto& series : *given)
        if (!is_absent(series.values[i]) && ++count <= 2)
          made.values[i] = count == 1 ? series.values[i] : nan;
    }
  }
  columns result;
  result.push_back(std::move(made));
  return result;
}

} // namespace weir::analytics::query
