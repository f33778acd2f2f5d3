// Files that hold a secret in their first line. Private to transport/.
#pragma once

#include "transport/errors.hpp"

#include <filesystem>
#include <string>
#include <string_view>

namespace weir::transport {

/// The first line, without its end. unreadable_file if it cannot be read, or if
/// others than its owner may read it. `what` names it in the message.
expected<std::string, error> read_private_line(const std::filesystem::path& file,
                                               std::string_view what);

} // namespace weir::transport
