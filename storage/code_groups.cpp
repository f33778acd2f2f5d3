#include "storage/code_groups.hpp"

#include <algorithm>

namespace weir::storage {

namespace {

using word = std::uint64_t;

// Heads of groups: numbers of the format.
constexpr unsigned head_zeros = 0; ///< 1 to 64: so many bits for each.
constexpr unsigned head_rice = 65; ///< 65 to 97: Rice codes of 0 to 32 low bits.
constexpr unsigned head_sparse = 98;
constexpr unsigned head_none = 127; ///< Before the first group.
constexpr unsigned rice_bits_max = 32;
constexpr unsigned rice_ones_max = 24; ///< So many ones: the number follows in full.
constexpr std::size_t group_size = 32;
constexpr std::size_t zero_groups_max = 64;

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

} // namespace

void put_codes(std::span<const std::uint64_t> codes, bit_writer& out) {
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

bool take_codes(bit_reader& in, std::span<std::int64_t> codes) {
  auto head = head_none;
  while (!codes.empty()) {
    if (in.take_short(1) == 0)
      head = static_cast<unsigned>(in.take_short(7));
    auto count = group_size;
    if (head == head_zeros)
      count *= static_cast<std::size_t>(in.take_short(6)) + 1;
    auto group = codes.first(std::min(count, codes.size()));
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
    codes = codes.subspan(group.size());
  }
  return in.ok();
}

} // namespace weir::storage
