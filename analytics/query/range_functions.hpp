// Functions of the samples in a moving window.
#pragma once

#include "analytics/query/evaluation.hpp"

#include <cstdint>
#include <functional>
#include <span>
#include <string_view>
#include <vector>

namespace weir::analytics::query {

/// The windows of all steps over one series.
struct window_plan {
  std::span<const std::int64_t> times_ms;
  std::span<const double> values;
  std::span<const std::int64_t> ends_ms; ///< Of the window of each step; ascending.
  std::int64_t range_ms = 0;             ///< Both ends belong to the window.
  step_grid grid;
  /// The scalar arguments, with a value for each step.
  std::span<const columns> parameters;
  std::function<bool()> should_stop; ///< May be empty.
};

/// Fills `out`, which has a place for each step; absent where there is no answer. False
/// if it was stopped.
using range_function = bool (*)(const window_plan& plan, std::span<double> out);

/// Null if there is none of this name.
range_function find_range_function(std::string_view name);

} // namespace weir::analytics::query
