// Words that messages to the writer of an expression are made of.
#pragma once

#include "analytics/expression.hpp"

#include <string>
#include <string_view>

namespace weir::analytics::expressions {

/// "a number"
std::string with_article(value_type x);

/// A name in backticks. Long ones are cut, so that a message stays one line.
std::string shown(std::string_view name);

} // namespace weir::analytics::expressions
