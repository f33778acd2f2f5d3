#include "storage/integer_column.hpp"

#include "storage/code_groups.hpp"

#include <algorithm>
#include <array>
#include <numeric>

namespace weir::storage {

namespace {

// Numbers are computed with modulo 2^64: so any difference can be undone.
using word = std::uint64_t;

/// How a number is foretold by those before it. Numbers of the format.
enum class predictor : std::uint8_t {
  base = 0,       ///< Not: it lies around the base.
  previous = 1,   ///< As the one before.
  linear = 2,     ///< As the last two go on: times of a regular series.
  mean = 3,       ///< In the middle of the last two: much noise on a slow change.
  half_slope = 4, ///< The one before, and half of how it had changed.
  half_way = 5,   ///< Half-way back to the base.
  above_base = 6, ///< Not: it is never below the base. No sign is written.
};
constexpr unsigned predictor_count = 7;

word half(word x) {
  return static_cast<word>(static_cast<std::int64_t>(x) >> 1);
}

template <predictor P>
word foretold(word last, word before) {
  if constexpr (P == predictor::previous)
    return last;
  else if constexpr (P == predictor::linear)
    return 2 * last - before;
  else if constexpr (P == predictor::mean)
    return before + half(last - before);
  else if constexpr (P == predictor::half_slope)
    return last + half(last - before);
  else if constexpr (P == predictor::half_way)
    return half(last);
  else
    return 0;
}

template <predictor P>
word to_code(word difference) {
  return P == predictor::above_base ? difference : zigzag(difference);
}

/// Calls `use` with the code of each number.
template <predictor P, class Use>
void for_codes(std::span<const word> xs, Use&& use) {
  word last = 0;
  word before = 0;
  for (auto x : xs) {
    use(to_code<P>(x - foretold<P>(last, before)));
    before = last;
    last = x;
  }
}

/// The other way, in place.
template <predictor P>
void from_codes(std::span<std::int64_t> xs, word base, word scale) {
  word last = 0;
  word before = 0;
  for (auto& x : xs) {
    auto code = static_cast<word>(x);
    auto difference = P == predictor::above_base ? code : unzigzag(code);
    auto now = foretold<P>(last, before) + difference;
    before = last;
    last = now;
    x = static_cast<std::int64_t>(base + scale * now);
  }
}

/// Calls `fun` with the predictor as a constant.
template <class Fun>
auto with(predictor p, Fun&& fun) {
  switch (p) {
  case predictor::previous:
    return fun.template operator()<predictor::previous>();
  case predictor::linear:
    return fun.template operator()<predictor::linear>();
  case predictor::mean:
    return fun.template operator()<predictor::mean>();
  case predictor::half_slope:
    return fun.template operator()<predictor::half_slope>();
  case predictor::half_way:
    return fun.template operator()<predictor::half_way>();
  case predictor::above_base:
    return fun.template operator()<predictor::above_base>();
  case predictor::base:
    break;
  }
  return fun.template operator()<predictor::base>();
}

std::size_t code_bits(std::span<const word> xs, predictor p) {
  std::size_t bits = 0;
  with(p, [&]<predictor P>() {
    for_codes<P>(
      xs, [&](word code) { bits += static_cast<std::size_t>(std::bit_width(code)); });
  });
  return bits;
}

// -- choosing ------------------------------------------------------------------

struct plan {
  predictor how = predictor::base;
  word base = 0;
  word scale = 1;           ///< Divides all differences from the base.
  std::size_t bits = 0;     ///< Estimated.
  std::vector<word> scaled; ///< (x - base) / scale
};

std::int64_t middle_of(std::span<const word> xs) {
  // Of at most 64 that stand apart evenly: near enough, and quick.
  std::array<std::int64_t, 64> some{};
  auto count = std::min(xs.size(), some.size());
  for (std::size_t i = 0; i < count; ++i)
    some[i] = static_cast<std::int64_t>(xs[i * xs.size() / count]);
  auto middle = some.begin() + static_cast<std::ptrdiff_t>(count / 2);
  std::nth_element(some.begin(), middle,
                   some.begin() + static_cast<std::ptrdiff_t>(count));
  return *middle;
}

word lowest_of(std::span<const word> xs) {
  auto lowest = static_cast<std::int64_t>(xs[0]);
  for (auto x : xs)
    lowest = std::min(lowest, static_cast<std::int64_t>(x));
  return static_cast<word>(lowest);
}

/// The greatest number that divides all differences from the first one, at least 1.
/// 0 where a difference does not fit into 63 bits, or none differs.
word common_scale(std::span<const std::int64_t> xs) {
  word scale = 0;
  word step = 0; // What divides all steps divides all differences.
  auto last = xs[0];
  for (auto x : xs) {
    std::int64_t difference = 0;
    if (__builtin_sub_overflow(x, xs[0], &difference))
      return 0;
    auto up = x > last ? static_cast<word>(x) - static_cast<word>(last)
                       : static_cast<word>(last) - static_cast<word>(x);
    last = x;
    if (scale == 1 || up == step)
      continue;
    step = up;
    if (scale == 0 || step % scale != 0)
      scale = std::gcd(scale, step);
  }
  // Above that a difference has no sign of its own.
  return scale > INT64_MAX ? 0 : scale;
}

/// x with scale * x == 1 modulo 2^64. @pre scale is odd.
word inverse_of(word scale) {
  auto x = scale; // Right in three bits; each step doubles them.
  for (int i = 0; i < 5; ++i)
    x *= 2 - scale * x;
  return x;
}

/// Divides by `scale` what it divides without rest, far quicker than by a division.
void divide_exactly(std::span<word> xs, word scale) {
  auto shift = std::countr_zero(scale);
  auto inverse = inverse_of(scale >> shift);
  for (auto& x : xs)
    x = static_cast<word>(static_cast<std::int64_t>(x) >> shift) * inverse;
}

plan choose(std::span<const std::int64_t> xs) {
  plan best;
  best.base = static_cast<word>(xs[0]);
  best.scaled.resize(xs.size());
  best.scale = std::max<word>(common_scale(xs), 1);
  for (std::size_t i = 0; i < xs.size(); ++i)
    best.scaled[i] = static_cast<word>(xs[i]) - best.base;
  if (best.scale > 1)
    divide_exactly(best.scaled, best.scale);
  best.how = predictor::previous;
  best.bits = code_bits(best.scaled, best.how);
  for (auto p : {predictor::linear, predictor::mean, predictor::half_slope}) {
    auto bits = code_bits(best.scaled, p);
    if (bits < best.bits) {
      best.bits = bits;
      best.how = p;
    }
  }
  if (best.bits <= xs.size() / 8) // At one distance, or nearly.
    return best;
  auto middle = static_cast<word>(middle_of(best.scaled));
  auto lowest = lowest_of(best.scaled);
  auto moved_by = word{0};
  std::vector<word> moved(xs.size());
  for (auto p : {predictor::base, predictor::half_way, predictor::above_base}) {
    auto by = p == predictor::above_base ? lowest : middle;
    for (std::size_t i = 0; i < xs.size(); ++i)
      moved[i] = best.scaled[i] - by;
    auto bits = code_bits(moved, p);
    if (bits < best.bits) {
      best.bits = bits;
      best.how = p;
      moved_by = by;
    }
  }
  best.base += best.scale * moved_by;
  for (auto& x : best.scaled)
    x -= moved_by;
  return best;
}

} // namespace

void encode_integers(std::span<const std::int64_t> xs, bit_writer& out) {
  if (xs.empty())
    return;
  auto chosen = choose(xs);
  out.put(static_cast<word>(chosen.how), 3);
  out.put_number(zigzag(chosen.base));
  out.put(chosen.scale == 1 ? 0 : 1, 1);
  if (chosen.scale != 1)
    out.put_number(chosen.scale);
  std::vector<word> codes;
  codes.reserve(xs.size());
  with(chosen.how, [&]<predictor P>() {
    for_codes<P>(chosen.scaled, [&](word code) { codes.push_back(code); });
  });
  put_codes(codes, out);
}

bool decode_integers(bit_reader& in, std::span<std::int64_t> xs) {
  if (xs.empty())
    return true;
  auto how = in.take_short(3);
  auto base = unzigzag(in.take_number());
  auto scale = in.take_short(1) == 0 ? 1 : in.take_number();
  if (how >= predictor_count || !in.ok() || !take_codes(in, xs))
    return false;
  with(static_cast<predictor>(how),
       [&]<predictor P>() { from_codes<P>(xs, base, scale); });
  return true;
}

std::size_t estimate_bits(std::span<const std::int64_t> xs) {
  return xs.empty() ? 0 : choose(xs).bits;
}

void encode_integers(std::span<const std::int64_t> xs,
                     const reference_columns& references, bit_writer& out) {
  auto best = std::vector<std::int64_t>(xs.begin(), xs.end());
  auto best_bits = estimate_bits(best);
  std::size_t best_reference = 0;
  auto differences = std::vector<std::int64_t>(xs.size());
  for (std::size_t i = 0; i < references.size(); ++i) {
    for (std::size_t j = 0; j < xs.size(); ++j)
      differences[j] = static_cast<std::int64_t>(static_cast<word>(xs[j])
                                                 - static_cast<word>(references[i][j]));
    auto bits = estimate_bits(differences);
    if (bits < best_bits) {
      best_bits = bits;
      best_reference = i + 1;
      best = differences;
    }
  }
  out.put(best_reference, 3);
  encode_integers(best, out);
}

bool decode_integers(bit_reader& in, const reference_columns& references,
                     std::span<std::int64_t> xs) {
  auto reference = in.take_short(3);
  if (reference > references.size() || !decode_integers(in, xs))
    return false;
  if (reference == 0)
    return true;
  const auto& of = references[reference - 1];
  for (std::size_t i = 0; i < xs.size(); ++i)
    xs[i]
      = static_cast<std::int64_t>(static_cast<word>(xs[i]) + static_cast<word>(of[i]));
  return true;
}

} // namespace weir::storage
