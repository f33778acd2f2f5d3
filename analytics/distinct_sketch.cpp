#include "analytics/distinct_sketch.hpp"

#include "analytics/byte_io.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <limits>

namespace weir::analytics {

namespace {

constexpr std::uint8_t format_version = 1;
constexpr std::uint8_t form_list = 0;
constexpr std::uint8_t form_registers = 1;

// A list's entry: `list_bits` of the hash, then where behind them the first one is.
constexpr unsigned list_bits = 25;
constexpr unsigned place_bits = 6;
constexpr std::uint32_t place_mask = (1u << place_bits) - 1;
constexpr std::uint32_t place_max = 64 - list_bits + 1;
constexpr unsigned value_bits = 64 - distinct_sketch::precision_bits;
constexpr std::uint8_t register_max = value_bits + 1;
constexpr std::size_t packed_bytes = distinct_sketch::registers / 4 * 3;

/// The place, counted from 1, of the first one in the first `bits` bits.
unsigned first_one(std::uint64_t x, unsigned bits) {
  return std::min(static_cast<unsigned>(std::countl_zero(x)), bits) + 1;
}

std::uint32_t to_entry(std::uint64_t hash) {
  auto place = first_one(hash << list_bits, 64 - list_bits);
  return static_cast<std::uint32_t>(hash >> (64 - list_bits)) << place_bits | place;
}

// The two series of Ertl's estimator; both end when a term no longer counts.
double sigma(double x) {
  if (x == 1.0)
    return std::numeric_limits<double>::infinity();
  auto z = x;
  for (double before = -1.0, y = 1.0; z != before; y += y) {
    x *= x;
    before = z;
    z += x * y;
  }
  return z;
}

double tau(double x) {
  if (x == 0.0 || x == 1.0)
    return 0.0;
  auto z = 1.0 - x;
  for (double before = -1.0, y = 1.0; z != before;) {
    x = std::sqrt(x);
    before = z;
    y *= 0.5;
    z -= (1.0 - x) * (1.0 - x) * y;
  }
  return z / 3.0;
}

} // namespace

void distinct_sketch::add(std::uint64_t hash) {
  if (registers_.empty()) {
    add_entry(to_entry(hash));
    return;
  }
  auto& x = registers_[hash >> value_bits];
  x = std::max(
    x, static_cast<std::uint8_t>(first_one(hash << precision_bits, value_bits)));
}

void distinct_sketch::add_entry(std::uint32_t entry) {
  auto by_hash = [](std::uint32_t a, std::uint32_t b) {
    return a >> place_bits < b >> place_bits;
  };
  auto pos = std::lower_bound(list_.begin(), list_.end(), entry, by_hash);
  if (pos != list_.end() && *pos >> place_bits == entry >> place_bits) {
    *pos = std::max(*pos, entry);
    return;
  }
  list_.insert(pos, entry);
  if (list_.size() > listed_max)
    make_dense();
}

/// What add(hash) does with registers, from what the list kept of the hash.
void distinct_sketch::raise(std::uint32_t entry) {
  constexpr auto between = list_bits - precision_bits;
  auto first_bits = static_cast<std::uint64_t>(entry >> place_bits) << (64 - list_bits);
  auto place = first_one(first_bits << precision_bits, between);
  if (place > between)
    place = between + (entry & place_mask);
  auto& x = registers_[first_bits >> value_bits];
  x = std::max(x, static_cast<std::uint8_t>(place));
}

void distinct_sketch::make_dense() {
  registers_.assign(registers, 0);
  for (auto entry : list_)
    raise(entry);
  list_ = std::vector<std::uint32_t>{}; // `= {}` would keep the memory.
}

void distinct_sketch::merge(const distinct_sketch& other) {
  if (!other.registers_.empty()) {
    if (registers_.empty())
      make_dense();
    for (std::size_t i = 0; i < registers; ++i)
      registers_[i] = std::max(registers_[i], other.registers_[i]);
    return;
  }
  if (this == &other)
    return;
  for (auto entry : other.list_) {
    if (registers_.empty())
      add_entry(entry);
    else
      raise(entry);
  }
}

double distinct_sketch::estimate() const {
  if (registers_.empty())
    return static_cast<double>(list_.size());
  std::array<double, register_max + 1> counts{};
  for (auto x : registers_)
    ++counts[x];
  constexpr auto m = static_cast<double>(registers);
  auto z = m * tau(1.0 - counts[register_max] / m);
  for (auto k = value_bits; k >= 1; --k)
    z = 0.5 * (z + counts[k]);
  z += m * sigma(counts[0] / m);
  return m * m / (2.0 * std::log(2.0)) / z;
}

std::size_t distinct_sketch::size_bytes() const {
  return sizeof(*this) + list_.capacity() * sizeof(list_[0]) + registers_.capacity();
}

void distinct_sketch::encode(std::string& out) const {
  byte_writer writer{out};
  writer.put(format_version);
  if (registers_.empty()) {
    writer.put(form_list);
    writer.put_varint(list_.size());
    std::uint32_t before = 0;
    for (auto entry : list_) {
      writer.put_varint(entry - before);
      before = entry;
    }
    return;
  }
  writer.put(form_registers);
  for (std::size_t i = 0; i < registers; i += 4) {
    auto word
      = static_cast<std::uint32_t>(registers_[i] | registers_[i + 1] << 6
                                   | registers_[i + 2] << 12 | registers_[i + 3] << 18);
    for (unsigned shift = 0; shift < 24; shift += 8)
      out.push_back(static_cast<char>(word >> shift));
  }
}

expected<distinct_sketch, std::string> distinct_sketch::decode(std::string_view bytes) {
  auto fail = [](std::string_view why) {
    return unexpected("distinct sketch: " + std::string{why});
  };
  byte_reader in{bytes};
  if (auto version = in.get<std::uint8_t>(); !in.ok() || version != format_version)
    return fail("no version, or not version 1");
  auto form = in.get<std::uint8_t>();
  distinct_sketch result;
  if (form == form_list) {
    auto size = in.get_varint();
    if (!in.ok() || size > listed_max)
      return fail("the list has more than 512 entries or none at all");
    result.list_.reserve(size);
    std::uint64_t entry = 0;
    for (std::uint64_t i = 0; i < size; ++i) {
      auto before = entry;
      auto step = in.get_varint();
      entry += std::min<std::uint64_t>(step, UINT32_MAX);
      auto place = entry & place_mask;
      if (!in.ok() || entry >> (list_bits + place_bits) != 0 || place < 1
          || place > place_max
          || (i > 0 && entry >> place_bits <= before >> place_bits))
        return fail("an entry is missing, out of order or out of range");
      result.list_.push_back(static_cast<std::uint32_t>(entry));
    }
  } else if (form == form_registers) {
    auto packed = in.get_bytes(packed_bytes);
    if (!in.ok())
      return fail("registers are missing");
    result.registers_.resize(registers);
    for (std::size_t i = 0; i < registers; ++i) {
      auto at = i / 4 * 3;
      auto word = static_cast<unsigned char>(packed[at])
                  | static_cast<unsigned char>(packed[at + 1]) << 8
                  | static_cast<unsigned char>(packed[at + 2]) << 16;
      auto x = word >> (i % 4 * 6) & 63;
      if (x > register_max)
        return fail("a register is above 53");
      result.registers_[i] = static_cast<std::uint8_t>(x);
    }
  } else {
    return fail("an unknown form");
  }
  if (!in.ok() || !in.at_end())
    return fail("bytes are missing or left over");
  return result;
}

} // namespace weir::analytics
