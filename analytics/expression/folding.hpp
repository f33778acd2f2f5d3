// Puts the constants of a series into an expression and works out what follows, so
// that texts disappear and only what depends on the event is left.
#pragma once

#include "analytics/expression/syntax.hpp"

#include <optional>
#include <string>
#include <vector>

namespace weir::analytics::expressions {

/// What is left: nodes in postfix order, at least one. An expression of type text
/// folds to one node; `text` is its value then, nothing if it is missing.
struct folded {
  std::vector<node> nodes;
  std::optional<std::string> text;
};

folded fold(const syntax& parsed, const constant_source& constants);

} // namespace weir::analytics::expressions
