// Little-endian writing and checked reading of plain values, for snapshots.
#pragma once

#include <bit>
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

  void put_text(std::string_view text) {
    put(static_cast<std::uint32_t>(text.size()));
    out_.append(text);
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
      ok_ = false;
      bytes_ = {};
      return value;
    }
    std::memcpy(&value, bytes_.data(), sizeof(T));
    bytes_.remove_prefix(sizeof(T));
    return value;
  }

  std::string_view get_text() {
    auto size = get<std::uint32_t>();
    if (bytes_.size() < size) {
      ok_ = false;
      bytes_ = {};
      return {};
    }
    auto text = bytes_.substr(0, size);
    bytes_.remove_prefix(size);
    return text;
  }

  bool ok() const {
    return ok_;
  }
  bool at_end() const {
    return bytes_.empty();
  }

private:
  std::string_view bytes_;
  bool ok_ = true;
};

} // namespace weir::analytics
