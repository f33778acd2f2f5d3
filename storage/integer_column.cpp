#include "storage/integer_column.hpp"

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

// Heads of groups: numbers of the format.
constexpr unsigned head_zeros = 0; ///< 1 to 64: so many bits for each.
constexpr unsigned head_rice = 65; ///< 65 to 97: Rice codes of 0 to 32 low bits.
constexpr unsigned head_sparse = 98;
constexpr unsigned head_none = 127; ///< Before the first group.
constexpr unsigned rice_bits_max = 32;
constexpr unsigned rice_ones_max = 24; ///< So many ones: the number follows in full.
constexpr std::size_t group_size = 32;
constexpr std::size_t zero_groups_max = 64;

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
  for (auto x : xs) {
    std::int64_t difference = 0;
    if (__builtin_sub_overflow(x, xs[0], &difference) || difference == INT64_MIN)
      return 0;
    if (scale != 1)
      scale
        = std::gcd(scale, static_cast<word>(difference < 0 ? -difference : difference));
  }
  return scale;
}

plan choose(std::span<const std::int64_t> xs) {
  plan best;
  best.base = static_cast<word>(xs[0]);
  best.scaled.resize(xs.size());
  auto scale = common_scale(xs);
  best.scale = std::max<word>(scale, 1);
  for (std::size_t i = 0; i < xs.size(); ++i) {
    auto difference = static_cast<std::int64_t>(static_cast<word>(xs[i]) - best.base);
    if (scale > 1)
      difference /= static_cast<std::int64_t>(scale);
    best.scaled[i] = static_cast<word>(difference);
  }
  best.how = predictor::previous;
  best.bits = code_bits(best.scaled, best.how);
  for (auto p : {predictor::linear, predictor::mean, predictor::half_slope}) {
    auto bits = code_bits(best.scaled, p);
    if (bits < best.bits) {
      best.bits = bits;
      best.how = p;
    }
  }
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

// -- groups --------------------------------------------------------------------

std::size_t rice_size(std::span<const word> codes, unsigned low) {
  std::size_t bits = 0;
  for (auto x : codes) {
    auto ones = x >> low;
    bits += ones < rice_ones_max
              ? static_cast<std::size_t>(ones) + 1 + low
              : rice_ones_max + 7 + static_cast<std::size_t>(std::bit_width(x));
  }
  return bits;
}

/// What the codes of a group have in common.
struct group_facts {
  unsigned width = 0; ///< Of the longest code; 0: all are 0.
  std::size_t nonzero = 0;
  unsigned middle_width = 0;
};

group_facts facts_of(std::span<const word> codes) {
  word any = 0;
  std::size_t nonzero = 0;
  std::size_t widths = 0;
  for (auto x : codes) {
    any |= x;
    nonzero += x != 0 ? 1 : 0;
    widths += static_cast<std::size_t>(std::bit_width(x));
  }
  return {static_cast<unsigned>(std::bit_width(any)), nonzero,
          static_cast<unsigned>(widths / codes.size())};
}

/// How many bits the group takes with this head; as good as endless if it cannot.
std::size_t form_bits(std::span<const word> codes, const group_facts& facts,
                      unsigned head) {
  if (head == head_sparse)
    return 11 + facts.nonzero * (5 + facts.width);
  if (head >= head_rice && head < head_sparse)
    return rice_size(codes, head - head_rice);
  if (head >= facts.width && head < head_rice)
    return head * codes.size();
  return SIZE_MAX / 2;
}

/// `last_head` costs no bits for the head.
unsigned choose_head(std::span<const word> codes, unsigned last_head) {
  auto facts = facts_of(codes);
  if (facts.width == 0)
    return head_zeros;
  auto best = last_head;
  auto best_bits
    = last_head == head_zeros ? SIZE_MAX / 2 : form_bits(codes, facts, last_head);
  auto look_at = [&](unsigned head) {
    auto bits = form_bits(codes, facts, head) + 7;
    if (bits < best_bits) {
      best_bits = bits;
      best = head;
    }
  };
  look_at(facts.width);
  look_at(head_sparse);
  auto to = std::min(facts.middle_width + 1, rice_bits_max);
  for (auto low = facts.middle_width > 2 ? facts.middle_width - 2 : 0; low <= to; ++low)
    look_at(head_rice + low);
  return best;
}

void put_rice(std::span<const word> codes, unsigned low, bit_writer& out) {
  for (auto x : codes) {
    auto ones = x >> low;
    if (ones < rice_ones_max) {
      out.put(low_bits(static_cast<unsigned>(ones)), static_cast<unsigned>(ones) + 1);
      out.put(x & low_bits(low), low);
    } else {
      out.put(low_bits(rice_ones_max), rice_ones_max);
      out.put_number(x);
    }
  }
}

void put_sparse(std::span<const word> codes, bit_writer& out) {
  auto facts = facts_of(codes);
  out.put(facts.nonzero - 1, 5);
  out.put(facts.width - 1, 6);
  for (std::size_t i = 0; i < codes.size(); ++i)
    if (codes[i] != 0) {
      out.put(i, 5);
      out.put(codes[i], facts.width);
    }
}

void put_groups(std::span<const word> codes, bit_writer& out) {
  auto last_head = head_none;
  while (!codes.empty()) {
    auto group = codes.first(std::min(group_size, codes.size()));
    auto head = choose_head(group, last_head);
    if (head == last_head)
      out.put(1, 1);
    else
      out.put(head << 1, 8);
    last_head = head;
    if (head == head_zeros) {
      std::size_t groups = 0;
      do {
        codes = codes.subspan(group.size());
        ++groups;
        group = codes.first(std::min(group_size, codes.size()));
      } while (!group.empty() && groups < zero_groups_max
               && facts_of(group).width == 0);
      out.put(groups - 1, 6);
      continue;
    }
    if (head == head_sparse)
      put_sparse(group, out);
    else if (head >= head_rice)
      put_rice(group, head - head_rice, out);
    else
      for (auto x : group)
        out.put(x, head);
    codes = codes.subspan(group.size());
  }
}

void take_rice(bit_reader& in, unsigned low, std::span<std::int64_t> xs) {
  auto mask = low_bits(low);
  for (auto& x : xs) {
    auto bits = in.peek();
    auto ones = static_cast<unsigned>(std::countr_one(bits));
    if (ones < rice_ones_max) {
      // 24 + 32 bits at most: they are all in what was peeked at.
      x = static_cast<std::int64_t>(((bits >> (ones + 1)) & mask)
                                    | (static_cast<word>(ones) << low));
      in.skip(ones + 1 + low);
    } else {
      in.skip(rice_ones_max);
      x = static_cast<std::int64_t>(in.take_number());
    }
  }
}

void take_sparse(bit_reader& in, std::span<std::int64_t> xs) {
  std::fill(xs.begin(), xs.end(), 0);
  auto count = in.take_short(5) + 1;
  auto width = static_cast<unsigned>(in.take_short(6)) + 1;
  for (word i = 0; i < count; ++i) {
    auto place = in.take_short(5);
    auto x = in.take(width);
    if (place >= xs.size())
      return in.fail();
    xs[place] = static_cast<std::int64_t>(x);
  }
}

void take_packed(bit_reader& in, unsigned width, std::span<std::int64_t> xs) {
  if (width <= 57)
    for (auto& x : xs)
      x = static_cast<std::int64_t>(in.take_short(width));
  else
    for (auto& x : xs)
      x = static_cast<std::int64_t>(in.take(width));
}

bool take_groups(bit_reader& in, std::span<std::int64_t> xs) {
  auto head = head_none;
  while (!xs.empty()) {
    if (in.take_short(1) == 0)
      head = static_cast<unsigned>(in.take_short(7));
    auto count = group_size;
    if (head == head_zeros)
      count *= static_cast<std::size_t>(in.take_short(6)) + 1;
    auto group = xs.first(std::min(count, xs.size()));
    if (head > head_sparse || !in.ok())
      return false;
    if (head == head_zeros)
      std::fill(group.begin(), group.end(), 0);
    else if (head == head_sparse)
      take_sparse(in, group);
    else if (head >= head_rice)
      take_rice(in, head - head_rice, group);
    else
      take_packed(in, head, group);
    xs = xs.subspan(group.size());
  }
  return in.ok();
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
  put_groups(codes, out);
}

bool decode_integers(bit_reader& in, std::span<std::int64_t> xs) {
  if (xs.empty())
    return true;
  auto how = in.take_short(3);
  auto base = unzigzag(in.take_number());
  auto scale = in.take_short(1) == 0 ? 1 : in.take_number();
  if (how >= predictor_count || !in.ok() || !take_groups(in, xs))
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
