// From the text of a query to its tree. The language is a subset of PromQL as
// Prometheus 2.42 reads it; docs/query.md is its manual.
#pragma once

#include "analytics/query/syntax.hpp"

#include <cstddef>
#include <string_view>

namespace weir::analytics::query {

/// Bounds on what is read; beyond them is an error. The depth is that of the tree: a
/// chain `a + b + c` counts one for each operator.
inline constexpr std::size_t query_bytes_max = 16'384;
inline constexpr std::size_t query_depth_max = 200;
/// Seconds behind `@`, in both directions: some three thousand years.
inline constexpr double query_at_seconds_max = 1e11;

/// The error says at which character, what was found there and what would be right.
/// Pure; thread-safe.
result<node> parse(std::string_view text);

/// The same, for what stands alone between `match[]=`: a selector without a range.
result<selector> parse_selector(std::string_view text);

} // namespace weir::analytics::query
