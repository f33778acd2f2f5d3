// WINDOW CALENDAR over zones written by hand: alignment, clock changes, missing and
// doubled midnights, and that windows tile. tests/configs/time_zones_test.cpp does the
// same over the tz database.
#include "analytics/window_calendar.hpp"

#include <catch2/catch.hpp>

#include <chrono>
#include <random>

using namespace weir::analytics;

namespace {

constexpr std::int64_t s = 1'000'000'000;
constexpr std::int64_t hour = 3600 * s;
constexpr std::int64_t day = 24 * hour;

std::int64_t utc(int y, unsigned m, unsigned d, int h = 0, int min = 0) {
  using namespace std::chrono;
  auto days = sys_days{year{y} / month{m} / d}.time_since_epoch().count();
  return days * day + h * hour + min * 60 * s;
}

std::shared_ptr<const time_zone> zone(std::vector<zone_transition> changes) {
  return std::make_shared<const time_zone>("test", std::move(changes));
}

/// Europe/Berlin in 2026.
std::shared_ptr<const time_zone> berlin() {
  return zone(
    {{0, 3600}, {utc(2026, 3, 29, 1), 2 * 3600}, {utc(2026, 10, 25, 1), 3600}});
}

} // namespace

TEST_CASE("minutes and hours are cut in UTC whatever the zone", "[analytics]") {
  auto kathmandu = zone({{0, 5 * 3600 + 45 * 60}});
  window_calendar quarter{calendar_unit::minute, 15, 0, kathmandu};
  CHECK(quarter.window_at(utc(2026, 5, 1, 10, 14))
        == time_span{utc(2026, 5, 1, 10), utc(2026, 5, 1, 10, 15)});
  window_calendar six_hours{calendar_unit::hour, 6, 0, kathmandu};
  CHECK(six_hours.window_at(utc(2026, 5, 1, 5, 59))
        == time_span{utc(2026, 5, 1), utc(2026, 5, 1, 6)});
  CHECK(six_hours.window_at(-1) == time_span{-6 * hour, 0});
  window_calendar moved{calendar_unit::hour, 6, 2 * hour};
  CHECK(moved.window_at(utc(2026, 5, 1, 1))
        == time_span{utc(2026, 4, 30, 20), utc(2026, 5, 1, 2)});
}

TEST_CASE("a day has 23 or 25 hours when clocks change", "[analytics]") {
  window_calendar uut{calendar_unit::day, 1, 0, berlin()};
  CHECK(uut.window_at(utc(2026, 3, 29, 12))
        == time_span{utc(2026, 3, 28, 23), utc(2026, 3, 29, 22)});
  CHECK(uut.window_at(utc(2026, 10, 25, 12))
        == time_span{utc(2026, 10, 24, 22), utc(2026, 10, 25, 23)});
  CHECK(uut.window_at(utc(2026, 10, 25, 23)).start_ns == utc(2026, 10, 25, 23));
}

TEST_CASE("a shift begins at the same local time all year", "[analytics]") {
  window_calendar uut{calendar_unit::day, 1, 6 * hour, berlin()};
  CHECK(uut.window_at(utc(2026, 3, 29, 3))
        == time_span{utc(2026, 3, 28, 5), utc(2026, 3, 29, 4)});
  window_calendar night{calendar_unit::day, 1, -2 * hour, berlin()};
  CHECK(night.window_at(utc(2026, 7, 1, 20))
        == time_span{utc(2026, 7, 1, 20), utc(2026, 7, 2, 20)});
}

TEST_CASE("weeks begin on Monday, counted from 1970-01-05", "[analytics]") {
  window_calendar uut{calendar_unit::week, 1, 0, berlin()};
  CHECK(uut.window_at(utc(2026, 3, 25)) // 167 hours
        == time_span{utc(2026, 3, 22, 23), utc(2026, 3, 29, 22)});
  window_calendar two{calendar_unit::week, 2};
  CHECK(two.window_at(0) == time_span{utc(1969, 12, 22), utc(1970, 1, 5)});
  CHECK(two.window_at(utc(1970, 1, 5)) == time_span{utc(1970, 1, 5), utc(1970, 1, 19)});
}

TEST_CASE("months and quarters are those of the year", "[analytics]") {
  window_calendar uut{calendar_unit::month, 1, 0, berlin()};
  CHECK(uut.window_at(utc(2026, 3, 15))
        == time_span{utc(2026, 2, 28, 23), utc(2026, 3, 31, 22)});
  window_calendar quarter{calendar_unit::month, 3};
  CHECK(quarter.window_at(utc(2024, 2, 29))
        == time_span{utc(2024, 1, 1), utc(2024, 4, 1)});
  CHECK(quarter.window_at(utc(1969, 12, 31))
        == time_span{utc(1969, 10, 1), utc(1970, 1, 1)});
  window_calendar from_15th{calendar_unit::month, 1, 14 * day};
  CHECK(from_15th.window_at(utc(2026, 3, 14))
        == time_span{utc(2026, 2, 15), utc(2026, 3, 15)});
}

TEST_CASE("days are counted from 1970-01-01", "[analytics]") {
  window_calendar uut{calendar_unit::day, 10};
  CHECK(uut.window_at(0) == time_span{0, 10 * day});
  CHECK(uut.window_at(-1) == time_span{-10 * day, 0});
}

TEST_CASE("a day whose midnight does not exist begins when it first can",
          "[analytics]") {
  // Sao Paulo, 2018-11-04: from 00:00 at -3 to 01:00 at -2.
  window_calendar uut{calendar_unit::day, 1, 0,
                      zone({{0, -3 * 3600}, {utc(2018, 11, 4, 3), -2 * 3600}})};
  CHECK(uut.window_at(utc(2018, 11, 4, 12))
        == time_span{utc(2018, 11, 4, 3), utc(2018, 11, 5, 2)});
  CHECK(uut.window_at(utc(2018, 11, 4, 3) - 1)
        == time_span{utc(2018, 11, 3, 3), utc(2018, 11, 4, 3)});
}

TEST_CASE("a day whose midnight occurs twice begins at the first one", "[analytics]") {
  // St. John's, 2010-11-07: from 00:01 at -2:30 back to 23:01 of the 6th.
  window_calendar uut{
    calendar_unit::day, 1, 0,
    zone({{0, -(2 * 3600 + 1800)}, {utc(2010, 11, 7, 2, 31), -(3 * 3600 + 1800)}})};
  time_span seventh{utc(2010, 11, 7, 2, 30), utc(2010, 11, 8, 3, 30)};
  CHECK(uut.window_at(utc(2010, 11, 7, 2, 30)) == seventh);
  CHECK(uut.window_at(utc(2010, 11, 7, 3)) == seventh); // 23:30 of the 6th, again.
  CHECK(uut.window_at(utc(2010, 11, 7, 3, 30)) == seventh);
  CHECK(uut.window_at(utc(2010, 11, 7, 2, 29)).end_ns == seventh.start_ns);
}

TEST_CASE("a day that does not exist has no window", "[analytics]") {
  // Apia went from 2011-12-29 24:00 at -10 to 2011-12-31 00:00 at +14.
  window_calendar uut{calendar_unit::day, 1, 0,
                      zone({{0, -10 * 3600}, {utc(2011, 12, 30, 10), 14 * 3600}})};
  CHECK(uut.window_at(utc(2011, 12, 30, 10) - 1)
        == time_span{utc(2011, 12, 29, 10), utc(2011, 12, 30, 10)});
  CHECK(uut.window_at(utc(2011, 12, 30, 10))
        == time_span{utc(2011, 12, 30, 10), utc(2011, 12, 31, 10)});
}

TEST_CASE("windows tile over zones with wild changes", "[analytics]") {
  for (std::uint32_t seed = 0; seed < 300; ++seed) {
    std::mt19937_64 random{seed};
    std::vector<zone_transition> changes;
    for (int i = 0; i < 40; ++i)
      changes.push_back({static_cast<std::int64_t>(random() % (100 * day)),
                         static_cast<std::int32_t>(random() % 187'200) - 93'600});
    auto unit = static_cast<calendar_unit>(2 + random() % 3);
    auto every = 1 + static_cast<int>(random() % 3);
    auto offset = static_cast<std::int64_t>(random() % (40 * hour)) - 20 * hour;
    window_calendar uut{unit, every, offset, zone(changes)};
    CAPTURE(seed);
    auto time_ns = -day;
    for (auto window = uut.window_at(time_ns); window.end_ns < 110 * day;) {
      REQUIRE(window.start_ns < window.end_ns);
      auto width = static_cast<std::uint64_t>(window.end_ns - window.start_ns);
      auto inside = window.start_ns + static_cast<std::int64_t>(random() % width);
      REQUIRE(uut.window_at(window.start_ns) == window);
      REQUIRE(uut.window_at(inside) == window);
      REQUIRE(uut.window_at(window.end_ns - 1) == window);
      auto next = uut.window_at(window.end_ns);
      REQUIRE(next.start_ns == window.end_ns);
      window = next;
    }
  }
}

TEST_CASE("the outermost windows reach to the ends of time", "[analytics]") {
  for (auto unit : {calendar_unit::minute, calendar_unit::day, calendar_unit::month}) {
    window_calendar uut{unit, every_max(unit), 0, berlin()};
    auto first = uut.window_at(INT64_MIN);
    CHECK(first.start_ns == INT64_MIN);
    CHECK(first.contains(utc(1700, 1, 1)));
    CHECK(uut.window_at(first.end_ns).start_ns == first.end_ns);
    auto last = uut.window_at(INT64_MAX);
    CHECK(last.end_ns == INT64_MAX);
    CHECK(last.contains(utc(2250, 1, 1)));
    CHECK(uut.window_at(last.start_ns - 1).end_ns == last.start_ns);
  }
}

TEST_CASE("validate says what is accepted", "[analytics]") {
  CHECK(validate(calendar_unit::month, 3, -day));
  CHECK(validate(calendar_unit::day, 0, 0).error()
        == "every: found 0, accepted: a whole number from 1 to 366 of this unit");
  CHECK_FALSE(validate(calendar_unit::hour, 169, 0));
  CHECK(validate(calendar_unit::hour, 1, hour).error()
        == "offset: found 3600000 ms, accepted: less than the window's width, "
           "3600000 ms, in either direction");
  CHECK_FALSE(validate(calendar_unit::day, 1, -day));
  CHECK(validate(calendar_unit::day, 2, day));
}
