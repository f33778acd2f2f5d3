// Quantiles of a stream in little memory, with a bound on the relative error.
//
// DDSketch (Masson, Rim, Lee: "DDSketch: a fast and fully-mergeable quantile sketch
// with relative-error guarantees", VLDB 2019): values are counted in bins whose bounds
// grow geometrically, so that each value of a bin is within `alpha` of the bin's
// middle. The logarithm is the exponent's bits plus a cubic polynomial of the mantissa
// (the authors' "cubically interpolated mapping"): it needs 1 % more bins than the true
// logarithm and a fraction of its time.
//
// Merging is exact: the bins of two sketches add up to those of all their values, in
// any order and grouping. Bytes: analytics/SKETCHES.md.
#pragma once

#include "analytics/expected.hpp"

#include <bit>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace weir::analytics {

namespace detail {

/// Counts by bin index in one contiguous run that follows the data. Counts have 16
/// bits until one does not fit, then 64.
class bin_counts {
public:
  /// Per sign. Beyond it the bins of the smallest magnitudes become one.
  static constexpr std::int32_t bins_max = 1024;

  /// A bin stops counting here; sums over all bins never overflow.
  static constexpr std::uint64_t count_max = std::uint64_t{1} << 48;

  void add(std::int32_t index) {
    auto at = static_cast<std::size_t>(static_cast<std::int64_t>(index) - first_);
    if (at < narrow_.size() && narrow_[at] != UINT16_MAX) [[likely]]
      ++narrow_[at];
    else
      add(index, 1);
  }
  void add(std::int32_t index, std::uint64_t count);

  /// The lowest and the highest index with a count. @pre !empty().
  std::pair<std::int32_t, std::int32_t> range() const;
  std::uint64_t at(std::int32_t index) const; ///< 0 outside of range().
  std::uint64_t total() const;
  bool empty() const {
    return narrow_.empty() && wide_.empty();
  }
  bool collapsed() const {
    return collapsed_;
  }
  void set_collapsed() {
    collapsed_ = true;
  }
  std::size_t heap_bytes() const;
  bool operator==(const bin_counts& other) const;

private:
  std::size_t size() const {
    return narrow_.size() + wide_.size(); // One of them is empty.
  }
  std::uint64_t count_at(std::size_t at) const {
    return wide_.empty() ? narrow_[at] : wide_[at];
  }
  std::size_t make_room(std::int32_t index);
  std::uint64_t total_through(std::int32_t index) const;
  void widen();

  std::vector<std::uint16_t> narrow_;
  std::vector<std::uint64_t> wide_;
  std::int32_t first_ = 0; // Index of the first count.
  bool collapsed_ = false;
};

} // namespace detail

class quantile_sketch {
public:
  static constexpr double alpha_default = 0.01;
  static constexpr double alpha_min = 0.001;
  static constexpr double alpha_max = 0.1;
  static constexpr std::size_t bins_max = detail::bin_counts::bins_max;

  /// `alpha`: the relative error, kept to a millionth, brought into [alpha_min,
  /// alpha_max]. With 0.01 the bins reach over 8.8 decades, with 0.001 over 0.88.
  explicit quantile_sketch(double alpha = alpha_default);

  /// Amortised a few nanoseconds. NaN and infinity are passed over.
  void add(double value) {
    auto bits = std::bit_cast<std::uint64_t>(value);
    // One comparison finds zero, subnormals, infinity and NaN.
    if (((bits >> 52) & 0x7ff) - 1 >= 0x7fe) [[unlikely]]
      add(value, 1);
    else
      (bits >> 63 ? negative_ : positive_).add(index_of(bits, 0));
  }
  void add(double value, std::uint64_t count);

  /// Exact for sketches of one alpha. Otherwise the result has the larger alpha, and
  /// the values of the other sketch the sum of both errors.
  void merge(const quantile_sketch& other);

  /// The value of rank floor(q * (count - 1)), within alpha of it, or NaN when empty.
  /// A caller that knows smallest and largest value clamps the result to them.
  /// `q` is brought into [0, 1]. In collapsed bins there is no bound on the error.
  double quantile(double q) const;

  /// How many values are at most `value`; those within 2 alpha above it may be too.
  std::uint64_t rank(double value) const;
  /// rank() as a share of all, or NaN when empty.
  double cdf(double value) const;

  std::uint64_t count() const;
  double alpha() const {
    return alpha_millionths_ / 1e6;
  }
  /// The values reached over more than bins_max bins: small ones have lost precision.
  bool collapsed() const {
    return positive_.collapsed() || negative_.collapsed();
  }
  /// Memory, with the object itself.
  std::size_t size_bytes() const;

  /// Appends. Equal sketches have equal bytes.
  void encode(std::string& out) const;
  /// Takes exactly what encode() wrote; the error says what is wrong. Memory is
  /// bounded by bins_max, whatever the bytes announce.
  static expected<quantile_sketch, std::string> decode(std::string_view bytes);

  bool operator==(const quantile_sketch& other) const = default;

private:
  // Fit of log2(1 + s) on [0, 1), exact at both ends. Its slope against the natural
  // logarithm is never below 10/7, so that no bin is wider than alpha allows.
  static constexpr double cubic = 6.0 / 35.0;
  static constexpr double square = -3.0 / 5.0;
  static constexpr double slope = 10.0 / 7.0;
  static constexpr std::int32_t bias = 1 << 20; // Makes truncation round down.

  /// The bin of a normal number's magnitude times 2^exponent_shift.
  std::int32_t index_of(std::uint64_t bits, int exponent_shift) const {
    constexpr auto mantissa = (std::uint64_t{1} << 52) - 1;
    constexpr auto one = std::uint64_t{0x3ff} << 52;
    auto s = std::bit_cast<double>((bits & mantissa) | one) - 1.0;
    auto exponent = static_cast<int>((bits >> 52) & 0x7ff) - 1023 + exponent_shift;
    auto log = exponent + ((cubic * s + square) * s + slope) * s;
    return static_cast<std::int32_t>(log * bins_per_octave_ + bias) - bias;
  }
  std::int32_t index_of_magnitude(double magnitude) const;
  double middle_of(std::int32_t index) const;
  void take_bins(const quantile_sketch& other, double sign);

  double bins_per_octave_;
  std::uint64_t zeros_ = 0;
  detail::bin_counts positive_;
  detail::bin_counts negative_; // By magnitude.
  std::uint32_t alpha_millionths_;
};

} // namespace weir::analytics
