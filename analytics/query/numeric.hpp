// Sums that do not lose small parts, and quantiles, as Prometheus calculates them.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <span>

namespace weir::analytics::query {

/// Neumaier's sum: the rounding errors are kept beside it.
struct exact_sum {
  double sum = 0.0;
  double rest = 0.0;

  void add(double x) {
    auto total = sum + x;
    rest += std::abs(sum) >= std::abs(x) ? (sum - total) + x : (x - total) + sum;
    sum = total;
  }
  void add(const exact_sum& x) {
    add(x.sum);
    rest += x.rest;
  }
  /// Once it is infinite, the rest means nothing.
  double total() const {
    return std::isinf(sum) ? sum : sum + rest;
  }
};

/// The mean of finite numbers whose sum may be too large for a double.
inline double careful_mean(std::span<const double> values) {
  exact_sum mean;
  double count = 0.0;
  for (auto x : values) {
    count += 1.0;
    if (std::isinf(mean.sum)
        && ((std::isinf(x) && (mean.sum > 0) == (x > 0)) || std::isfinite(x)))
      continue;
    mean.add(x / count - mean.sum / count);
  }
  return mean.total();
}

/// Whether `a` stands before `b`: NaN before all numbers.
inline bool nan_first(double a, double b) {
  return std::isnan(a) ? !std::isnan(b) : a < b;
}

/// Between the two nearest values, linearly. Sorts `values`.
inline double quantile_of(double q, std::span<double> values) {
  constexpr auto infinity = std::numeric_limits<double>::infinity();
  if (values.empty() || std::isnan(q))
    return std::numeric_limits<double>::quiet_NaN();
  if (q < 0)
    return -infinity;
  if (q > 1)
    return infinity;
  std::sort(values.begin(), values.end(), nan_first);
  auto rank = q * static_cast<double>(values.size() - 1);
  auto lower = static_cast<std::size_t>(rank);
  auto upper = std::min(values.size() - 1, lower + 1);
  auto weight = rank - std::floor(rank);
  return values[lower] * (1 - weight) + values[upper] * weight;
}

} // namespace weir::analytics::query
