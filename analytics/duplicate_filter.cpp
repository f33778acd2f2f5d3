#include "analytics/duplicate_filter.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

namespace weir::analytics {

namespace {

__extension__ using wide = unsigned __int128;

/// Multiplies to 128 bits and folds: each bit of the result depends on all of both.
std::uint64_t fold(std::uint64_t a, std::uint64_t b) {
  auto product = static_cast<wide>(a) * b;
  return static_cast<std::uint64_t>(product)
         ^ static_cast<std::uint64_t>(product >> 64);
}

// Odd numbers with as many ones as zeros, from the digits of wyhash.
constexpr std::uint64_t salt_1 = 0xa0761d6478bd642f;
constexpr std::uint64_t salt_2 = 0xe7037ed1a0b428db;
constexpr std::uint64_t salt_3 = 0x8ebc6af09c88c6e3;

/// Up to 8 bytes as a number.
std::uint64_t load(const char* bytes, std::size_t size) {
  std::uint64_t x = 0;
  std::memcpy(&x, bytes, size);
  return x;
}

struct look {
  bool found;
  unsigned used; // Of the line's slots.
};

template <class Line>
look look_into(const Line& line, std::uint64_t x) {
  unsigned found = 0;
  unsigned used = 0;
  for (auto slot : line.slots) {
    found |= slot == x ? 1u : 0u;
    used += slot != 0 ? 1u : 0u;
  }
  return {found != 0, used};
}

} // namespace

std::uint64_t fingerprint_of(std::uint64_t series_hash, std::int64_t time_ns,
                             double value) {
  auto inner = fold(static_cast<std::uint64_t>(time_ns) ^ salt_1,
                    std::bit_cast<std::uint64_t>(value) ^ salt_2);
  return fold(inner ^ salt_3, series_hash ^ salt_1);
}

std::uint64_t fingerprint_of(std::uint64_t series_hash, std::string_view id) {
  auto x = fold(series_hash ^ salt_2, id.size() ^ salt_3);
  for (; id.size() > 8; id.remove_prefix(8))
    x = fold(x ^ load(id.data(), 8), salt_1);
  return fold(x ^ load(id.data(), id.size()), salt_2);
}

std::size_t duplicate_filter::generation::place_of(std::uint64_t x) const {
  // The upper bits choose the line: no modulo, and any number of lines.
  return static_cast<std::size_t>((static_cast<wide>(x) * lines_.size()) >> 64);
}

bool duplicate_filter::generation::contains(std::uint64_t x) const {
  for (auto i = place_of(x);; i = i + 1 < lines_.size() ? i + 1 : 0) {
    auto seen = look_into(lines_[i], x);
    if (seen.found || seen.used < lines_[i].slots.size())
      return seen.found;
  }
}

bool duplicate_filter::generation::insert(std::uint64_t x) {
  for (auto i = place_of(x);; i = i + 1 < lines_.size() ? i + 1 : 0) {
    auto& slots = lines_[i].slots;
    auto seen = look_into(lines_[i], x);
    if (seen.found)
      return false;
    if (seen.used < slots.size()) {
      slots[seen.used] = x;
      ++count_;
      return true;
    }
  }
}

void duplicate_filter::generation::prefetch(std::uint64_t x) const {
  __builtin_prefetch(&lines_[place_of(x)]);
}

void duplicate_filter::generation::make_room(std::size_t horizon) {
  auto fits = [this](std::size_t count) { return count <= 4 * lines_.size(); };
  if (fits(count_ + 1))
    return;
  auto size = std::min(2 * lines_.size(), (horizon + 3) / 4);
  auto old = std::exchange(lines_, std::vector<line>(size));
  count_ = 0;
  for (const auto& from : old)
    for (auto x : from.slots)
      if (x != 0)
        insert(x);
}

void duplicate_filter::generation::forget() {
  std::ranges::fill(lines_, line{});
  count_ = 0;
}

duplicate_filter::duplicate_filter(std::size_t horizon)
  : horizon_(std::max<std::size_t>(horizon, 1)) {
}

bool duplicate_filter::insert(std::uint64_t fingerprint) {
  auto x = fingerprint != 0 ? fingerprint : salt_1; // 0 marks a free slot.
  auto& current = generations_[current_];
  current.make_room(horizon_);
  if (!current.insert(x))
    return false;
  bool known = generations_[1 - current_].contains(x);
  if (current.count() == horizon_) {
    current_ = 1 - current_;
    generations_[current_].forget();
  }
  return !known;
}

bool duplicate_filter::contains(std::uint64_t fingerprint) const {
  auto x = fingerprint != 0 ? fingerprint : salt_1;
  return generations_[0].contains(x) || generations_[1].contains(x);
}

void duplicate_filter::prefetch(std::uint64_t fingerprint) const {
  for (const auto& x : generations_)
    x.prefetch(fingerprint);
}

void duplicate_filter::clear() {
  generations_ = {};
}

std::size_t duplicate_filter::size_bytes() const {
  return generations_[0].size_bytes() + generations_[1].size_bytes();
}

} // namespace weir::analytics
