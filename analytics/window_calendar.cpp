#include "analytics/window_calendar.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

namespace weir::analytics {

namespace {

constexpr std::int64_t minute_ns = 60'000'000'000;
constexpr std::int64_t hour_ns = 60 * minute_ns;
constexpr std::int64_t day_ns = 24 * hour_ns;

/// 1970-01-01 was a Thursday: Monday, 1970-01-05, is four days later.
constexpr std::int64_t first_monday = 4;

// Far enough from the ends of int64 nanoseconds for the largest window and offset.
constexpr auto year_start_ns(int year) {
  auto day = std::chrono::sys_days{std::chrono::year{year} / 1 / 1};
  return day.time_since_epoch().count() * day_ns;
}
constexpr std::int64_t cut_from_ns = year_start_ns(1700);
constexpr std::int64_t cut_until_ns = year_start_ns(2200);

constexpr std::int64_t floor_div(std::int64_t a, std::int64_t b) {
  return a / b - (a % b < 0 ? 1 : 0);
}

/// Of a minute, hour, day or week; of the shortest month.
constexpr std::int64_t unit_ns(calendar_unit unit) {
  switch (unit) {
  case calendar_unit::minute:
    return minute_ns;
  case calendar_unit::hour:
    return hour_ns;
  case calendar_unit::day:
    return day_ns;
  case calendar_unit::week:
    return 7 * day_ns;
  case calendar_unit::month:
    return 28 * day_ns;
  }
  return day_ns;
}

constexpr std::int64_t epoch_ns(calendar_unit unit) {
  return unit == calendar_unit::week ? first_monday * day_ns : 0;
}

/// Months since 1970-01.
std::int64_t month_of(std::int64_t day) {
  using namespace std::chrono;
  year_month_day date{sys_days{days{day}}};
  auto month_of_year = static_cast<std::int64_t>(unsigned{date.month()}) - 1;
  return (int{date.year()} - 1970) * std::int64_t{12} + month_of_year;
}

/// The first day of a month that is counted since 1970-01.
std::int64_t month_start_day(std::int64_t month) {
  using namespace std::chrono;
  auto years = floor_div(month, 12);
  auto month_of_year = static_cast<unsigned>(month - years * 12) + 1;
  sys_days first{year{static_cast<int>(1970 + years)}
                 / std::chrono::month{month_of_year} / 1};
  return first.time_since_epoch().count();
}

} // namespace

int every_max(calendar_unit unit) {
  switch (unit) {
  case calendar_unit::minute:
    return 24 * 60;
  case calendar_unit::hour:
    return 7 * 24;
  case calendar_unit::day:
    return 366;
  case calendar_unit::week:
    return 53;
  case calendar_unit::month:
    return 120;
  }
  return 1;
}

expected<void, std::string> validate(calendar_unit unit, int every,
                                     std::int64_t offset_ns) {
  if (every < 1 || every > every_max(unit))
    return unexpected("every: found " + std::to_string(every)
                      + ", accepted: a whole number from 1 to "
                      + std::to_string(every_max(unit)) + " of this unit");
  auto width_ns = every * unit_ns(unit);
  if (offset_ns <= -width_ns || offset_ns >= width_ns)
    return unexpected("offset: found " + std::to_string(offset_ns / 1'000'000)
                      + " ms, accepted: less than the window's width, "
                      + std::to_string(width_ns / 1'000'000)
                      + " ms, in either direction");
  return {};
}

window_calendar::window_calendar(calendar_unit unit, int every, std::int64_t offset_ns,
                                 std::shared_ptr<const time_zone> zone)
  : unit_(unit), every_(every), offset_ns_(offset_ns), zone_(std::move(zone)) {
  if (unit < calendar_unit::day || zone_ == nullptr)
    zone_ = time_zone::utc();
}

std::int64_t window_calendar::index_at(std::int64_t time_ns) const {
  auto local_ns = zone_->to_local(time_ns) - offset_ns_ - epoch_ns(unit_);
  if (unit_ == calendar_unit::month)
    return floor_div(month_of(floor_div(local_ns, day_ns)), every_);
  return floor_div(local_ns, every_ * unit_ns(unit_));
}

std::int64_t window_calendar::boundary_ns(std::int64_t index) const {
  auto start_ns = unit_ == calendar_unit::month
                    ? month_start_day(index * every_) * day_ns
                    : index * every_ * unit_ns(unit_) + epoch_ns(unit_);
  return zone_->from_local(start_ns + offset_ns_);
}

time_span window_calendar::cut_at(std::int64_t time_ns) const {
  auto index = index_at(time_ns);
  time_span result{boundary_ns(index), boundary_ns(index + 1)};
  // Where clocks go back over a boundary, the local time is again that of the window
  // before, which has ended; where a day does not exist, its window is empty.
  while (result.end_ns <= time_ns)
    result = {result.end_ns, boundary_ns(++index + 1)};
  return result;
}

time_span window_calendar::window_at(std::int64_t time_ns) const {
  auto result = cut_at(std::clamp(time_ns, cut_from_ns, cut_until_ns));
  if (result.contains(cut_from_ns))
    result.start_ns = INT64_MIN;
  if (result.contains(cut_until_ns))
    result.end_ns = INT64_MAX;
  return result;
}

} // namespace weir::analytics
