// Series with a fixed seed, as sensors and counters make them, for tests of the codec.
#pragma once

#include "analytics/open_window.hpp"
#include "storage/series_block.hpp"

#include <bit>
#include <cmath>
#include <cstdint>
#include <random>
#include <span>
#include <vector>

namespace weir::test {

inline constexpr std::int64_t made_second_ns = 1'000'000'000;
inline constexpr std::int64_t made_start_ns = 1'700'000'000 * made_second_ns;

/// Numbers that are the same with every standard library, unlike its distributions.
class made_noise {
public:
  explicit made_noise(std::uint32_t seed) : random_(seed) {
  }
  /// Around 0, nearly normal, with a deviation of 1.
  double operator()() {
    double sum = 0;
    for (int i = 0; i < 12; ++i)
      sum += static_cast<double>(random_()) / 4294967296.0;
    return sum - 6;
  }
  std::uint32_t below(std::uint32_t limit) {
    return static_cast<std::uint32_t>(random_() % limit);
  }
  std::uint64_t bits() {
    auto high = std::uint64_t{random_()} << 32;
    return high | random_();
  }

private:
  std::mt19937 random_;
};

/// A slow walk with noise, rounded to 1 / per_unit (0: not at all), each second.
inline storage::sample_columns made_samples(std::size_t count, double per_unit,
                                            double noise, std::uint32_t seed) {
  made_noise random{seed};
  storage::sample_columns result;
  double level = 20;
  for (std::size_t i = 0; i < count; ++i) {
    level += 0.02 * random();
    auto value = level + noise * random();
    result.time_ns.push_back(made_start_ns
                             + static_cast<std::int64_t>(i) * made_second_ns);
    result.value.push_back(per_unit == 0 ? value
                                         : std::round(value * per_unit) / per_unit);
  }
  return result;
}

/// Windows of so many samples each.
inline std::vector<analytics::summary> made_summaries(const storage::sample_columns& xs,
                                                      std::size_t per_window) {
  std::vector<analytics::summary> result;
  for (std::size_t at = 0; at + per_window <= xs.size(); at += per_window) {
    analytics::open_window window;
    for (std::size_t i = at; i < at + per_window; ++i)
      window.begin_or_add(xs.time_ns[i], xs.value[i]);
    window.start_ns = xs.time_ns[at];
    result.push_back(
      window.close(static_cast<std::int64_t>(per_window) * made_second_ns));
  }
  return result;
}

/// Unlike ==: a NaN is itself, and 0.0 is not -0.0.
inline bool same_bits(std::span<const double> a, std::span<const double> b) {
  if (a.size() != b.size())
    return false;
  for (std::size_t i = 0; i < a.size(); ++i)
    if (std::bit_cast<std::uint64_t>(a[i]) != std::bit_cast<std::uint64_t>(b[i]))
      return false;
  return true;
}

inline bool same_bits(const analytics::summary& a, const analytics::summary& b) {
  auto floats = [](const analytics::summary& x) {
    return std::vector<double>{x.sum, x.min, x.max, x.mean, x.m2, x.first, x.last};
  };
  auto rest = [](analytics::summary x) {
    x.sum = x.min = x.max = x.mean = x.m2 = x.first = x.last = 0;
    return x;
  };
  return same_bits(floats(a), floats(b)) && rest(a) == rest(b);
}

inline bool same_bits(std::span<const analytics::summary> a,
                      std::span<const analytics::summary> b) {
  if (a.size() != b.size())
    return false;
  for (std::size_t i = 0; i < a.size(); ++i)
    if (!same_bits(a[i], b[i]))
      return false;
  return true;
}

} // namespace weir::test
