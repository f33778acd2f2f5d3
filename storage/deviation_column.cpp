#include "storage/deviation_column.hpp"

#include "storage/float_column.hpp"
#include "storage/integer_column.hpp"

#include <algorithm>
#include <cmath>

namespace weir::storage {

namespace {

using word = std::uint64_t;

/// 10^(2 * 8): squares with more digits behind the point leave no room before it.
constexpr unsigned square_decimals_max = 8;

/// With values x / 10^d, n of them, S = sum of all x and Q = sum of all x * x:
///
///     m2 * 10^2d = Q - S * S / n = (Q - floor(S * S / n)) - rest / n
///
/// The whole number in brackets is written. It is even or odd as S - floor(S * S / n)
/// is, since x * x is as x is: half of it is enough.
struct square {
  word rest = 0;    ///< S * S mod n
  word parity = 0;  ///< Of the whole number.
  double count = 1; ///< n
};

constexpr word count_max = word{1} << 31; ///< So that products fit into 64 bits.

square square_of(word count, double sum, unsigned decimals) {
  if (count == 0 || count > count_max)
    return {};
  auto whole = to_decimal(sum, decimals);
  // Modulo 2n, which says the quotient's lowest bit too.
  auto size = whole < 0 ? word{0} - static_cast<word>(whole) : static_cast<word>(whole);
  auto left = size % (2 * count);
  auto squared = left * left % (2 * count);
  square result;
  result.rest = squared % count;
  result.parity = (size ^ (squared / count)) & 1;
  result.count = static_cast<double>(count);
  return result;
}

double from_square(word half, const square& x, unsigned decimals) {
  auto whole = static_cast<double>(static_cast<std::int64_t>(2 * half + x.parity));
  // No product is added to: nothing that a processor could fuse.
  return (whole - static_cast<double>(x.rest) / x.count) / power_of_ten(2 * decimals);
}

/// Half of the whole number that belongs to `m2`, as near as it goes.
std::int64_t to_half(double m2, const square& x, unsigned decimals) {
  auto whole = m2 * power_of_ten(2 * decimals) + static_cast<double>(x.rest) / x.count;
  return to_decimal((whole - static_cast<double>(x.parity)) / 2, 0);
}

/// How large it is as a rule with such a range: half of n * range * range / share.
std::int64_t usual_half(word count, double range, unsigned decimals, unsigned share) {
  auto steps = range * power_of_ten(decimals);
  return to_decimal(steps * steps * static_cast<double>(count)
                      * (static_cast<double>(share) / 512.0),
                    0);
}

/// The share of n * range * range, in 1/256, that m2 has in the middle.
unsigned middle_share(std::span<const double> xs, const deviation_reference& near) {
  std::vector<double> shares;
  for (std::size_t i = 0; i < xs.size(); ++i) {
    auto most = near.range[i] * near.range[i] * static_cast<double>(near.count[i]);
    if (most > 0 && xs[i] >= 0 && xs[i] <= most)
      shares.push_back(256.0 * xs[i] / most);
  }
  if (shares.empty())
    return 0;
  auto middle = shares.begin() + static_cast<std::ptrdiff_t>(shares.size() / 2);
  std::nth_element(shares.begin(), middle, shares.end());
  return static_cast<unsigned>(std::min(*middle, 255.0));
}

void encode_squares(std::span<const double> xs, const deviation_reference& near,
                    unsigned decimals, bit_writer& out) {
  std::vector<std::int64_t> halves(xs.size());
  std::vector<std::int64_t> ulps(xs.size());
  auto share = middle_share(xs, near);
  reference_columns usual(1, std::vector<std::int64_t>(xs.size()));
  for (std::size_t i = 0; i < xs.size(); ++i) {
    auto of = square_of(near.count[i], near.sum[i], decimals);
    halves[i] = to_half(xs[i], of, decimals);
    ulps[i]
      = ulps_between(xs[i], from_square(static_cast<word>(halves[i]), of, decimals));
    usual[0][i] = usual_half(near.count[i], near.range[i], decimals, share);
  }
  out.put(1, 1);
  out.put(decimals, 4);
  out.put(share, 8);
  encode_integers(halves, usual, out);
  encode_integers(ulps, out);
}

bool decode_squares(bit_reader& in, const deviation_reference& near,
                    std::span<double> xs) {
  auto decimals = static_cast<unsigned>(in.take_short(4));
  auto share = static_cast<unsigned>(in.take_short(8));
  if (decimals > square_decimals_max)
    return false;
  reference_columns usual(1, std::vector<std::int64_t>(xs.size()));
  for (std::size_t i = 0; i < xs.size(); ++i)
    usual[0][i] = usual_half(near.count[i], near.range[i], decimals, share);
  std::vector<std::int64_t> halves(xs.size());
  std::vector<std::int64_t> ulps(xs.size());
  if (!decode_integers(in, usual, halves) || !decode_integers(in, ulps))
    return false;
  for (std::size_t i = 0; i < xs.size(); ++i) {
    auto of = square_of(near.count[i], near.sum[i], decimals);
    xs[i]
      = moved_by_ulps(from_square(static_cast<word>(halves[i]), of, decimals), ulps[i]);
  }
  return true;
}

} // namespace

void encode_deviations(std::span<const double> xs, const deviation_reference& near,
                       unsigned decimals, bit_writer& out) {
  if (xs.empty())
    return;
  bit_writer plain;
  plain.put(0, 1);
  encode_floats(xs, {}, no_decimals, plain);
  if (decimals <= square_decimals_max) {
    bit_writer squares;
    encode_squares(xs, near, decimals, squares);
    if (squares.size_bits() < plain.size_bits())
      return out.append(squares);
  }
  out.append(plain);
}

bool decode_deviations(bit_reader& in, const deviation_reference& near,
                       std::span<double> xs) {
  if (xs.empty())
    return true;
  return in.take_short(1) == 1 ? decode_squares(in, near, xs)
                               : decode_floats(in, {}, xs);
}

} // namespace weir::storage
