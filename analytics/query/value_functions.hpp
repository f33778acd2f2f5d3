// Functions of each value by itself.
#pragma once

#include "analytics/query/evaluation.hpp"

#include <cstdint>
#include <span>
#include <string_view>

namespace weir::analytics::query {

/// Changes the values in place; absent ones stay so. The parameters have a value for
/// each of them, or are empty if they were left out.
using value_function = void (*)(std::span<double> values, std::span<const double> first,
                                std::span<const double> second);

/// Null if there is none of this name.
value_function find_value_function(std::string_view name);

enum class date_function : std::uint8_t {
  day_of_month,
  day_of_week, ///< Sunday is 0.
  day_of_year,
  days_in_month,
  hour,
  minute,
  month,
  year,
};
date_function find_date_function(std::string_view name);

/// In UTC; the time is in seconds since 1970. NaN if that is no date.
double date_part(date_function which, double time_s);

} // namespace weir::analytics::query
