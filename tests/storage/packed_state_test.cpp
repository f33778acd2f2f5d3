#include "storage/packed_state.hpp"

#include "tests/storage/noise.hpp"

#include <catch2/catch.hpp>

#include <random>
#include <string>

using namespace weir::storage;

namespace {

/// Half of it can be packed.
std::string some_bytes(std::size_t size, unsigned seed) {
  auto random = std::mt19937{seed};
  std::string result(size, '\0');
  for (std::size_t i = 0; i < size; ++i)
    result[i] = static_cast<char>(i / 40'000 % 2 == 0 ? i % 7 : random());
  return result;
}

} // namespace

TEST_CASE("a state comes back, whatever the pieces it was given in", "[packed_state]") {
  auto random = std::mt19937{7};
  for (std::size_t size : {0u, 1u, 32'735u, 32'736u, 32'737u, 65'472u, 300'000u}) {
    auto bytes = some_bytes(size, 1);
    packed_state whole{bytes};
    packed_state uut;
    for (std::size_t at = 0; at < size;) {
      auto piece = std::min<std::size_t>(random() % 50'000, size - at);
      uut.append(std::string_view{bytes}.substr(at, piece));
      at += piece;
    }
    uut.finish();
    CHECK(uut.unpack() == bytes);
    CHECK(uut.size_bytes() == size);
    REQUIRE(uut.chunks().size() == (size + 32'735) / 32'736);
    for (std::size_t i = 0; i < uut.chunks().size(); ++i) {
      CHECK(uut.chunks()[i].hash == whole.chunks()[i].hash);
      CHECK(uut.chunks()[i].value == whole.chunks()[i].value);
    }
  }
}

TEST_CASE("what repeats is packed, noise costs its head alone", "[packed_state]") {
  CHECK(packed_state{std::string(1'000'000, 's')}.packed_bytes() < 10'000);
  auto noise = weir::test::noise(100'000, 3);
  CHECK(packed_state{noise}.packed_bytes() == noise.size() + 4 * 9);
}

TEST_CASE("a chunk with any wrong bit, or of another size, is not unpacked",
          "[packed_state]") {
  for (auto bytes : {some_bytes(2000, 1), std::string{"noise"}}) {
    auto good = packed_state{bytes}.chunks().at(0).value;
    std::string out;
    REQUIRE(unpack_chunk(good, bytes.size(), out));
    CHECK(out == bytes);
    for (std::size_t bit = 0; bit < 8 * good.size(); ++bit) {
      auto damaged = good;
      damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << bit % 8));
      out.clear();
      CHECK_FALSE((unpack_chunk(damaged, bytes.size(), out) && out != bytes));
    }
    for (std::size_t size = 0; size < good.size(); ++size)
      CHECK_FALSE(
        unpack_chunk(std::string_view{good}.substr(0, size), bytes.size(), out));
    CHECK_FALSE(unpack_chunk(good, bytes.size() + 1, out));
    CHECK_FALSE(unpack_chunk(good, bytes.size() - 1, out));
  }
}
