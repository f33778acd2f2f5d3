// The functions of the language: their names and what they take.
#pragma once

#include "analytics/query/syntax.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace weir::analytics::query {

/// Which part of the evaluator knows it.
enum class function_family : std::uint8_t {
  range,  ///< One value from the samples of a range: rate, avg_over_time, ...
  value,  ///< Each value by itself: abs, round, clamp, ...
  date,   ///< The same, with the time of evaluation as its default.
  labels, ///< label_replace, label_join.
  order,  ///< sort, sort_desc.
  other,
};

struct function {
  std::string_view name;
  function_family family = function_family::other;
  std::vector<value_type> arguments;
  /// How many of them may be left out, at the end.
  std::size_t optional = 0;
  /// Whether the last one may stand again and again.
  bool is_variadic = false;
  value_type gives = value_type::vector;
};

/// All of them, in the order of their names.
std::span<const function> all_functions();

/// Null if there is none of this name.
const function* find_function(std::string_view name);

} // namespace weir::analytics::query
