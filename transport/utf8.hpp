// UTF-8 as RFC 3629 has it, and quoting for messages.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace weir::transport {

/// No overlong forms, no surrogates, nothing beyond U+10FFFF.
bool is_utf8(std::string_view text);

/// At most `bytes_max` bytes of `text`, never cut inside a character.
/// @pre `text` is UTF-8.
std::string_view cut_utf8(std::string_view text, std::size_t bytes_max);

/// Appends `text` in double quotes for a person to read: cut to `bytes_max`,
/// with
/// `?` for control characters and for what is not UTF-8.
void append_quoted(std::string& out, std::string_view text, std::size_t bytes_max);

} // namespace weir::transport
