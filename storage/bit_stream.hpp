// INTERNAL: bits behind one another, lowest first: what the columns of a series block
// (FORMAT.md) are written in. Pure, header only; not thread-safe.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace weir::storage {

static_assert(std::endian::native == std::endian::little,
              "bit streams are little-endian; a big-endian port swaps in load()");

/// 0, -1, 1, -2, ... become 0, 1, 2, 3, ...: small of either sign stays small.
constexpr std::uint64_t zigzag(std::uint64_t x) {
  return (x << 1) ^ (0 - (x >> 63));
}
constexpr std::uint64_t unzigzag(std::uint64_t x) {
  return (x >> 1) ^ (0 - (x & 1));
}

/// All ones in the `count` lowest bits; count <= 64.
constexpr std::uint64_t low_bits(unsigned count) {
  return count == 0 ? 0 : ~std::uint64_t{0} >> (64 - count);
}

class bit_writer {
public:
  /// The `count` lowest bits of `x`; the others must be 0. count <= 64.
  void put(std::uint64_t x, unsigned count) {
    last_ |= x << used_;
    if (used_ + count < 64) {
      used_ += count;
      return;
    }
    auto taken = 64 - used_;
    push(last_, 8);
    last_ = taken < 64 ? x >> taken : 0;
    used_ = count - taken;
  }

  /// A number with its length in bits before it (7 bits).
  void put_number(std::uint64_t x) {
    auto width = static_cast<unsigned>(std::bit_width(x));
    put(width, 7);
    put(x, width);
  }

  void append(const bit_writer& other) {
    auto whole = std::string_view{other.bytes_};
    for (; !whole.empty(); whole.remove_prefix(8)) {
      std::uint64_t word = 0;
      std::memcpy(&word, whole.data(), 8);
      put(word, 64);
    }
    put(other.last_, other.used_);
  }

  std::size_t size_bits() const {
    return bytes_.size() * 8 + used_;
  }

  void clear() {
    bytes_.clear();
    last_ = 0;
    used_ = 0;
  }

  /// Appends what was written; the bits of the last byte that are left are 0.
  void finish(std::string& out) const {
    out += bytes_;
    char rest[8];
    std::memcpy(rest, &last_, 8);
    out.append(rest, (used_ + 7) / 8);
  }

private:
  void push(std::uint64_t x, std::size_t size) {
    char bytes[8];
    std::memcpy(bytes, &x, 8);
    bytes_.append(bytes, size);
  }

  std::string bytes_; ///< Whole words of 8 bytes.
  std::uint64_t last_ = 0;
  unsigned used_ = 0; ///< Bits of `last_`, < 64.
};

/// Reads what bit_writer wrote. Behind the end are zeros; ok() is false from the first
/// read on that needed them.
class bit_reader {
public:
  explicit bit_reader(std::string_view bytes) : bytes_(bytes) {
  }

  /// At least the next 57 bits, with whatever lies above them.
  std::uint64_t peek() const {
    return load(at_ >> 3) >> (at_ & 7);
  }
  void skip(unsigned count) {
    at_ += count;
  }

  /// count <= 57
  std::uint64_t take_short(unsigned count) {
    auto x = peek() & low_bits(count);
    at_ += count;
    return x;
  }

  /// count <= 64
  std::uint64_t take(unsigned count) {
    if (count <= 57)
      return take_short(count);
    auto low = take_short(32);
    return low | (take_short(count - 32) << 32);
  }

  /// What put_number() wrote; a length above 64 is an error.
  std::uint64_t take_number() {
    auto width = static_cast<unsigned>(take_short(7));
    if (width > 64)
      fail();
    return failed_ ? 0 : take(width);
  }

  void fail() {
    failed_ = true;
  }
  bool ok() const {
    return !failed_ && at_ <= bytes_.size() * 8;
  }

  /// The whole bytes that no bit was taken from. The bits before them must be 0.
  std::string_view rest() {
    if (!ok() || (at_ % 8 != 0 && take_short(8 - at_ % 8) != 0)) {
      fail();
      return {};
    }
    return bytes_.substr(at_ / 8);
  }

private:
  std::uint64_t load(std::size_t byte) const {
    std::uint64_t x = 0;
    if (byte + 8 <= bytes_.size())
      std::memcpy(&x, bytes_.data() + byte, 8);
    else if (byte < bytes_.size())
      std::memcpy(&x, bytes_.data() + byte, bytes_.size() - byte);
    return x;
  }

  std::string_view bytes_;
  std::size_t at_ = 0; ///< In bits. A group takes few of them, so it never wraps.
  bool failed_ = false;
};

} // namespace weir::storage
