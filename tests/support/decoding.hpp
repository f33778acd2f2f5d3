// What every decoder of a sketch keeps: bytes cut off, added to or changed end in an
// error or in a value with exactly these bytes.
#pragma once

#include <catch2/catch.hpp>

#include <random>
#include <string>
#include <string_view>

namespace weir::test {

template <class Sketch>
std::string encoded(const Sketch& x) {
  std::string bytes;
  x.encode(bytes);
  return bytes;
}

template <class Sketch>
bool is_error_or_canonical(std::string_view bytes) {
  auto result = Sketch::decode(bytes);
  return result ? encoded(*result) == bytes : !result.error().empty();
}

template <class Sketch>
void check_decoding(const Sketch& x) {
  auto bytes = encoded(x);
  auto again = Sketch::decode(bytes);
  REQUIRE(again);
  CHECK(encoded(*again) == bytes);
  auto step = bytes.size() / 300 + 1;
  for (std::size_t size = 0; size < bytes.size(); size += step)
    CHECK(is_error_or_canonical<Sketch>(std::string_view{bytes}.substr(0, size)));
  CHECK_FALSE(Sketch::decode(bytes + "x"));
  for (unsigned seed = 1; seed <= 300; ++seed) {
    std::mt19937 random{seed};
    auto changed = bytes;
    for (int i = 0; i < 3 && !changed.empty(); ++i)
      changed[random() % changed.size()] = static_cast<char>(random());
    INFO("seed " << seed);
    CHECK(is_error_or_canonical<Sketch>(changed));
  }
}

} // namespace weir::test
