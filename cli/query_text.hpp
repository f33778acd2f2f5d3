// Answers and errors of the query language as text for a terminal. Pure; fields that an
// answer does not have are shown empty.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include <cstddef>
#include <string>
#include <string_view>

namespace weir::cli {

/// A table of the answer of /api/v1/query or query_range.
std::string query_result_table(const nlohmann::json& answer);

/// The message, and the line of the expression with a mark below the `column`-th
/// character (from 1) of the whole.
std::string marked_error(std::string_view expression, std::size_t column,
                         std::string_view message);

/// Why there is no answer; `body` is that of the response, or null.
std::string query_refusal(const std::string& url, unsigned status,
                          const nlohmann::json& body);

} // namespace weir::cli
