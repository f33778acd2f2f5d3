// Little-endian writing and checked reading of plain values, for snapshots and the
// sketches' formats (analytics/SKETCHES.md).
#pragma once

#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <type_traits>

namespace weir::analytics {

static_assert(std::endian::native == std::endian::little,
              "snapshots are little-endian; a big-endian port swaps here");

class byte_writer {
public:
  explicit byte_writer(std::string& out) : out_(out) {
  }

  template <class T>
  void put(T value) {
    static_assert(std::is_arithmetic_v<T> || std::is_enum_v<T>);
    out_.append(reinterpret_cast<const char*>(&value), sizeof(value));
  }

  /// As it lies in memory: for structs without padding.
  template <class T>
  void put_struct(const T& value) {
    static_assert(std::is_trivially_copyable_v<T>);
    out_.append(reinterpret_cast<const char*>(&value), sizeof(value));
  }

  void put_text(std::string_view text) {
    put(static_cast<std::uint32_t>(text.size()));
    out_.append(text);
  }

  /// Seven bits a byte, lowest first, the top bit says that more follow (LEB128).
  void put_varint(std::uint64_t value) {
    for (; value >= 0x80; value >>= 7)
      out_.push_back(static_cast<char>(value | 0x80));
    out_.push_back(static_cast<char>(value));
  }

  /// Small of either sign: 0, -1, 1, -2, ... become 0, 1, 2, 3, ...
  void put_signed_varint(std::int64_t value) {
    auto bits = static_cast<std::uint64_t>(value);
    put_varint((bits << 1) ^ (value < 0 ? ~std::uint64_t{0} : 0));
  }

  /// Text with its length as a varint.
  void put_short_text(std::string_view text) {
    put_varint(text.size());
    out_.append(text);
  }

  /// Whole numbers from 0 to 2^53 as the varint of their double, others as the
  /// varint 1 and then their bits: counts stay short, every double comes back.
  void put_number(double value) {
    if (is_short_number(value)) {
      put_varint(static_cast<std::uint64_t>(value) << 1);
    } else {
      put_varint(1);
      put(value);
    }
  }

  static bool is_short_number(double value) {
    return value >= 0.0 && value <= 0x1p53 && std::trunc(value) == value
           && !std::signbit(value);
  }

  std::string& bytes() {
    return out_;
  }

private:
  std::string& out_;
};

/// Reads what byte_writer wrote. Past the end every read yields zero and ok()
/// turns false: check it once, after a whole record.
class byte_reader {
public:
  explicit byte_reader(std::string_view bytes) : bytes_(bytes) {
  }

  template <class T>
  T get() {
    static_assert(std::is_arithmetic_v<T> || std::is_enum_v<T>);
    T value{};
    if (bytes_.size() < sizeof(T)) {
      fail();
      return value;
    }
    std::memcpy(&value, bytes_.data(), sizeof(T));
    bytes_.remove_prefix(sizeof(T));
    return value;
  }

  template <class T>
  T get_struct() {
    static_assert(std::is_trivially_copyable_v<T>);
    T value{};
    auto bytes = get_bytes(1, sizeof(T));
    if (ok_)
      std::memcpy(static_cast<void*>(&value), bytes.data(), sizeof(T));
    return value;
  }

  std::string_view get_text() {
    return get_bytes(get<std::uint32_t>());
  }

  std::string_view get_bytes(std::uint64_t size) {
    if (bytes_.size() < size) {
      fail();
      return {};
    }
    auto text = bytes_.substr(0, static_cast<std::size_t>(size));
    bytes_.remove_prefix(static_cast<std::size_t>(size));
    return text;
  }

  /// Refuses what put_varint would have written shorter, so that a value has one
  /// form only.
  std::uint64_t get_varint() {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      auto byte = get<std::uint8_t>();
      bool too_large = shift == 63 && byte > 1;
      bool too_long = shift > 0 && byte == 0;
      if (!ok_ || too_large || too_long)
        break;
      value |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
      if (byte < 0x80)
        return value;
    }
    fail();
    return 0;
  }

  std::int64_t get_signed_varint() {
    auto bits = get_varint();
    return static_cast<std::int64_t>((bits >> 1) ^ (~(bits & 1) + 1));
  }

  std::string_view get_short_text() {
    return get_bytes(get_varint());
  }

  /// Always finite: NaN and infinity fail.
  double get_number() {
    auto head = get_varint();
    if (head % 2 == 0) {
      if ((head >> 1) > (std::uint64_t{1} << 53))
        fail();
      return ok_ ? static_cast<double>(head >> 1) : 0.0;
    }
    auto value = get<double>();
    if (head == 1 && std::isfinite(value) && !byte_writer::is_short_number(value))
      return value;
    fail();
    return 0.0;
  }

  /// `count` items of `item_bytes` each; empty, and not ok, where that is too much.
  std::string_view get_bytes(std::uint64_t count, std::size_t item_bytes) {
    if (count > bytes_.size() / item_bytes) {
      fail();
      return {};
    }
    auto result = bytes_.substr(0, static_cast<std::size_t>(count) * item_bytes);
    bytes_.remove_prefix(result.size());
    return result;
  }

  bool ok() const {
    return ok_;
  }
  bool at_end() const {
    return bytes_.empty();
  }

  /// What has not been read yet.
  std::string_view rest() const {
    return bytes_;
  }

  /// For what a caller finds wrong with a value.
  void fail() {
    ok_ = false;
    bytes_ = {};
  }

private:
  std::string_view bytes_;
  bool ok_ = true;
};

} // namespace weir::analytics
