// Calendar windows as people write them: "15 minutes", "6 hours", "day", "2 weeks",
// "month"; and as one text that names a calendar wholly, in saved states.
#pragma once

#include "analytics/expected.hpp"
#include "analytics/window_calendar.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace weir::configs {

struct calendar_every {
  analytics::calendar_unit unit = analytics::calendar_unit::day;
  int count = 1;

  bool operator==(const calendar_every&) const = default;
};

/// "[COUNT] UNIT", the unit being minute, hour, day, week or month, or its plural. The
/// error says what is accepted.
expected<calendar_every, std::string> parse_every(std::string_view text);

using shared_calendar = std::shared_ptr<const analytics::window_calendar>;

/// @pre validate(every.unit, every.count, offset_ns)
shared_calendar make_calendar(const calendar_every& every, std::int64_t offset_ns,
                              std::shared_ptr<const analytics::time_zone> zone);

/// Canonical: "1 day offset 21600000 ms zone Europe/Berlin". Equal calendars have
/// equal texts: what is 0, and a zone where it has no say, is left out.
std::string calendar_text(const calendar_every& every, std::int64_t offset_ns,
                          const std::string& zone);

/// Reads calendar_text() back. The error says what is wrong. May read the machine's
/// tz database.
expected<shared_calendar, std::string> calendar_from_text(std::string_view text);

} // namespace weir::configs
