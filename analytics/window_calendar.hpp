// Windows that people read off a wall clock: every quarter of an hour, every day of a
// site, every month. Pure arithmetic: the zone is data, time is a parameter.
//
// - Minutes and hours are cut in UTC whatever the zone: such windows always have the
//   same width, and no hour of a night on which clocks go back is two windows or one
//   of double width. (A zone at UTC+5:30 sees its hours begin at half past.)
// - Days, weeks and months are cut at local midnight: a day on which clocks change has
//   23 or 25 hours. Where that midnight does not exist, the window begins at the
//   first instant of that day that does; where it occurs twice, at the first.
// - A day that the zone left out altogether (2011-12-30 in Apia) has no window.
#pragma once

#include "analytics/expected.hpp"
#include "analytics/time_zone.hpp"

#include <cstdint>
#include <memory>
#include <string>

namespace weir::analytics {

enum class calendar_unit : std::uint8_t { minute, hour, day, week, month };

/// An interval of event time: the start belongs to it, the end does not.
struct time_span {
  std::int64_t start_ns = 0;
  std::int64_t end_ns = 0;

  bool contains(std::int64_t time_ns) const {
    return time_ns >= start_ns && time_ns < end_ns;
  }
  bool operator==(const time_span&) const = default;
};

/// The most units that one window may have: a day of minutes, a week of hours, a year
/// of days or weeks, ten years of months.
int every_max(calendar_unit unit);

/// Whether a calendar can be made of this; the error says what is accepted.
/// `offset_ns` must be smaller than the window (a month counts as 28 days).
expected<void, std::string> validate(calendar_unit unit, int every,
                                     std::int64_t offset_ns);

/// Immutable and cheap to copy; any thread may ask.
class window_calendar {
public:
  /// Windows of `every` units, counted from a fixed day so that all nodes cut at the
  /// same places: minutes, hours and days from 1970-01-01, weeks from Monday 1970-01-05
  /// (ISO 8601), months from 1970-01. `offset_ns` moves every boundary: from day on in
  /// wall-clock time (6 h: a shift that begins at 06:00 on every day of the year).
  /// @pre validate(unit, every, offset_ns)
  explicit window_calendar(calendar_unit unit, int every = 1,
                           std::int64_t offset_ns = 0,
                           std::shared_ptr<const time_zone> zone = time_zone::utc());

  /// The one window that contains `time_ns`; together they cover all time without gap
  /// or overlap. Before 1700 and from 2200 on they are not cut any more: the outermost
  /// ones reach to the ends of int64. A few binary searches; who asks for many times
  /// near each other keeps the span and asks time_span::contains() first.
  time_span window_at(std::int64_t time_ns) const;

  calendar_unit unit() const {
    return unit_;
  }
  int every() const {
    return every_;
  }
  std::int64_t offset_ns() const {
    return offset_ns_;
  }
  const time_zone& zone() const {
    return *zone_;
  }

private:
  std::int64_t index_at(std::int64_t time_ns) const;
  std::int64_t boundary_ns(std::int64_t index) const;
  time_span cut_at(std::int64_t time_ns) const;

  calendar_unit unit_;
  int every_;
  std::int64_t offset_ns_;
  std::shared_ptr<const time_zone> zone_; // UTC for minutes and hours.
};

} // namespace weir::analytics
