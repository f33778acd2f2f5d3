#include "storage/float_column.hpp"

#include "storage/integer_column.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>

namespace weir::storage {

namespace {

/// Numbers of the format.
enum class coding : std::uint8_t {
  constant = 0, ///< One double for all.
  decimal = 1,  ///< Whole numbers / 10^n, and what is left in units of the last place.
  ordered = 2,  ///< The bits, as whole numbers of the doubles' order.
  dictionary = 3, ///< Few different ones, and which of them each is.
};

constexpr std::array<double, decimals_max + 1> powers{
  1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
  1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
constexpr double whole_max = 0x1p51; ///< What rounded() can do; see there.
constexpr std::size_t dictionary_max = 64;
/// Codings of the bits are not tried where a decimal one takes fewer bits for each.
constexpr std::size_t good_bits = 16;

/// To the nearest whole number, halves to the even one: so far up that a double has
/// one bit behind the point, the sum rounds. (std::nearbyint is a call of a function.)
/// @pre |x| < whole_max
double rounded(double x) {
  return (x + 0x1.8p52) - 0x1.8p52;
}

/// The doubles' bits as whole numbers that sort as they do.
std::int64_t to_ordered(double x) {
  auto bits = std::bit_cast<std::int64_t>(x);
  return bits < 0 ? bits ^ INT64_MAX : bits;
}
double from_ordered(std::int64_t x) {
  return std::bit_cast<double>(x < 0 ? x ^ INT64_MAX : x);
}

/// The same of what foretells: a computed NaN has other bits on other processors.
std::int64_t to_reference(double x) {
  return std::isfinite(x) ? to_ordered(x) : 0;
}

// -- finding the decimals ------------------------------------------------------

/// Whether x is a decimal with so many digits, or was one before some roundings.
bool is_decimal(double x, unsigned decimals) {
  auto scaled = x * powers[decimals];
  if (!(std::fabs(scaled) < whole_max))
    return false;
  scaled = rounded(scaled);
  auto off = ulps_between(x, scaled / powers[decimals]);
  // Off by a little only where that is no chance: with digits to spare.
  return off == 0 || (off >= -16 && off <= 16 && std::fabs(scaled) < 0x1p44);
}

unsigned decimals_of(double x) {
  for (unsigned i = 0; i <= 17; ++i)
    if (is_decimal(x, i))
      return i;
  return no_decimals;
}

/// Up to two candidates: that of all values but a few, and that of all which have one.
std::vector<unsigned> decimal_candidates(std::span<const double> xs) {
  std::array<std::size_t, 18> having{};
  auto looked_at = std::min<std::size_t>(xs.size(), 128);
  std::size_t found = 0;
  for (std::size_t i = 0; i < looked_at; ++i) {
    auto decimals = decimals_of(xs[i * xs.size() / looked_at]);
    if (decimals < having.size()) {
      ++having[decimals];
      ++found;
    }
  }
  if (found * 2 < looked_at)
    return {};
  std::vector<unsigned> result;
  std::size_t below = 0;
  for (unsigned i = 0; i < having.size(); ++i) {
    below += having[i];
    auto nearly_all = below * 20 >= found * 19;
    if (having[i] != 0 && nearly_all && (result.empty() || below == found))
      result.push_back(i);
    if (below == found)
      break;
  }
  return result;
}

// -- the codings ---------------------------------------------------------------

void put_coding(coding x, bit_writer& out) {
  out.put(static_cast<std::uint64_t>(x), 2);
}

void encode_decimal(std::span<const double> xs, const float_references& references,
                    unsigned decimals, bit_writer& out) {
  std::vector<std::int64_t> whole(xs.size());
  std::vector<std::int64_t> ulps(xs.size());
  std::int64_t any_ulps = 0;
  std::int64_t last = 0;
  for (std::size_t i = 0; i < xs.size(); ++i) {
    auto scaled = xs[i] * powers[decimals];
    // What is none stands as the one before it, and far from itself.
    if (std::fabs(scaled) < whole_max)
      last = static_cast<std::int64_t>(rounded(scaled));
    whole[i] = last;
    ulps[i] = ulps_between(xs[i], from_decimal(last, decimals));
    any_ulps |= ulps[i];
  }
  reference_columns near(references.size(), std::vector<std::int64_t>(xs.size()));
  for (std::size_t i = 0; i < references.size(); ++i)
    for (std::size_t j = 0; j < xs.size(); ++j)
      near[i][j] = to_decimal(references[i][j], decimals);
  put_coding(coding::decimal, out);
  out.put(decimals, 5);
  encode_integers(whole, near, out);
  out.put(any_ulps == 0 ? 0 : 1, 1);
  if (any_ulps != 0)
    encode_integers(ulps, out);
}

bool decode_decimal(bit_reader& in, const float_references& references,
                    std::span<double> xs) {
  auto decimals = static_cast<unsigned>(in.take_short(5));
  if (decimals > decimals_max)
    return false;
  reference_columns near(references.size());
  // Only the one that is used: its number is what comes next.
  auto used = in.peek() & low_bits(3);
  if (used > references.size())
    return false;
  if (used != 0) {
    auto& of = near[used - 1];
    of.resize(xs.size());
    for (std::size_t i = 0; i < xs.size(); ++i)
      of[i] = to_decimal(references[used - 1][i], decimals);
  }
  std::vector<std::int64_t> whole(xs.size());
  if (!decode_integers(in, near, whole))
    return false;
  auto power = powers[decimals];
  for (std::size_t i = 0; i < xs.size(); ++i)
    xs[i] = static_cast<double>(whole[i]) / power;
  if (in.take_short(1) == 0)
    return in.ok();
  if (!decode_integers(in, whole))
    return false;
  for (std::size_t i = 0; i < xs.size(); ++i)
    xs[i] = moved_by_ulps(xs[i], whole[i]);
  return true;
}

void encode_ordered(std::span<const double> xs, const float_references& references,
                    bit_writer& out) {
  std::vector<std::int64_t> bits(xs.size());
  std::transform(xs.begin(), xs.end(), bits.begin(), to_ordered);
  reference_columns near(references.size(), std::vector<std::int64_t>(xs.size()));
  for (std::size_t i = 0; i < references.size(); ++i)
    std::transform(references[i].begin(), references[i].end(), near[i].begin(),
                   to_reference);
  put_coding(coding::ordered, out);
  encode_integers(bits, near, out);
}

bool decode_ordered(bit_reader& in, const float_references& references,
                    std::span<double> xs) {
  reference_columns near(references.size());
  auto used = in.peek() & low_bits(3);
  if (used > references.size())
    return false;
  if (used != 0) {
    near[used - 1].resize(xs.size());
    std::transform(references[used - 1].begin(), references[used - 1].end(),
                   near[used - 1].begin(), to_reference);
  }
  std::vector<std::int64_t> bits(xs.size());
  if (!decode_integers(in, near, bits))
    return false;
  std::transform(bits.begin(), bits.end(), xs.begin(), from_ordered);
  return true;
}

/// The different ones in their order; none where they are too many to be worth it.
std::vector<std::int64_t> different_ones(std::span<const double> xs) {
  std::vector<std::int64_t> result;
  auto limit = std::min(dictionary_max, xs.size() / 4);
  for (auto x : xs) {
    auto bits = to_ordered(x);
    auto place = std::lower_bound(result.begin(), result.end(), bits);
    if (place != result.end() && *place == bits)
      continue;
    if (result.size() == limit)
      return {};
    result.insert(place, bits);
  }
  return result;
}

void encode_shortest(std::span<const double> xs, const float_references& references,
                     unsigned decimals_hint, bit_writer& out);

void encode_dictionary(std::span<const double> xs,
                       std::span<const std::int64_t> different, bit_writer& out) {
  std::vector<double> words(different.size());
  std::transform(different.begin(), different.end(), words.begin(), from_ordered);
  std::vector<std::int64_t> places(xs.size());
  for (std::size_t i = 0; i < xs.size(); ++i)
    places[i] = std::lower_bound(different.begin(), different.end(), to_ordered(xs[i]))
                - different.begin();
  put_coding(coding::dictionary, out);
  out.put(different.size() - 1, 6);
  encode_shortest(words, {}, no_decimals, out);
  encode_integers(places, out);
}

bool decode_plain(coding how, bit_reader& in, const float_references& references,
                  std::span<double> xs) {
  switch (how) {
  case coding::constant:
    std::fill(xs.begin(), xs.end(), std::bit_cast<double>(in.take(64)));
    return in.ok();
  case coding::decimal:
    return decode_decimal(in, references, xs);
  case coding::ordered:
    return decode_ordered(in, references, xs);
  case coding::dictionary:
    break;
  }
  return false;
}

bool decode_dictionary(bit_reader& in, std::span<double> xs) {
  std::array<double, dictionary_max> words{};
  auto count = static_cast<std::size_t>(in.take_short(6)) + 1;
  auto how = static_cast<coding>(in.take_short(2)); // Not a dictionary again.
  if (!decode_plain(how, in, {}, std::span{words}.first(count)))
    return false;
  std::vector<std::int64_t> places(xs.size());
  if (!decode_integers(in, places))
    return false;
  for (std::size_t i = 0; i < xs.size(); ++i) {
    if (static_cast<std::uint64_t>(places[i]) >= count)
      return false;
    xs[i] = words[static_cast<std::size_t>(places[i])];
  }
  return true;
}

// -- choosing ------------------------------------------------------------------

void keep_shorter(bit_writer& best, bit_writer& other) {
  if (other.size_bits() < best.size_bits() || best.size_bits() == 0)
    std::swap(best, other);
  other.clear();
}

bool all_equal(std::span<const double> xs) {
  auto first = std::bit_cast<std::uint64_t>(xs[0]);
  return std::all_of(xs.begin(), xs.end(), [first](double x) {
    return std::bit_cast<std::uint64_t>(x) == first;
  });
}

void encode_shortest(std::span<const double> xs, const float_references& references,
                     unsigned decimals_hint, bit_writer& out) {
  auto candidates = decimal_candidates(xs);
  if (decimals_hint <= decimals_max
      && std::find(candidates.begin(), candidates.end(), decimals_hint)
           == candidates.end())
    candidates.push_back(decimals_hint);
  bit_writer best;
  bit_writer other;
  for (auto decimals : candidates) {
    encode_decimal(xs, references, decimals, other);
    keep_shorter(best, other);
  }
  if (best.size_bits() == 0 || best.size_bits() > good_bits * xs.size()) {
    encode_ordered(xs, references, other);
    keep_shorter(best, other);
  }
  if (all_equal(xs)) {
    put_coding(coding::constant, other);
    other.put(std::bit_cast<std::uint64_t>(xs[0]), 64);
    keep_shorter(best, other);
  }
  out.append(best);
}

} // namespace

unsigned common_decimals(std::span<const double> xs) {
  auto candidates = decimal_candidates(xs);
  return candidates.empty() ? no_decimals : candidates.front();
}

std::int64_t to_decimal(double x, unsigned decimals) {
  auto scaled = x * powers[decimals];
  return std::fabs(scaled) < whole_max ? static_cast<std::int64_t>(rounded(scaled)) : 0;
}

double from_decimal(std::int64_t x, unsigned decimals) {
  return static_cast<double>(x) / powers[decimals];
}

double power_of_ten(unsigned decimals) {
  return powers[decimals];
}

std::int64_t ulps_between(double x, double near) {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(to_ordered(x))
                                   - static_cast<std::uint64_t>(to_ordered(near)));
}

double moved_by_ulps(double near, std::int64_t ulps) {
  return from_ordered(static_cast<std::int64_t>(
    static_cast<std::uint64_t>(to_ordered(near)) + static_cast<std::uint64_t>(ulps)));
}

void encode_floats(std::span<const double> xs, const float_references& references,
                   unsigned decimals_hint, bit_writer& out) {
  if (xs.empty())
    return;
  bit_writer best;
  encode_shortest(xs, references, decimals_hint, best);
  auto different = different_ones(xs);
  if (different.size() > 1) {
    bit_writer other;
    encode_dictionary(xs, different, other);
    keep_shorter(best, other);
  }
  out.append(best);
}

bool decode_floats(bit_reader& in, const float_references& references,
                   std::span<double> xs) {
  if (xs.empty())
    return true;
  auto how = static_cast<coding>(in.take_short(2));
  return how == coding::dictionary ? decode_dictionary(in, xs)
                                   : decode_plain(how, in, references, xs);
}

} // namespace weir::storage
