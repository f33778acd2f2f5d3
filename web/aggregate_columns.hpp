// The aggregates that a question asks for beside what every summary has: columns of
// its answer. Which there are: analytics/aggregates.hpp. Pure.
#pragma once

#include "analytics/aggregates.hpp"

#include <nlohmann/json_fwd.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace weir::web {

/// "p50, top(3, user)": the parts between the commas that stand in no parentheses.
std::vector<std::string> split_list(std::string_view text);

/// Of such a list; the error is a sentence about the first that is wrong.
expected<std::vector<analytics::aggregate_spec>, std::string>
parse_aggregate_list(std::string_view text);

/// Their names, as they were asked for, behind those that are there.
void append_aggregate_columns(nlohmann::json& columns,
                              const std::vector<analytics::aggregate_spec>& specs);

/// Their values of `x`; null where the summary's window did not keep what it takes.
void append_aggregates(nlohmann::json& row, const analytics::summary& x,
                       const std::vector<analytics::aggregate_spec>& specs);

} // namespace weir::web
