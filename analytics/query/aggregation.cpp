// Aggregations over series.
#include "analytics/query/evaluation.hpp"
#include "analytics/query/numeric.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <functional>
#include <limits>
#include <unordered_map>
#include <utility>

namespace weir::analytics::query {

namespace {

using members = std::vector<std::size_t>;

struct group {
  label_set labels;
  members which; ///< Places in the columns.
};

std::vector<group> make_groups(const aggregation& x, const columns& inner) {
  auto names = x.names;
  std::sort(names.begin(), names.end());
  std::unordered_map<label_set, std::size_t, label_set_hash> places;
  std::vector<group> result;
  for (std::size_t i = 0; i < inner.size(); ++i) {
    const auto& labels = inner[i].labels;
    auto key = x.is_without ? labels.except(names) : labels.only(names);
    auto [place, is_new] = places.emplace(key, result.size());
    if (is_new)
      result.push_back({std::move(key), {}});
    result[place->second].which.push_back(i);
  }
  return result;
}

/// Calls `function(value, step)` for each value of the group, series by series.
template <class Function>
void for_each_value(const columns& inner, const group& of, Function function) {
  for (auto i : of.which) {
    const auto& values = inner[i].values;
    for (std::size_t step = 0; step < values.size(); ++step)
      if (!is_absent(values[step]))
        function(values[step], step);
  }
}

using steps = std::vector<double>;

steps sums(const columns& inner, const group& of, std::size_t count, bool is_mean) {
  std::vector<exact_sum> sum(count);
  steps result(count, 0.0);
  for_each_value(inner, of, [&](double x, std::size_t step) {
    sum[step].add(x);
    result[step] += 1.0;
  });
  std::vector<double> values;
  for (std::size_t step = 0; step < count; ++step) {
    auto number = result[step];
    auto total = sum[step].total();
    result[step] = number == 0.0 ? absent() : is_mean ? total / number : total;
    if (number == 0.0 || !is_mean || std::isfinite(total))
      continue;
    values.clear();
    for (auto i : of.which)
      if (!is_absent(inner[i].values[step]))
        values.push_back(inner[i].values[step]);
    result[step] = careful_mean(values);
  }
  return result;
}

steps extremes(const columns& inner, const group& of, std::size_t count, bool is_max) {
  steps result(count, absent());
  for_each_value(inner, of, [&](double x, std::size_t step) {
    auto& best = result[step];
    if (std::isnan(best) || (is_max ? x > best : x < best))
      best = is_absent(best) || !std::isnan(x) ? x : best;
  });
  return result;
}

steps counts(const columns& inner, const group& of, std::size_t count, bool is_one) {
  steps result(count, absent());
  for_each_value(inner, of, [&](double, std::size_t step) {
    result[step] = is_one || is_absent(result[step]) ? 1.0 : result[step] + 1.0;
  });
  return result;
}

steps variances(const columns& inner, const group& of, std::size_t count,
                bool is_deviation) {
  struct moments {
    double number = 0.0;
    double mean = 0.0;
    double squares = 0.0;
  };
  std::vector<moments> all(count);
  for_each_value(inner, of, [&](double x, std::size_t step) {
    auto& m = all[step];
    m.number += 1.0;
    auto distance = x - m.mean;
    m.mean += distance / m.number;
    m.squares += distance * (x - m.mean);
  });
  steps result(count, absent());
  for (std::size_t step = 0; step < count; ++step) {
    auto variance = all[step].squares / all[step].number;
    if (all[step].number != 0.0)
      result[step] = is_deviation ? std::sqrt(variance) : variance;
  }
  return result;
}

steps quantiles(const columns& inner, const group& of,
                std::span<const double> parameter) {
  steps result(parameter.size(), absent());
  std::vector<double> values;
  for (std::size_t step = 0; step < parameter.size(); ++step) {
    values.clear();
    for (auto i : of.which)
      if (!is_absent(inner[i].values[step]))
        values.push_back(inner[i].values[step]);
    if (!values.empty())
      result[step] = quantile_of(parameter[step], values);
  }
  return result;
}

/// Whether `a` is further up in topk (bottomk if `is_bottom`) than `b`.
bool is_ahead(double a, double b, bool is_bottom) {
  if (std::isnan(a) || std::isnan(b))
    return !std::isnan(a);
  return is_bottom ? a < b : a > b;
}

/// The best of each step: a heap with the worst of them on top, so that most values
/// are done with after one comparison.
class ranking {
  double value(std::size_t i, std::size_t step) const {
    return inner_[i].values[step];
  }
  auto order(std::size_t step) const {
    return [this, step](std::size_t a, std::size_t b) {
      auto x = value(a, step);
      auto y = value(b, step);
      if (is_ahead(x, y, is_bottom_) != is_ahead(y, x, is_bottom_))
        return is_ahead(x, y, is_bottom_);
      return a < b;
    };
  }

public:
  ranking(const columns& inner, const group& of, std::span<const double> wanted,
          bool is_bottom)
    : inner_(inner), of_(of), wanted_(wanted), is_bottom_(is_bottom),
      heaps_(wanted.size()), bars_(wanted.size(), absent()) {
  }

  /// Per step, places in the columns, the best first; equal ones as they came.
  std::vector<members> best() {
    for (auto i : of_.which) {
      const auto& values = inner_[i].values;
      for (std::size_t step = 0; step < values.size(); ++step) {
        auto x = values[step];
        auto is_out
          = is_absent(x)
            || (!is_absent(bars_[step]) && !is_ahead(x, bars_[step], is_bottom_));
        if (!is_out)
          offer(step, i);
      }
    }
    for (std::size_t step = 0; step < wanted_.size(); ++step)
      std::sort_heap(heaps_[step].begin(), heaps_[step].end(), order(step));
    return std::move(heaps_);
  }

private:
  std::size_t size_at(std::size_t step) const {
    auto wanted = wanted_[step];
    return wanted >= 1.0 ? static_cast<std::size_t>(
             std::min(wanted, static_cast<double>(of_.which.size())))
                         : 0;
  }
  void offer(std::size_t step, std::size_t i) {
    auto size = size_at(step);
    if (size == 0)
      return;
    auto& heap = heaps_[step];
    if (heap.size() == size) {
      std::pop_heap(heap.begin(), heap.end(), order(step));
      heap.pop_back();
    }
    heap.push_back(i);
    std::push_heap(heap.begin(), heap.end(), order(step));
    if (heap.size() == size)
      bars_[step] = value(heap.front(), step);
  }

  const columns& inner_;
  const group& of_;
  std::span<const double> wanted_;
  bool is_bottom_;
  std::vector<members> heaps_;
  std::vector<double> bars_; ///< The worst that is kept, once there are enough.
};

columns ranked(const columns& inner, const std::vector<group>& groups,
               std::span<const double> wanted, bool is_bottom) {
  columns result;
  std::vector<std::size_t> place(inner.size(), inner.size());
  for (const auto& of : groups) {
    auto best = ranking{inner, of, wanted, is_bottom}.best();
    for (std::size_t step = 0; step < best.size(); ++step)
      for (auto i : best[step]) {
        if (place[i] == inner.size()) {
          place[i] = result.size();
          result.push_back({inner[i].labels, steps(wanted.size(), absent())});
        }
        result[place[i]].values[step] = inner[i].values[step];
      }
  }
  return result;
}

/// As Go writes it: the shortest that reads the same, without an exponent.
std::string value_text(double x) {
  if (std::isnan(x))
    return "NaN";
  if (std::isinf(x))
    return x < 0 ? "-Inf" : "+Inf";
  std::array<char, 400> buffer{};
  auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), x,
                           std::chars_format::fixed)
               .ptr;
  return {buffer.data(), end};
}

/// Counts one more series of so many against the limits.
using charge_function = std::function<std::optional<query_error>(std::size_t series)>;

/// Each value becomes a label: a series per value that occurs.
result<columns> value_counts(const columns& inner, const std::vector<group>& groups,
                             const aggregation& x, std::size_t count,
                             const charge_function& charge) {
  const auto& name = std::get<text_literal>(unwrap(*x.parameter).form).value;
  auto is_dropped
    = x.is_without && std::count(x.names.begin(), x.names.end(), name) != 0;
  columns result;
  std::unordered_map<label_set, std::size_t, label_set_hash> places;
  for (const auto& of : groups)
    for (auto i : of.which)
      for (std::size_t step = 0; step < count; ++step) {
        auto value = inner[i].values[step];
        if (is_absent(value))
          continue;
        auto labels = of.labels;
        if (!is_dropped)
          labels.set(name, value_text(value));
        auto [place, is_new] = places.emplace(labels, result.size());
        if (is_new) {
          if (auto why = charge(result.size() + 1))
            return unexpected(std::move(*why));
          result.push_back({std::move(labels), steps(count, absent())});
        }
        auto& number = result[place->second].values[step];
        number = is_absent(number) ? 1.0 : number + 1.0;
      }
  return result;
}

} // namespace

result<columns> evaluation::evaluate(const aggregation& x, const step_grid& grid) {
  columns parameter;
  if (x.parameter && x.parameter->type == value_type::scalar) {
    auto made = run(*x.parameter, grid);
    if (!made)
      return made;
    parameter = std::move(*made);
  }
  auto inner = run(*x.inner, grid);
  if (!inner)
    return inner;
  auto groups = make_groups(x, *inner);
  auto is_ranking = x.op == aggregate_op::topk || x.op == aggregate_op::bottomk;
  if (auto why = charge(is_ranking ? inner->size() : groups.size(), grid.count))
    return unexpected(std::move(*why));
  if (is_ranking)
    return ranked(*inner, groups, parameter[0].values, x.op == aggregate_op::bottomk);
  if (x.op == aggregate_op::count_values)
    return value_counts(*inner, groups, x, grid.count, [&](std::size_t series) {
      return series > options_.series_max ? charge(series, 0) : charge(1, grid.count);
    });
  auto calculate = [&](const group& of) {
    using enum aggregate_op;
    switch (x.op) {
    case avg:
      return sums(*inner, of, grid.count, true);
    case min:
      return extremes(*inner, of, grid.count, false);
    case max:
      return extremes(*inner, of, grid.count, true);
    case count:
      return counts(*inner, of, grid.count, false);
    case group:
      return counts(*inner, of, grid.count, true);
    case stddev:
      return variances(*inner, of, grid.count, true);
    case stdvar:
      return variances(*inner, of, grid.count, false);
    case quantile:
      return quantiles(*inner, of, parameter[0].values);
    default:
      return sums(*inner, of, grid.count, false);
    }
  };
  columns result;
  for (auto& of : groups)
    result.push_back({std::move(of.labels), calculate(of)});
  return result;
}

} // namespace weir::analytics::query
