#include "analytics/simulation/calendar.hpp"

#include <algorithm>

namespace weir::analytics::simulation {

namespace {

namespace chrono = std::chrono;

constexpr std::int64_t day_ns = 86'400'000'000'000;

std::int64_t day_number(int year, unsigned month, unsigned day) {
  auto date = chrono::year{year} / chrono::month{month} / chrono::day{day};
  return chrono::sys_days{date}.time_since_epoch().count();
}

std::int64_t offset_ns(double utc_offset_hours) {
  return static_cast<std::int64_t>(utc_offset_hours * 3600.0) * 1'000'000'000;
}

/// Rounds towards negative infinity, also for times before 1970.
std::int64_t floor_days(std::int64_t time_ns) {
  return time_ns >= 0 ? time_ns / day_ns : -((-time_ns + day_ns - 1) / day_ns);
}

} // namespace

local_time to_local(std::int64_t time_ns, double utc_offset_hours) {
  auto local_ns = time_ns + offset_ns(utc_offset_hours);
  local_time result;
  result.day = floor_days(local_ns);
  // 1970-01-01 was a Thursday (3 counted from Monday).
  result.weekday = static_cast<int>(((result.day + 3) % 7 + 7) % 7);
  auto in_day_ns = local_ns - result.day * day_ns;
  result.hour = static_cast<double>(in_day_ns) / 3.6e12;
  auto new_year = day_number(year_of(result.day), 1, 1);
  result.day_of_year = static_cast<double>(result.day - new_year) + result.hour / 24.0;
  return result;
}

std::int64_t day_start_ns(std::int64_t day, double utc_offset_hours) {
  return day * day_ns - offset_ns(utc_offset_hours);
}

int year_of(std::int64_t day) {
  chrono::sys_days date{chrono::days{day}};
  return static_cast<int>(chrono::year_month_day{date}.year());
}

std::int64_t easter_day(int year) {
  auto a = year % 19;
  auto b = year / 100;
  auto c = year % 100;
  auto d = b / 4;
  auto e = b % 4;
  auto f = (b + 8) / 25;
  auto g = (b - f + 1) / 3;
  auto h = (19 * a + b - d - g + 15) % 30;
  auto i = c / 4;
  auto k = c % 4;
  auto l = (32 + 2 * e + 2 * i - h - k) % 7;
  auto m = (a + 11 * h + 22 * l) / 451;
  auto month = (h + l - 7 * m + 114) / 31;
  auto day = (h + l - 7 * m + 114) % 31 + 1;
  return day_number(year, static_cast<unsigned>(month), static_cast<unsigned>(day));
}

std::vector<holiday> holidays_of(int year) {
  auto easter = easter_day(year);
  std::vector<holiday> result{
    {day_number(year, 1, 1), "New Year's Day"},
    {easter - 2, "Good Friday"},
    {easter + 1, "Easter Monday"},
    {day_number(year, 5, 1), "Labour Day"},
    {easter + 39, "Ascension Day"},
    {easter + 50, "Whit Monday"},
    {day_number(year, 12, 25), "Christmas Day"},
    {day_number(year, 12, 26), "Boxing Day"},
  };
  std::sort(result.begin(), result.end(),
            [](const auto& x, const auto& y) { return x.day < y.day; });
  return result;
}

} // namespace weir::analytics::simulation
