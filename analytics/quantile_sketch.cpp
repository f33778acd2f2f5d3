#include "analytics/quantile_sketch.hpp"

#include "analytics/byte_io.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace weir::analytics {

namespace detail {

std::pair<std::int32_t, std::int32_t> bin_counts::range() const {
  auto low = std::size_t{0};
  auto high = size() - 1;
  while (low < high && count_at(low) == 0)
    ++low;
  while (high > low && count_at(high) == 0)
    --high;
  return {first_ + static_cast<std::int32_t>(low),
          first_ + static_cast<std::int32_t>(high)};
}

std::uint64_t bin_counts::at(std::int32_t index) const {
  auto at = static_cast<std::size_t>(static_cast<std::int64_t>(index) - first_);
  return at < size() ? count_at(at) : 0;
}

std::uint64_t bin_counts::total() const {
  std::uint64_t sum = 0;
  for (auto x : narrow_)
    sum += x;
  for (auto x : wide_)
    sum += x;
  return sum;
}

std::size_t bin_counts::heap_bytes() const {
  return narrow_.capacity() * sizeof(narrow_[0]) + wide_.capacity() * sizeof(wide_[0]);
}

bool bin_counts::operator==(const bin_counts& other) const {
  if (empty() || other.empty())
    return empty() == other.empty();
  auto [low, high] = range();
  if (other.range() != range() || collapsed_ != other.collapsed_)
    return false;
  for (auto i = low; i <= high; ++i)
    if (at(i) != other.at(i))
      return false;
  return true;
}

void bin_counts::add(std::int32_t index, std::uint64_t count) {
  auto at = static_cast<std::size_t>(static_cast<std::int64_t>(index) - first_);
  if (at >= size())
    at = make_room(index);
  auto sum = std::min(count_at(at) + std::min(count, count_max), count_max);
  if (wide_.empty() && sum > UINT16_MAX)
    widen();
  if (wide_.empty())
    narrow_[at] = static_cast<std::uint16_t>(sum);
  else
    wide_[at] = sum;
}

void bin_counts::widen() {
  wide_.assign(narrow_.begin(), narrow_.end());
  narrow_ = std::vector<std::uint16_t>{}; // `= {}` would keep the memory.
}

/// What is counted at `index` and below: it collapses into one.
std::uint64_t bin_counts::total_through(std::int32_t index) const {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < size() && first_ + static_cast<int>(i) <= index; ++i)
    sum += count_at(i);
  return sum;
}

/// Where to count `index`, which the run does not hold. What is kept and what
/// collapses depends on the counts alone, not on the order in which they came.
std::size_t bin_counts::make_room(std::int32_t index) {
  auto low = index;
  auto high = index;
  if (!empty()) {
    auto [used_low, used_high] = range();
    low = std::min(low, used_low);
    high = std::max(high, used_high);
  }
  if (high - low >= bins_max) {
    low = high - bins_max + 1;
    collapsed_ = true;
    if (low == first_ && size() == bins_max)
      return 0;
  }
  // Room on both sides, so that a range that grows is not copied for each bin.
  auto slack = std::min((high - low) / 8 + 2, bins_max - 1 - (high - low));
  auto first = low - slack / 2;
  auto count = static_cast<std::size_t>(high - low + 1 + slack);
  auto move_to = [&](auto& counts) {
    std::remove_reference_t<decltype(counts)> moved(count);
    for (std::size_t i = 0; i < counts.size(); ++i)
      if (counts[i] != 0) {
        auto to = std::max(first_ + static_cast<std::int32_t>(i), low) - first;
        auto& x = moved[static_cast<std::size_t>(to)];
        x = static_cast<std::remove_reference_t<decltype(x)>>(
          std::min(x + std::uint64_t{counts[i]}, count_max));
      }
    counts = std::move(moved);
  };
  if (wide_.empty() && total_through(low) > UINT16_MAX)
    widen();
  if (wide_.empty())
    move_to(narrow_);
  else
    move_to(wide_);
  first_ = first;
  return static_cast<std::size_t>(std::max(index, low) - first);
}

} // namespace detail

namespace {

constexpr std::uint8_t format_version = 1;
constexpr std::uint8_t positive_collapsed = 1;
constexpr std::uint8_t negative_collapsed = 2;
constexpr double magnitude_min = std::numeric_limits<double>::denorm_min();
constexpr double magnitude_max = std::numeric_limits<double>::max();

/// Counts from the lowest bin to the highest; of a run of empty bins a 0 and the
/// number of further ones.
void put_bins(byte_writer& out, const detail::bin_counts& bins) {
  if (bins.empty()) {
    out.put_varint(0);
    return;
  }
  auto [low, high] = bins.range();
  out.put_varint(static_cast<std::uint64_t>(high - low + 1));
  out.put_signed_varint(low);
  for (auto i = low; i <= high; ++i) {
    auto count = bins.at(i);
    out.put_varint(count);
    if (count != 0)
      continue;
    auto begin = i;
    while (bins.at(i + 1) == 0)
      ++i;
    out.put_varint(static_cast<std::uint64_t>(i - begin));
  }
}

/// Empty, or what is wrong.
const char* get_bins(byte_reader& in, std::int32_t index_min, std::int32_t index_max,
                     detail::bin_counts& bins) {
  auto size = in.get_varint();
  if (!in.ok() || size > detail::bin_counts::bins_max)
    return "the number of bins is not between 0 and 1024";
  if (size == 0)
    return nullptr;
  auto low = in.get_signed_varint();
  if (low < index_min || low > index_max
      || low + static_cast<std::int64_t>(size) - 1 > index_max)
    return "a bin is beyond the largest or smallest double";
  auto after_gap = false;
  for (std::uint64_t i = 0; i < size; ++i) {
    auto count = in.get_varint();
    auto is_end = i == 0 || i + 1 == size;
    if (!in.ok() || count > detail::bin_counts::count_max
        || (count == 0 && (is_end || after_gap)))
      return "a count is missing, beyond 2^48 or 0 where it cannot be";
    after_gap = count == 0;
    if (count != 0) {
      bins.add(static_cast<std::int32_t>(low + static_cast<std::int64_t>(i)), count);
      continue;
    }
    auto further = in.get_varint();
    if (further >= size - i)
      return "a gap reaches over the last bin";
    i += further;
  }
  return bins.range().second == low + static_cast<std::int64_t>(size) - 1
           ? nullptr
           : "a gap reaches over the last bin";
}

// Bins are narrower by this much, so that a bound that is rounded to the wrong side
// (the mapping is exact to 5e-10 of a bin) costs nothing of the guarantee.
constexpr double rounding = 1.0 - 2e-9;

std::uint32_t to_millionths(double alpha) {
  auto bounded = std::isnan(alpha) ? quantile_sketch::alpha_default
                                   : std::clamp(alpha, quantile_sketch::alpha_min,
                                                quantile_sketch::alpha_max);
  return static_cast<std::uint32_t>(std::lround(bounded * 1e6));
}

} // namespace

quantile_sketch::quantile_sketch(double alpha)
  : alpha_millionths_(to_millionths(alpha)) {
  auto a = this->alpha() * rounding;
  // A bin's bounds are at most a factor (1 + a) / (1 - a) apart where the polynomial
  // is flattest; see `slope`.
  bins_per_octave_ = 1.0 / (slope * std::log((1.0 + a) / (1.0 - a)));
}

std::int32_t quantile_sketch::index_of_magnitude(double magnitude) const {
  if (magnitude >= std::numeric_limits<double>::min())
    return index_of(std::bit_cast<std::uint64_t>(magnitude), 0);
  return index_of(std::bit_cast<std::uint64_t>(magnitude * 0x1p54), -54);
}

void quantile_sketch::add(double value, std::uint64_t count) {
  if (count == 0 || !std::isfinite(value))
    return;
  if (value == 0.0)
    zeros_ = std::min(zeros_ + std::min(count, detail::bin_counts::count_max),
                      detail::bin_counts::count_max);
  else if (value > 0.0)
    positive_.add(index_of_magnitude(value), count);
  else
    negative_.add(index_of_magnitude(-value), count);
}

/// A value that is within alpha of all values of the bin: its lower bound times
/// (1 + alpha).
double quantile_sketch::middle_of(std::int32_t index) const {
  auto log = index / bins_per_octave_;
  auto exponent = std::floor(log);
  auto wanted = log - exponent;
  // Newton's method; the polynomial is nearly straight, so 5 steps give every bit.
  auto s = wanted;
  for (int i = 0; i < 5; ++i)
    s -= (((cubic * s + square) * s + slope) * s - wanted)
         / ((3.0 * cubic * s + 2.0 * square) * s + slope);
  auto middle
    = std::ldexp((1.0 + s) * (1.0 + alpha() * rounding), static_cast<int>(exponent));
  return std::clamp(middle, magnitude_min, magnitude_max);
}

void quantile_sketch::take_bins(const quantile_sketch& other, double sign) {
  const auto& from = sign > 0.0 ? other.positive_ : other.negative_;
  auto& to = sign > 0.0 ? positive_ : negative_;
  if (from.empty())
    return;
  auto [low, high] = from.range();
  // From the highest down: it decides what collapses.
  for (auto i = high; i >= low; --i) {
    auto count = from.at(i);
    if (count == 0)
      continue;
    if (alpha_millionths_ == other.alpha_millionths_)
      to.add(i, count);
    else
      add(sign * other.middle_of(i), count);
  }
  if (from.collapsed())
    to.set_collapsed();
}

void quantile_sketch::merge(const quantile_sketch& other) {
  if (alpha_millionths_ < other.alpha_millionths_) {
    auto finer = std::exchange(*this, other);
    merge(finer);
    return;
  }
  zeros_ = std::min(zeros_ + other.zeros_, detail::bin_counts::count_max);
  take_bins(other, 1.0);
  take_bins(other, -1.0);
}

std::uint64_t quantile_sketch::count() const {
  return negative_.total() + zeros_ + positive_.total();
}

double quantile_sketch::quantile(double q) const {
  auto n = count();
  if (n == 0 || std::isnan(q))
    return std::numeric_limits<double>::quiet_NaN();
  auto before
    = static_cast<std::uint64_t>(std::clamp(q, 0.0, 1.0) * static_cast<double>(n - 1));
  before = std::min(before, n - 1);
  if (!negative_.empty())
    for (auto [low, i] = negative_.range(); i >= low; --i) {
      if (before < negative_.at(i))
        return -middle_of(i);
      before -= negative_.at(i);
    }
  if (before < zeros_ || positive_.empty())
    return 0.0;
  before -= zeros_;
  auto [i, high] = positive_.range();
  for (; i < high && before >= positive_.at(i); ++i)
    before -= positive_.at(i);
  return middle_of(i);
}

std::uint64_t quantile_sketch::rank(double value) const {
  std::uint64_t result = 0;
  auto magnitude = std::min(std::fabs(value), magnitude_max);
  if (std::isnan(value))
    return result;
  if (!negative_.empty()) {
    auto [low, high] = negative_.range();
    auto from = value < 0.0 ? std::max(low, index_of_magnitude(magnitude)) : low;
    for (auto i = from; i <= high; ++i)
      result += negative_.at(i);
  }
  if (value >= 0.0)
    result += zeros_;
  if (value > 0.0 && !positive_.empty()) {
    auto [low, high] = positive_.range();
    auto through = std::min(high, index_of_magnitude(magnitude));
    for (auto i = low; i <= through; ++i)
      result += positive_.at(i);
  }
  return result;
}

double quantile_sketch::cdf(double value) const {
  auto n = count();
  return n == 0 ? std::numeric_limits<double>::quiet_NaN()
                : static_cast<double>(rank(value)) / static_cast<double>(n);
}

std::size_t quantile_sketch::size_bytes() const {
  return sizeof(*this) + positive_.heap_bytes() + negative_.heap_bytes();
}

void quantile_sketch::encode(std::string& out) const {
  byte_writer writer{out};
  writer.put(format_version);
  writer.put(
    static_cast<std::uint8_t>((positive_.collapsed() ? positive_collapsed : 0)
                              | (negative_.collapsed() ? negative_collapsed : 0)));
  writer.put_varint(alpha_millionths_);
  writer.put_varint(zeros_);
  put_bins(writer, positive_);
  put_bins(writer, negative_);
}

expected<quantile_sketch, std::string> quantile_sketch::decode(std::string_view bytes) {
  auto fail = [](std::string_view why) {
    return unexpected("quantile sketch: " + std::string{why});
  };
  byte_reader in{bytes};
  if (auto version = in.get<std::uint8_t>(); !in.ok() || version != format_version)
    return fail("no version, or not version 1");
  auto flags = in.get<std::uint8_t>();
  auto alpha = in.get_varint();
  auto zeros = in.get_varint();
  if (!in.ok() || flags > (positive_collapsed | negative_collapsed)
      || alpha < to_millionths(alpha_min) || alpha > to_millionths(alpha_max)
      || zeros > detail::bin_counts::count_max)
    return fail("its head is cut off or has an unknown flag, an alpha beyond 0.001 to "
                "0.1 or too many zeros");
  quantile_sketch result{static_cast<double>(alpha) / 1e6};
  result.zeros_ = zeros;
  auto index_min = result.index_of_magnitude(magnitude_min);
  auto index_max = result.index_of_magnitude(magnitude_max);
  for (auto* bins : {&result.positive_, &result.negative_})
    if (const auto* why = get_bins(in, index_min, index_max, *bins))
      return fail(why);
  if (!in.ok() || !in.at_end())
    return fail("bytes are missing or left over");
  if (((flags & positive_collapsed) != 0 && result.positive_.empty())
      || ((flags & negative_collapsed) != 0 && result.negative_.empty()))
    return fail("collapsed, but without bins");
  if ((flags & positive_collapsed) != 0)
    result.positive_.set_collapsed();
  if ((flags & negative_collapsed) != 0)
    result.negative_.set_collapsed();
  return result;
}

} // namespace weir::analytics
