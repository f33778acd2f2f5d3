// Bytes of keys and values: big-endian integers, so that LMDB's byte order of
// keys is the order of the numbers. Used for values too: one rule for the whole
// format.
#pragma once

#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace weir::storage {

/// Written without a loop: compilers make one byte swap and one store of it.
template <std::unsigned_integral T>
void store_be(char* to, T x) {
  [ to, x ]<std::size_t... I>(std::index_sequence<I...>) {
    ((to[I]
      = static_cast<char>(static_cast<unsigned char>(x >> (8 * (sizeof(T) - 1 - I))))),
     ...);
  }
  (std::make_index_sequence<sizeof(T)>{});
}

template <std::unsigned_integral T>
void put_be(std::string& out, T x) {
  char bytes[sizeof(T)];
  store_be(bytes, x);
  out.append(bytes, sizeof(T));
}

/// Written without a loop: compilers make one load and one byte swap of it.
template <std::unsigned_integral T>
T get_be(const char* bytes) {
  return [bytes]<std::size_t... I>(std::index_sequence<I...>) {
    return static_cast<T>(
      (...
       | (static_cast<std::uint64_t>(static_cast<unsigned char>(bytes[I]))
          << (8 * (sizeof(T) - 1 - I)))));
  }
  (std::make_index_sequence<sizeof(T)>{});
}

/// Maps a signed time to an unsigned one of the same order: the sign bit flips.
inline std::uint64_t biased(std::int64_t x) {
  return static_cast<std::uint64_t>(x) ^ (1ull << 63);
}
inline std::int64_t unbiased(std::uint64_t x) {
  return static_cast<std::int64_t>(x ^ (1ull << 63));
}

/// Doubles keep every bit, also of NaN and -0.0.
inline void put_double(std::string& out, double x) {
  put_be(out, std::bit_cast<std::uint64_t>(x));
}

/// Text with its length before it.
inline void put_text(std::string& out, std::string_view text) {
  put_be(out, static_cast<std::uint32_t>(text.size()));
  out.append(text);
}

/// Reads what the functions above wrote. Never reads past the end: a value that
/// is too short gives zeros and empty text, and ok() is false from then on.
class byte_reader {
public:
  explicit byte_reader(std::string_view bytes) : rest_(bytes) {
  }

  template <std::unsigned_integral T>
  T take() {
    if (rest_.size() < sizeof(T)) {
      fail();
      return 0;
    }
    T x = get_be<T>(rest_.data());
    rest_.remove_prefix(sizeof(T));
    return x;
  }

  std::int64_t take_time() {
    return static_cast<std::int64_t>(take<std::uint64_t>());
  }

  double take_double() {
    return std::bit_cast<double>(take<std::uint64_t>());
  }

  std::string_view take_text() {
    auto size = take<std::uint32_t>();
    if (size > rest_.size()) {
      fail();
      return {};
    }
    auto text = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return text;
  }

  std::string_view rest() const {
    return rest_;
  }

  bool ok() const {
    return ok_;
  }

  /// Everything was there, and nothing is left over.
  bool complete() const {
    return ok_ && rest_.empty();
  }

private:
  void fail() {
    ok_ = false;
    rest_ = {};
  }

  std::string_view rest_;
  bool ok_ = true;
};

} // namespace weir::storage
