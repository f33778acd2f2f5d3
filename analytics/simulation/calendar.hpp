// The local calendar of a simulated site: a fixed offset to UTC (no daylight
// saving: a simulated day always has 24 hours), and the public holidays of a
// year.
#pragma once

#include <chrono>
#include <cstdint>
#include <string_view>
#include <vector>

namespace weir::analytics::simulation {

struct local_time {
  std::int64_t day = 0;     ///< Days since 1970-01-01, local.
  int weekday = 0;          ///< 0 Monday ... 6 Sunday.
  double hour = 0.0;        ///< [0, 24), with fractions.
  double day_of_year = 0.0; ///< [0, 366), with fractions.
};

local_time to_local(std::int64_t time_ns, double utc_offset_hours);

/// Start of the local day as UTC nanoseconds.
std::int64_t day_start_ns(std::int64_t day, double utc_offset_hours);

/// Easter Sunday of the Gregorian calendar (Meeus/Jones/Butcher), as a day
/// number.
std::int64_t easter_day(int year);

struct holiday {
  std::int64_t day = 0;
  std::string_view name;
};

/// In order of date. Fixed: New Year's Day, Labour Day, Christmas Day, Boxing
/// Day. By Easter: Good Friday (-2), Easter Monday (+1), Ascension Day (+39),
/// Whit Monday (+50).
std::vector<holiday> holidays_of(int year);

int year_of(std::int64_t day);

} // namespace weir::analytics::simulation
