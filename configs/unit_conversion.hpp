// Conversions between units, as expressions of `value`: from "degF" to "degC" is
// "(value - 32) / 1.8". What a conversion does is then the same as if somebody had
// written the expression, and can be shown.
#pragma once

#include "analytics/expected.hpp"

#include <string>
#include <string_view>

namespace weir::configs {

/// The expression; see docs/expressions.md. The error names the units that are
/// accepted: all of them, or those of the same kind.
expected<std::string, std::string> unit_conversion(std::string_view from,
                                                   std::string_view to);

bool is_unit(std::string_view name);

} // namespace weir::configs
