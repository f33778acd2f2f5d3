// How far a mistyped name is from the names that would be right, for "did you mean".
#pragma once

#include <cstddef>
#include <string_view>

namespace weir::configs {

/// Levenshtein: how many letters must be put in, taken out or replaced.
std::size_t edit_distance(std::string_view a, std::string_view b);

} // namespace weir::configs
