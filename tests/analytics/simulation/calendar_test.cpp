// Dates that anyone can look up.
#include "analytics/simulation/calendar.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <chrono>

using namespace weir::analytics::simulation;
namespace chrono = std::chrono;

namespace {

std::int64_t day(int y, unsigned m, unsigned d) {
  return chrono::sys_days{chrono::year{y} / chrono::month{m} / chrono::day{d}}
    .time_since_epoch()
    .count();
}

constexpr std::int64_t hour_ns = 3'600'000'000'000;

} // namespace

TEST_CASE("Easter falls on the published dates, the extremes included",
          "[simulation]") {
  CHECK(easter_day(1818) == day(1818, 3, 22));
  CHECK(easter_day(1943) == day(1943, 4, 25));
  CHECK(easter_day(2000) == day(2000, 4, 23));
  CHECK(easter_day(2024) == day(2024, 3, 31));
  CHECK(easter_day(2025) == day(2025, 4, 20));
  CHECK(easter_day(2038) == day(2038, 4, 25));
}

TEST_CASE("holidays are in order and hold fixed and Easter dates", "[simulation]") {
  auto holidays = holidays_of(2024);
  CHECK(std::is_sorted(holidays.begin(), holidays.end(),
                       [](const auto& x, const auto& y) { return x.day < y.day; }));
  auto has = [&](std::int64_t number, std::string_view name) {
    return std::any_of(holidays.begin(), holidays.end(), [&](const auto& x) {
      return x.day == number && x.name == name;
    });
  };
  CHECK(has(day(2024, 3, 29), "Good Friday"));
  CHECK(has(day(2024, 4, 1), "Easter Monday"));
  CHECK(has(day(2024, 5, 9), "Ascension Day"));
  CHECK(has(day(2024, 5, 20), "Whit Monday"));
  CHECK(has(day(2024, 12, 25), "Christmas Day"));
}

TEST_CASE("local time knows weekday, hour and day of the year, before 1970 too",
          "[simulation]") {
  auto new_year = to_local(day(2024, 1, 1) * 24 * hour_ns + 90 * hour_ns / 60, 0.0);
  CHECK(new_year.weekday == 0); // A Monday.
  CHECK(new_year.hour == Approx(1.5));
  CHECK(new_year.day_of_year == Approx(1.5 / 24.0));
  auto moon = to_local(day(1969, 7, 20) * 24 * hour_ns + 20 * hour_ns, 0.0);
  CHECK(moon.weekday == 6); // A Sunday.
  CHECK(moon.hour == Approx(20.0));
}

TEST_CASE("the offset moves the day's border", "[simulation]") {
  auto late = day(2024, 6, 30) * 24 * hour_ns + 23 * hour_ns;
  CHECK(to_local(late, 0.0).day == day(2024, 6, 30));
  CHECK(to_local(late, 2.0).day == day(2024, 7, 1));
  CHECK(to_local(late, 2.0).hour == Approx(1.0));
  CHECK(day_start_ns(day(2024, 7, 1), 2.0)
        == day(2024, 7, 1) * 24 * hour_ns - 2 * hour_ns);
}
