// QUANTILES: every value within alpha over all doubles; any order and grouping of
// merges gives the same bins.
#include "analytics/quantile_sketch.hpp"

#include "tests/support/decoding.hpp"
#include "tests/support/hex.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

using namespace weir::analytics;
using namespace weir::test;

namespace {

constexpr auto subnormal_step = std::numeric_limits<double>::denorm_min();

/// Within alpha; a subnormal result can only lie on the next double.
bool is_close(double result, double value, double alpha) {
  return std::fabs(result - value)
         <= alpha * std::fabs(value)
              + (std::fabs(value) < 1e-306 ? subnormal_step : 0.0);
}

double only_value(double value, double alpha) {
  quantile_sketch sketch{alpha};
  sketch.add(value);
  return sketch.quantile(0.5);
}

/// Values of several kinds: a sensor, a latency, around zero, rounded, all doubles.
std::vector<double> random_values(std::mt19937_64& random, std::size_t count) {
  std::vector<double> values(count);
  auto kind = random() % 5;
  std::normal_distribution<double> normal{20.0, 3.0};
  std::lognormal_distribution<double> lognormal{2.0, 2.0};
  for (auto& x : values) {
    if (kind == 0)
      x = normal(random);
    else if (kind == 1)
      x = lognormal(random);
    else if (kind == 2)
      x = normal(random) - 20.0;
    else if (kind == 3)
      x = std::round(normal(random) - 20.0);
    else
      do
        x = std::bit_cast<double>(random());
      while (!std::isfinite(x));
  }
  return values;
}

quantile_sketch sketch_of(const std::vector<double>& values) {
  quantile_sketch sketch;
  for (auto x : values)
    sketch.add(x);
  return sketch;
}

} // namespace

TEST_CASE("a value comes back within alpha over all doubles", "[sketch]") {
  std::mt19937_64 random{11};
  std::vector<double> wrong; // Catch2 would take seconds to note each of them.
  for (double alpha : {0.001, 0.01, 0.05, 0.1})
    for (int exponent = -1074; exponent < 1024; ++exponent)
      for (int i = 0; i < 8; ++i) {
        auto mantissa = 1.0 + static_cast<double>(random() >> 11) * 0x1p-53;
        if (i < 2)
          mantissa = i == 0 ? 1.0 : std::nextafter(2.0, 1.0);
        auto value = std::ldexp(std::min(mantissa, std::nextafter(2.0, 1.0)), exponent);
        for (auto x : {value, -value})
          if (std::isfinite(x) && !is_close(only_value(x, alpha), x, alpha))
            wrong.push_back(x);
      }
  CHECK(wrong == std::vector<double>{});
}

TEST_CASE("no bin is wider than alpha allows, at its very ends", "[sketch]") {
  // One octave shows all: the mapping repeats. A bin's ends are where rank() steps.
  quantile_sketch sketch;
  for (double low = 1.0; low < 2.0;) {
    quantile_sketch bin;
    bin.add(low);
    auto inside = low;
    auto outside = low * 1.05;
    while (std::nextafter(inside, outside) < outside) {
      auto middle = inside + (outside - inside) / 2;
      quantile_sketch other;
      other.add(middle);
      (other == bin ? inside : outside) = middle;
    }
    REQUIRE(is_close(bin.quantile(0.0), low, 0.01));
    REQUIRE(is_close(bin.quantile(0.0), inside, 0.01));
    low = outside;
  }
}

TEST_CASE("the largest and the smallest doubles are counted", "[sketch]") {
  for (double x : {1e308, std::numeric_limits<double>::max(), subnormal_step,
                   std::numeric_limits<double>::min()}) {
    CAPTURE(x);
    CHECK(is_close(only_value(x, 0.01), x, 0.01));
    CHECK(is_close(only_value(-x, 0.01), -x, 0.01));
  }
  CHECK(only_value(0.0, 0.01) == 0.0);
  CHECK(only_value(-0.0, 0.01) == 0.0);
  quantile_sketch sketch;
  sketch.add(std::nan(""));
  sketch.add(HUGE_VAL);
  sketch.add(-HUGE_VAL);
  sketch.add(1.0, 0);
  CHECK(sketch.count() == 0);
  CHECK(std::isnan(sketch.quantile(0.5)));
  CHECK(std::isnan(sketch.cdf(0.5)));
}

TEST_CASE("quantiles of many values are within alpha of the value of that rank",
          "[sketch]") {
  for (unsigned seed = 1; seed <= 60; ++seed) {
    CAPTURE(seed);
    std::mt19937_64 random{seed};
    auto values = random_values(random, 1 + random() % 3000);
    auto sketch = sketch_of(values);
    std::sort(values.begin(), values.end());
    REQUIRE(sketch.count() == values.size());
    if (sketch.collapsed())
      continue; // Only the largest have a bound; see below.
    for (double q : {0.0, 0.01, 0.25, 0.5, 0.75, 0.95, 0.99, 0.999, 1.0}) {
      auto rank = static_cast<std::size_t>(q * static_cast<double>(values.size() - 1));
      CAPTURE(q, values[rank], sketch.quantile(q));
      REQUIRE(is_close(sketch.quantile(q), values[rank], 0.01));
    }
    CHECK(sketch.rank(-HUGE_VAL) <= 1);
    CHECK(sketch.rank(HUGE_VAL) == values.size());
    for (int i = 0; i < 20; ++i) {
      auto x = values[random() % values.size()];
      auto at_most = std::upper_bound(values.begin(), values.end(), x);
      auto nearly = std::upper_bound(values.begin(), values.end(),
                                     x + std::fabs(x) * 0.0203 + subnormal_step);
      auto rank = static_cast<std::ptrdiff_t>(sketch.rank(x));
      CHECK(rank >= at_most - values.begin());
      CHECK(rank <= nearly - values.begin());
    }
  }
}

TEST_CASE("beyond its bins a sketch loses the smallest magnitudes only", "[sketch]") {
  std::mt19937_64 random{5};
  quantile_sketch sketch;
  std::vector<double> values;
  for (int i = 0; i < 20'000; ++i) {
    values.push_back(std::pow(10.0, static_cast<double>(random() % 20'000) / 1000.0));
    sketch.add(values.back());
  }
  std::sort(values.begin(), values.end());
  CHECK(sketch.collapsed());
  CHECK(sketch.size_bytes() < 9000);
  for (double q : {0.6, 0.75, 0.9, 1.0}) {
    auto rank = static_cast<std::size_t>(q * static_cast<double>(values.size() - 1));
    CHECK(is_close(sketch.quantile(q), values[rank], 0.01));
  }
  check_decoding(sketch);
}

TEST_CASE("merging in any split and order gives the sketch of all values", "[sketch]") {
  for (unsigned seed = 1; seed <= 100; ++seed) {
    CAPTURE(seed);
    std::mt19937_64 random{seed};
    auto values = random_values(random, random() % 2000);
    auto all = sketch_of(values);
    std::shuffle(values.begin(), values.end(), random);
    std::vector<quantile_sketch> parts(1 + random() % 6);
    for (auto x : values)
      parts[random() % parts.size()].add(x);
    while (parts.size() > 1) {
      auto from = random() % parts.size();
      std::swap(parts[from], parts.back());
      parts[random() % (parts.size() - 1)].merge(
        random() % 2 == 0 ? parts.back()
                          : *quantile_sketch::decode(encoded(parts.back())));
      parts.pop_back();
    }
    REQUIRE(parts[0] == all);
    REQUIRE(encoded(parts[0]) == encoded(all));
  }
}

TEST_CASE("counts grow beyond 16 bits, and stop before sums overflow", "[sketch]") {
  quantile_sketch one_by_one;
  for (int i = 0; i < 70'000; ++i)
    one_by_one.add(5.0);
  one_by_one.add(-5.0, 70'000);
  quantile_sketch at_once;
  at_once.add(5.0, 70'000);
  at_once.add(-5.0, 65'535);
  at_once.add(-5.0, 4465);
  CHECK(one_by_one == at_once);
  for (int i = 0; i < 100; ++i)
    at_once.merge(at_once);
  at_once.add(0.0, UINT64_MAX);
  CHECK(at_once.count() == 3 * (std::uint64_t{1} << 48));
  check_decoding(at_once);
}

TEST_CASE("sketches of different alpha merge to the larger one", "[sketch]") {
  quantile_sketch fine{0.005};
  quantile_sketch coarse{0.02};
  for (int i = 1; i <= 1000; ++i)
    (i % 2 == 0 ? fine : coarse).add(i);
  auto merged = fine;
  merged.merge(coarse);
  coarse.merge(fine);
  CHECK(merged == coarse);
  CHECK(merged.alpha() == 0.02);
  CHECK(merged.count() == 1000);
  CHECK(is_close(merged.quantile(0.5), 500, 0.026));
  CHECK(quantile_sketch{7.0}.alpha() == quantile_sketch::alpha_max);
  CHECK(quantile_sketch{std::nan("")}.alpha() == quantile_sketch::alpha_default);
}

TEST_CASE("a sensor's sketch is small and starts small", "[sketch]") {
  quantile_sketch sketch;
  CHECK(sketch.size_bytes() <= 160);
  std::mt19937_64 random{3};
  std::normal_distribution<double> sensor{20.0, 1.0};
  for (int i = 0; i < 10'000; ++i)
    sketch.add(sensor(random));
  CHECK(sketch.size_bytes() < 300);
  CHECK(encoded(sketch).size() < 60);
}

TEST_CASE("a quantile sketch's bytes are what SKETCHES.md shows", "[sketch]") {
  quantile_sketch sketch;
  for (double x : {1.0, 1.0, 1.1, 0.0, -8.0})
    sketch.add(x);
  CHECK(to_hex(encoded(sketch)) == "0100904e0105000200020101d00101");
  check_decoding(sketch);
  check_decoding(quantile_sketch{});
  for (unsigned seed = 1; seed <= 5; ++seed) {
    std::mt19937_64 random{seed};
    check_decoding(sketch_of(random_values(random, 1000)));
  }
}

TEST_CASE("hostile bytes of a quantile sketch are refused", "[sketch]") {
  for (const auto* bytes : {
         "",                                         // nothing
         "02 00 904e 00 00 00",                      // version
         "01 04 904e 00 00 00",                      // flag
         "01 01 904e 00 00 00",                      // collapsed without bins
         "01 00 e707 00 00 00",                      // alpha 0.000999
         "01 00 a18d06 00 00 00",                    // alpha 0.100001
         "01 00 904e 8000 00 00",                    // a varint with a needless byte
         "01 00 904e 81808080808040 00 00",          // 2^48 + 1 zeros
         "01 00 904e 00 8108 00 00",                 // 1,025 bins
         "01 00 904e 00 ffffffffff7f 00",            // very many bins
         "01 00 904e 00 01 ffffffff0f 01 00",        // beyond the smallest double
         "01 00 904e 00 02 00 01 00 00",             // ends with an empty bin
         "01 00 904e 00 03 00 01 00 05 01 00",       // a gap over the end
         "01 00 904e 00 04 00 01 00 00 00 00 01 00", // two gaps side by side
         "01 00 904e 00 01 00 81808080808040 00",    // a count of 2^48 + 1
       }) {
    CAPTURE(bytes);
    auto result = quantile_sketch::decode(from_hex(bytes));
    CHECK_FALSE(result);
  }
}
