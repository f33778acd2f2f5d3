#include "storage/tiers.hpp"

#include "tests/storage/records.hpp"

#include <catch2/catch.hpp>

#include <vector>

using namespace weir::storage;
using namespace weir::test;
using weir::analytics::summary;

namespace {

summary window(std::int64_t start_s, std::int64_t width_s, double value = 1.0) {
  auto x = make_summary(start_s * second_ns, value);
  x.width_ns = width_s * second_ns;
  return x;
}

} // namespace

TEST_CASE("windows are of the class of the finest tier that is as coarse", "[tiers]") {
  CHECK(class_of(1) == tier::raw);
  CHECK(class_of(60 * second_ns) == tier::raw);
  CHECK(class_of(60 * second_ns + 1) == tier::minute);
  CHECK(class_of(3600 * second_ns) == tier::minute);
  CHECK(class_of(3601 * second_ns) == tier::hour);
  CHECK(class_of(86'400 * second_ns) == tier::hour);
  CHECK(class_of(7 * 86'400 * second_ns) == tier::day);
}

TEST_CASE("times are rounded to buckets, those before 1970 too", "[tiers]") {
  CHECK(floor_to(0, 60) == 0);
  CHECK(floor_to(59, 60) == 0);
  CHECK(floor_to(-1, 60) == -60);
  CHECK(floor_to(-60, 60) == -60);
  CHECK(ceil_to(0, 60) == 0);
  CHECK(ceil_to(1, 60) == 60);
  CHECK(ceil_to(-1, 60) == 0);
}

TEST_CASE("a rollup holds the windows that begin in its bucket", "[tiers]") {
  auto rows
    = roll_up({window(0, 10, 5), window(50, 10, 7), window(60, 10, 1)}, tier::minute);
  REQUIRE(rows.size() == 2);
  CHECK(rows[0].start_ns == 0);
  CHECK(rows[0].width_ns == 60 * second_ns);
  CHECK(rows[0].count == 2);
  CHECK(rows[0].sum == 12.0);
  CHECK(rows[0].min == 5.0);
  CHECK(rows[0].max == 7.0);
  CHECK(rows[0].first == 5.0);
  CHECK(rows[0].last == 7.0);
  CHECK(rows[1].start_ns == 60 * second_ns);
  CHECK(rows[1].width_ns == 60 * second_ns);
  CHECK(rows[1].count == 1);
  CHECK(roll_up({}, tier::day).empty());
}

TEST_CASE("of hopping windows those count that follow one another", "[tiers]") {
  std::vector<summary> hopping;
  for (std::int64_t start_s = 0; start_s < 3600; start_s += 10)
    hopping.push_back(window(start_s, 60));
  auto minutes = roll_up(hopping, tier::minute);
  CHECK(minutes.size() == 60);
  for (const auto& x : minutes)
    CHECK(x.count == 1);
  auto hours = roll_up(hopping, tier::hour);
  REQUIRE(hours.size() == 1);
  CHECK(hours[0].count == 60);
}

TEST_CASE("fine windows in the span of a coalesced one add to it", "[tiers]") {
  auto early = window(20, 10, 9);
  early.early = true;
  auto rows = roll_up({window(0, 100, 3), window(10, 10, 4), early, window(100, 10, 5)},
                      tier::hour);
  REQUIRE(rows.size() == 1);
  CHECK(rows[0].count == 3);
  CHECK(rows[0].sum == 12.0);
}
