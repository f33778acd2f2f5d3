#include "analytics/query/range_functions.hpp"

#include "analytics/query/numeric.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <deque>
#include <functional>
#include <limits>

namespace weir::analytics::query {

namespace {

/// What a kernel sees of one step. Samples first to last - 1; never none.
struct window {
  std::size_t first = 0;
  std::size_t last = 0;
  std::int64_t end_ms = 0;
  std::size_t step = 0;

  std::size_t size() const {
    return last - first;
  }
};

/// A kernel is told which samples come in and which go out; result() is the value for
/// what is in between.
template <class Kernel>
bool slide(const window_plan& plan, std::span<double> out) {
  Kernel kernel{plan};
  window now;
  // Some kernels read the whole window at each step: long windows take long.
  constexpr std::size_t samples_between_checks = 1 << 20;
  std::size_t samples = 0;
  for (now.step = 0; now.step < out.size(); ++now.step) {
    now.end_ms = plan.ends_ms[now.step];
    auto begin_ms = now.end_ms - plan.range_ms;
    for (; now.last < plan.times_ms.size() && plan.times_ms[now.last] <= now.end_ms;
         ++now.last)
      kernel.add(now.last);
    for (; now.first < now.last && plan.times_ms[now.first] < begin_ms; ++now.first)
      kernel.drop(now.first);
    out[now.step] = now.size() == 0 ? absent() : kernel.result(now);
    samples += now.size();
    if (samples > samples_between_checks) {
      samples = 0;
      if (plan.should_stop && plan.should_stop())
        return false;
    }
  }
  return true;
}

/// For kernels that need no more than the samples of the window.
struct stateless {
  explicit stateless(const window_plan& x) : plan(x) {
  }
  void add(std::size_t) {
  }
  void drop(std::size_t) {
  }
  std::span<const double> values(const window& x) const {
    return plan.values.subspan(x.first, x.size());
  }
  double seconds(std::size_t from, std::size_t to) const {
    return static_cast<double>(plan.times_ms[to] - plan.times_ms[from]) / 1000.0;
  }

  const window_plan& plan;
};

// -- counters ------------------------------------------------------------------------

/// From the samples to the ends of the window, as far as they reach that way.
double extrapolated(const window_plan& plan, const window& now, double risen,
                    bool is_counter, bool is_rate) {
  auto last = now.last - 1;
  auto between = [](std::int64_t from_ms, std::int64_t to_ms) {
    return static_cast<double>(to_ms - from_ms) / 1000.0;
  };
  auto to_start = between(now.end_ms - plan.range_ms, plan.times_ms[now.first]);
  auto to_end = between(plan.times_ms[last], now.end_ms);
  auto sampled = between(plan.times_ms[now.first], plan.times_ms[last]);
  auto spacing = sampled / static_cast<double>(now.size() - 1);
  if (is_counter && risen > 0 && plan.values[now.first] >= 0)
    // A counter begins at 0: no further back than that.
    to_start = std::min(to_start, sampled * (plan.values[now.first] / risen));
  auto reach = spacing * 1.1;
  auto covered = sampled;
  covered += to_start < reach ? to_start : spacing / 2;
  covered += to_end < reach ? to_end : spacing / 2;
  auto factor = covered / sampled;
  if (is_rate)
    factor /= static_cast<double>(plan.range_ms) / 1000.0;
  return risen * factor;
}

template <bool IsRate>
class counter_kernel {
public:
  explicit counter_kernel(const window_plan& plan) : plan_(plan) {
  }
  void add(std::size_t i) {
    if (i > 0 && plan_.values[i] < plan_.values[i - 1])
      resets_.push_back(i);
  }
  void drop(std::size_t i) {
    // The one from `i` to the next sample is not in the window any more.
    while (!resets_.empty() && resets_.front() <= i + 1)
      resets_.pop_front();
  }
  double result(const window& now) const {
    if (now.size() < 2)
      return absent();
    auto risen = plan_.values[now.last - 1] - plan_.values[now.first];
    for (auto i : resets_)
      if (i > now.first)
        risen += plan_.values[i - 1];
    return extrapolated(plan_, now, risen, true, IsRate);
  }

private:
  const window_plan& plan_;
  std::deque<std::size_t> resets_; ///< Samples that are below the one before.
};

struct delta_kernel : stateless {
  using stateless::stateless;
  double result(const window& now) const {
    if (now.size() < 2)
      return absent();
    auto risen = plan.values[now.last - 1] - plan.values[now.first];
    return extrapolated(plan, now, risen, false, false);
  }
};

template <bool IsRate>
struct last_two_kernel : stateless {
  using stateless::stateless;
  double result(const window& now) const {
    if (now.size() < 2)
      return absent();
    auto last = plan.values[now.last - 1];
    auto before = plan.values[now.last - 2];
    if (!IsRate)
      return last - before;
    return (last < before ? last : last - before) / seconds(now.last - 2, now.last - 1);
  }
};

/// Counts pairs of neighbours.
template <bool (*Counts)(double before, double after)>
class pair_kernel {
public:
  explicit pair_kernel(const window_plan& plan) : plan_(plan) {
  }
  void add(std::size_t i) {
    last_ = i;
    count_ += i > first_ && is_counted(i) ? 1.0 : 0.0;
  }
  void drop(std::size_t i) {
    first_ = i + 1;
    count_ -= i < last_ && is_counted(i + 1) ? 1.0 : 0.0;
  }
  double result(const window&) const {
    return count_;
  }

private:
  bool is_counted(std::size_t i) const {
    return Counts(plan_.values[i - 1], plan_.values[i]);
  }

  const window_plan& plan_;
  std::size_t first_ = 0;
  std::size_t last_ = 0;
  double count_ = 0.0;
};

bool is_change(double before, double after) {
  return before != after && !(std::isnan(before) && std::isnan(after));
}

bool is_reset(double before, double after) {
  return after < before;
}

// -- aggregates over time ------------------------------------------------------------

/// Sums of a sliding window by two stacks: the older samples as sums of their ends,
/// the newer ones as one sum. Nothing is ever subtracted, so no error stays behind.
template <bool IsMean>
class sum_kernel {
public:
  explicit sum_kernel(const window_plan& plan) : plan_(plan) {
  }
  void add(std::size_t i) {
    newer_.add(plan_.values[i]);
    end_ = i + 1;
  }
  void drop(std::size_t i) {
    if (i >= turned_)
      turn(i);
  }
  double result(const window& now) const {
    auto whole = newer_;
    if (now.first < turned_)
      whole.add(older_[turned_ - 1 - now.first]);
    auto total = whole.total();
    if (!std::isfinite(total)) // Infinite samples, or a sum too large on the way.
      return carefully(now);
    return IsMean ? total / static_cast<double>(now.size()) : total;
  }

private:
  void turn(std::size_t first) {
    older_.clear();
    exact_sum sum;
    for (auto i = end_; i-- > first;) {
      sum.add(plan_.values[i]);
      older_.push_back(sum);
    }
    turned_ = end_;
    newer_ = {};
  }

  double carefully(const window& now) const {
    auto values = plan_.values.subspan(now.first, now.size());
    if (IsMean)
      return careful_mean(values);
    exact_sum sum;
    for (auto x : values)
      sum.add(x);
    return sum.total();
  }

  const window_plan& plan_;
  std::vector<exact_sum> older_; ///< Of the last 1, 2, 3 ... samples before `turned_`.
  std::size_t turned_ = 0;
  std::size_t end_ = 0;
  exact_sum newer_;
};

/// The extreme of a sliding window: a queue of those that can still become it.
template <class Better>
class extreme_kernel {
public:
  explicit extreme_kernel(const window_plan& plan) : plan_(plan) {
  }
  void add(std::size_t i) {
    auto value = plan_.values[i];
    if (std::isnan(value))
      return;
    while (!candidates_.empty() && !Better{}(plan_.values[candidates_.back()], value))
      candidates_.pop_back();
    candidates_.push_back(i);
  }
  void drop(std::size_t i) {
    if (!candidates_.empty() && candidates_.front() == i)
      candidates_.pop_front();
  }
  double result(const window&) const {
    return candidates_.empty() ? std::numeric_limits<double>::quiet_NaN()
                               : plan_.values[candidates_.front()];
  }

private:
  const window_plan& plan_;
  std::deque<std::size_t> candidates_;
};

struct count_kernel : stateless {
  using stateless::stateless;
  double result(const window& now) const {
    return static_cast<double>(now.size());
  }
};

struct present_kernel : stateless {
  using stateless::stateless;
  double result(const window&) const {
    return 1.0;
  }
};

struct last_kernel : stateless {
  using stateless::stateless;
  double result(const window& now) const {
    return plan.values[now.last - 1];
  }
};

template <bool IsDeviation>
struct variance_kernel : stateless {
  using stateless::stateless;
  double result(const window& now) const {
    exact_sum mean;
    exact_sum squares;
    double count = 0.0;
    for (auto x : values(now)) {
      count += 1.0;
      auto distance = x - (mean.sum + mean.rest);
      mean.add(distance / count);
      squares.add(distance * (x - (mean.sum + mean.rest)));
    }
    auto variance = (squares.sum + squares.rest) / count;
    return IsDeviation ? std::sqrt(variance) : variance;
  }
};

struct quantile_kernel : stateless {
  using stateless::stateless;
  double result(const window& now) {
    auto all = values(now);
    sorted.assign(all.begin(), all.end());
    return quantile_of(plan.parameters[0][0].values[now.step], sorted);
  }
  std::vector<double> sorted;
};

// -- trends --------------------------------------------------------------------------

struct line {
  double slope = 0.0;
  double intercept = 0.0;
};

/// The line of least squares; its intercept is at `origin_ms`.
line fit(const window_plan& plan, const window& now, std::int64_t origin_ms) {
  auto values = plan.values.subspan(now.first, now.size());
  if (std::all_of(values.begin(), values.end(),
                  [&](double x) { return x == values.front(); })) {
    constexpr auto nan = std::numeric_limits<double>::quiet_NaN();
    return std::isinf(values.front()) ? line{nan, nan} : line{0.0, values.front()};
  }
  exact_sum xs;
  exact_sum ys;
  exact_sum products;
  exact_sum squares;
  for (std::size_t i = 0; i < values.size(); ++i) {
    auto x = static_cast<double>(plan.times_ms[now.first + i] - origin_ms) / 1000.0;
    xs.add(x);
    ys.add(values[i]);
    products.add(x * values[i]);
    squares.add(x * x);
  }
  auto count = static_cast<double>(values.size());
  auto sum = [](const exact_sum& x) { return x.sum + x.rest; };
  auto covariance = sum(products) - sum(xs) * sum(ys) / count;
  auto variance = sum(squares) - sum(xs) * sum(xs) / count;
  line result;
  result.slope = covariance / variance;
  result.intercept = sum(ys) / count - result.slope * sum(xs) / count;
  return result;
}

struct deriv_kernel : stateless {
  using stateless::stateless;
  double result(const window& now) const {
    return now.size() < 2 ? absent() : fit(plan, now, plan.times_ms[now.first]).slope;
  }
};

struct predict_kernel : stateless {
  using stateless::stateless;
  double result(const window& now) const {
    if (now.size() < 2)
      return absent();
    auto line = fit(plan, now, plan.grid.time_ms(now.step));
    return line.slope * plan.parameters[0][0].values[now.step] + line.intercept;
  }
};

/// Double exponential smoothing.
struct smoothing_kernel : stateless {
  using stateless::stateless;
  double result(const window& now) const {
    if (now.size() < 2)
      return absent();
    auto level_factor = plan.parameters[0][0].values[now.step];
    auto trend_factor = plan.parameters[1][0].values[now.step];
    auto all = values(now);
    double before = 0.0;
    double level = all[0];
    double trend = all[1] - all[0];
    for (std::size_t i = 1; i < all.size(); ++i) {
      if (i > 1)
        trend = trend_factor * (level - before) + (1 - trend_factor) * trend;
      before = level;
      level = level_factor * all[i] + (1 - level_factor) * (level + trend);
    }
    return level;
  }
};

} // namespace

range_function find_range_function(std::string_view name) {
  static constexpr auto table
    = std::to_array<std::pair<std::string_view, range_function>>({
      {"rate", slide<counter_kernel<true>>},
      {"increase", slide<counter_kernel<false>>},
      {"delta", slide<delta_kernel>},
      {"irate", slide<last_two_kernel<true>>},
      {"idelta", slide<last_two_kernel<false>>},
      {"changes", slide<pair_kernel<is_change>>},
      {"resets", slide<pair_kernel<is_reset>>},
      {"avg_over_time", slide<sum_kernel<true>>},
      {"sum_over_time", slide<sum_kernel<false>>},
      {"min_over_time", slide<extreme_kernel<std::less<>>>},
      {"max_over_time", slide<extreme_kernel<std::greater<>>>},
      {"count_over_time", slide<count_kernel>},
      {"present_over_time", slide<present_kernel>},
      {"last_over_time", slide<last_kernel>},
      {"stddev_over_time", slide<variance_kernel<true>>},
      {"stdvar_over_time", slide<variance_kernel<false>>},
      {"quantile_over_time", slide<quantile_kernel>},
      {"deriv", slide<deriv_kernel>},
      {"predict_linear", slide<predict_kernel>},
      {"holt_winters", slide<smoothing_kernel>},
    });
  auto found = std::find_if(table.begin(), table.end(),
                            [name](const auto& x) { return x.first == name; });
  return found == table.end() ? nullptr : found->second;
}

} // namespace weir::analytics::query
