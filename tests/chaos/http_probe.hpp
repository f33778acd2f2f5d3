// GET from the centre, as little as it takes: for waiting, never for the verdict.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace weir::chaos {

/// The body of a 200 answer within about 2 s.
std::optional<std::string> http_get(std::uint16_t port, const std::string& path,
                                    const std::string& bearer_key);

} // namespace weir::chaos
