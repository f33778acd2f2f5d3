// Times and spans as people write them on a command line.
#pragma once

#include "analytics/expected.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace weir::cli {

/// "250ms", "10s", "1.5h", "-24h", "7d", "2w", "90" (seconds).
expected<std::int64_t, std::string> parse_span_ns(std::string_view text);

/// "now", a span relative to it ("-24h", "+5m"), ISO 8601 or an epoch number.
expected<std::int64_t, std::string> parse_time_ns(std::string_view text,
                                                  std::int64_t now_ns);

/// "2026-11-22T15:00:00.250Z"; always 24 bytes for the years 0 to 9999.
void append_iso_ms(std::string& out, std::int64_t time_ns);
std::string iso_ms(std::int64_t time_ns);

/// The wall clock, UTC nanoseconds.
std::int64_t wall_clock_ns();

} // namespace weir::cli
