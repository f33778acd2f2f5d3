// What can be told about JSON text without a parser. Private to transport/.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

namespace weir::transport {

/// Without JSON's white space at both ends.
std::string_view trim_json(std::string_view text);

/// Without the byte order mark that some editors put in front.
std::string_view without_bom(std::string_view text);

/// A number in JSON's grammar; infinity if a double does not hold it. Nothing
/// for anything else, such as "NaN", "+1" or "01".
std::optional<double> json_number(std::string_view text);

/// Whether text that starts with `{` is one value per line, rather than one
/// object over one or several lines. @pre `text` is trimmed.
bool is_several_lines(std::string_view text);

/// Whether objects and arrays in `text` (one JSON value) nest deeper than
/// `depth_max`.
bool nests_deeper(std::string_view text, std::size_t depth_max);

} // namespace weir::transport
