// The UI's files from the embedded table: encoding, caching, 304. Pure.
#pragma once

#include "web/embedded_assets.hpp"
#include "web/http_message.hpp"

#include <cstdint>
#include <string_view>

namespace weir::web {

enum class encoding : std::uint8_t { identity, gzip, brotli };

/// The best of what is there and what `accept_encoding` takes.
encoding choose_encoding(std::string_view accept_encoding, bool has_gzip,
                         bool has_brotli);

/// The answer with this asset; its bytes are not copied.
http_response serve_asset(const embedded_asset& asset, const http_request& request);

/// The asset of this exact path, or nullptr.
const embedded_asset* find_asset(std::string_view path);

} // namespace weir::web
