// Walks the edges of TIME ZONE: gaps, overlaps, before the first and after the last
// change, and data that comes in any order.
#include "analytics/time_zone.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <random>
#include <vector>

using namespace weir::analytics;

namespace {

constexpr std::int64_t s = 1'000'000'000;

/// Forward by an hour at second 10'000, back at 50'000.
const time_zone summer{"test", {{0, 0}, {10'000 * s, 3600}, {50'000 * s, 0}}};

} // namespace

TEST_CASE("a zone without data is UTC", "[analytics]") {
  time_zone uut;
  CHECK(uut.name() == "UTC");
  CHECK(uut.offset_at(INT64_MIN) == 0);
  CHECK(uut.to_local(-5) == -5);
  CHECK(uut.from_local(-5) == -5);
  CHECK(time_zone::utc()->transitions() == uut.transitions());
}

TEST_CASE("an offset holds from its instant on, the first one since ever",
          "[analytics]") {
  time_zone uut{"test", {{0, 100}, {1'000 * s, 200}}};
  CHECK(uut.offset_at(INT64_MIN) == 100);
  CHECK(uut.offset_at(-1) == 100);
  CHECK(uut.offset_at(1'000 * s - 1) == 100);
  CHECK(uut.offset_at(1'000 * s) == 200);
  CHECK(uut.offset_at(INT64_MAX) == 200);
}

TEST_CASE("a local time in a gap is the instant of the change", "[analytics]") {
  CHECK(summer.from_local(10'000 * s - 1) == 10'000 * s - 1);
  CHECK(summer.from_local(10'000 * s) == 10'000 * s);
  CHECK(summer.from_local(13'599 * s) == 10'000 * s);
  CHECK(summer.from_local(13'600 * s) == 10'000 * s);
  CHECK(summer.from_local(13'601 * s) == 10'001 * s);
}

TEST_CASE("a local time that occurs twice is the earlier one", "[analytics]") {
  CHECK(summer.from_local(50'000 * s) == 46'400 * s);
  CHECK(summer.from_local(53'599 * s) == 49'999 * s);
  CHECK(summer.from_local(53'600 * s) == 53'600 * s);
}

TEST_CASE("changes may come unsorted, repeated or beyond what clocks do",
          "[analytics]") {
  time_zone uut{"test", {{20, 7}, {10, 5}, {15, 5}, {20, 8}, {30, 1'000'000}}};
  CHECK(uut.transitions()
        == std::vector<zone_transition>{
          {INT64_MIN, 5}, {20, 8}, {30, time_zone::offset_max_s}});
}

TEST_CASE("from_local is the first instant that shows the time or a later one",
          "[analytics]") {
  for (std::uint32_t seed = 0; seed < 200; ++seed) {
    std::mt19937_64 random{seed};
    std::vector<zone_transition> changes;
    for (std::int64_t at = 0; at < 100;
         at += 1 + static_cast<std::int64_t>(random() % 20))
      changes.push_back({at * s, static_cast<std::int32_t>(random() % 31) - 15});
    time_zone uut{"test", changes};
    for (std::int64_t local = -30; local < 150; ++local) {
      // The definition, second by second.
      std::int64_t first = -100;
      while (uut.to_local(first * s) < local * s)
        ++first;
      CAPTURE(seed, local);
      REQUIRE(uut.from_local(local * s) == first * s);
    }
  }
}
