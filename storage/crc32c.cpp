#include "storage/crc32c.hpp"

#include <array>
#include <bit>
#include <cstddef>
#include <cstring>

#if defined(__x86_64__)
#  include <nmmintrin.h>
#elif defined(__aarch64__) && defined(__linux__) && !defined(__clang__)
#  include <asm/hwcap.h>
#  include <sys/auxv.h>
#endif

namespace weir::storage {

namespace {

static_assert(std::endian::native == std::endian::little,
              "words are read as little-endian; a big-endian port swaps here");

constexpr std::uint32_t polynomial = 0x82f63b78; // Its bits reversed, as is usual.

using table = std::array<std::uint32_t, 256>;

/// tables[k][b] is what byte b does when k bytes of zero follow ("slicing by 8").
constexpr std::array<table, 8> make_tables() {
  std::array<table, 8> tables{};
  for (std::uint32_t b = 0; b < 256; ++b) {
    auto x = b;
    for (int bit = 0; bit < 8; ++bit)
      x = (x >> 1) ^ ((x & 1) != 0 ? polynomial : 0);
    tables[0][b] = x;
  }
  for (std::size_t k = 1; k < 8; ++k)
    for (std::size_t b = 0; b < 256; ++b)
      tables[k][b] = (tables[k - 1][b] >> 8) ^ tables[0][tables[k - 1][b] & 0xff];
  return tables;
}

constexpr auto tables = make_tables();

std::uint64_t load_word(const char* bytes) {
  std::uint64_t word = 0;
  std::memcpy(&word, bytes, sizeof(word));
  return word;
}

/// `x` is the bare register, here and below.
std::uint32_t by_tables(std::string_view bytes, std::uint32_t x) {
  for (; bytes.size() >= 8; bytes.remove_prefix(8)) {
    auto word = load_word(bytes.data()) ^ x;
    x = 0;
    for (std::size_t k = 0; k < 8; ++k)
      x ^= tables[7 - k][(word >> (8 * k)) & 0xff];
  }
  for (auto c : bytes)
    x = (x >> 8) ^ tables[0][(x ^ static_cast<std::uint8_t>(c)) & 0xff];
  return x;
}

using function = std::uint32_t (*)(std::string_view, std::uint32_t);

#if defined(__x86_64__)

__attribute__((target("sse4.2"))) std::uint32_t by_sse42(std::string_view bytes,
                                                         std::uint32_t start) {
  std::uint64_t x = start;
  for (; bytes.size() >= 8; bytes.remove_prefix(8))
    x = _mm_crc32_u64(x, load_word(bytes.data()));
  auto rest = static_cast<std::uint32_t>(x);
  for (auto c : bytes)
    rest = _mm_crc32_u8(rest, static_cast<std::uint8_t>(c));
  return rest;
}

function choose() {
  return __builtin_cpu_supports("sse4.2") ? by_sse42 : by_tables;
}

#elif defined(__aarch64__) && defined(__linux__) && !defined(__clang__) // GCC's names.

__attribute__((target("+crc"))) std::uint32_t by_armv8(std::string_view bytes,
                                                       std::uint32_t start) {
  auto x = start;
  for (; bytes.size() >= 8; bytes.remove_prefix(8))
    x = __builtin_aarch64_crc32cx(x, load_word(bytes.data()));
  for (auto c : bytes)
    x = __builtin_aarch64_crc32cb(x, static_cast<std::uint8_t>(c));
  return x;
}

function choose() {
  return (::getauxval(AT_HWCAP) & HWCAP_CRC32) != 0 ? by_armv8 : by_tables;
}

#else

function choose() {
  return by_tables;
}

#endif

} // namespace

std::uint32_t crc32c(std::string_view bytes, std::uint32_t before) {
  static const function chosen = choose();
  return ~chosen(bytes, ~before);
}

std::uint32_t crc32c_by_tables(std::string_view bytes, std::uint32_t before) {
  return ~by_tables(bytes, ~before);
}

} // namespace weir::storage
