// A set of numbers as ranges, against a plain set.
#include "storage/number_ranges.hpp"

#include <catch2/catch.hpp>

#include <random>
#include <set>

using weir::storage::number_range;
using weir::storage::number_ranges;

TEST_CASE("ranges that touch become one", "[ranges]") {
  number_ranges uut;
  uut.add(5, 7);
  uut.add(10, 12);
  CHECK(uut.ranges() == std::vector<number_range>{{5, 7}, {10, 12}});
  uut.add(8, 9);
  CHECK(uut.ranges() == std::vector<number_range>{{5, 12}});
  uut.remove(7, 9);
  CHECK(uut.ranges() == std::vector<number_range>{{5, 6}, {10, 12}});
  CHECK(uut.touches(6, 9));
  CHECK_FALSE(uut.touches(7, 9));
  CHECK(uut.covers(10, 12));
  CHECK_FALSE(uut.covers(6, 10));
  uut.remove(0, ~std::uint64_t{0});
  CHECK(uut.ranges().empty());
}

TEST_CASE("the set holds what a plain set holds", "[ranges]") {
  auto random = std::mt19937{5};
  for (int round = 0; round < 200; ++round) {
    number_ranges uut;
    std::set<std::uint64_t> plain;
    for (int step = 0; step < 12; ++step) {
      auto first = std::uint64_t{random() % 100};
      auto last = first + random() % 15;
      bool adds = random() % 3 != 0;
      adds ? uut.add(first, last) : uut.remove(first, last);
      for (auto x = first; x <= last; ++x)
        adds ? void(plain.insert(x)) : void(plain.erase(x));
      for (std::uint64_t x = 0; x < 120; ++x)
        REQUIRE(uut.covers(x, x) == plain.contains(x));
    }
  }
}

TEST_CASE("with too many ranges the nearest grow together, and none is lost",
          "[ranges]") {
  number_ranges uut;
  for (std::uint64_t i = 0; i < 100; ++i)
    uut.add(i * i * 10, i * i * 10 + 1);
  CHECK(uut.ranges().size() == number_ranges::ranges_max);
  for (std::uint64_t i = 0; i < 100; ++i)
    CHECK(uut.covers(i * i * 10, i * i * 10 + 1));
}
