// Timestamps as devices write them, to UTC nanoseconds. Whether a time is
// plausible is not decided here: the node checks its accepted span.
#pragma once

#include "transport/raw_event.hpp"

#include <cstdint>
#include <optional>
#include <string_view>

namespace weir::transport {

// All give nothing for what cannot be read or does not fit into int64
// nanoseconds (years 1677 to 2262).

std::optional<std::int64_t> time_from_integer(std::int64_t time, time_unit unit);

/// Fractions are rounded to whole microseconds: a double that holds today's
/// date holds no more than that.
std::optional<std::int64_t> time_from_real(double time, time_unit unit);

/// `YYYY-MM-DD`, or with `T` or a blank `HH:MM[:SS[.fraction]]` and `Z`,
/// `+HH:MM`,
/// `+HHMM`, `+HH` or nothing, which means UTC. Fractions beyond nanoseconds are
/// cut; second 60 (a leap second) is the start of the next minute.
std::optional<std::int64_t> time_from_iso8601(std::string_view text);

/// ISO 8601, or a decimal number in `unit`.
std::optional<std::int64_t> time_from_text(std::string_view text, time_unit unit);

} // namespace weir::transport
