// The rule at the end of a time zone file, `CET-1CEST,M3.5.0,M10.5.0/3`: how clocks
// change after the last change that the file lists (POSIX TZ, as RFC 8536 widens it).
// The date library does not read it, and without it no clock changes after 2037, or
// after 2007 where the files are of the slim kind.
#pragma once

#include "analytics/expected.hpp"
#include "analytics/time_zone.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace weir::configs {

/// A day of every year and a local time on it.
struct yearly_change {
  enum class day_kind : std::uint8_t {
    month_week,     ///< Mm.w.d: the w-th weekday d (0 Sunday) of month m, 5 the last.
    julian,         ///< Jn: 1 to 365, February 29 is never counted.
    zero_based_day, ///< n: 0 to 365, February 29 is counted.
  };
  day_kind kind = day_kind::month_week;
  int month = 1;
  int week = 1;
  int day = 0;
  std::int32_t time_s = 2 * 3600; ///< Since midnight; may be negative or beyond a day.

  bool operator==(const yearly_change&) const = default;
};

struct posix_tz {
  struct summer {
    std::int32_t offset_s = 0;
    yearly_change from; ///< In standard time.
    yearly_change to;   ///< In summer time.
  };
  std::int32_t offset_s = 0; ///< To UTC, east is positive (the text has it reversed).
  std::optional<summer> summer_time{};
};

/// The error says at which character it went wrong.
expected<posix_tz, std::string> parse_posix_tz(std::string_view text);

/// Appends the changes after `after_ns` up to the end of `year_last`, by time.
void append_changes(std::vector<analytics::zone_transition>& out, const posix_tz& rule,
                    std::int64_t after_ns, int year_last);

} // namespace weir::configs
