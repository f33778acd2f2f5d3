// Ready-made responses: errors as API.md writes them, and the headers that
// stand on every response.
#pragma once

#include "web/http_message.hpp"

#include <nlohmann/json_fwd.hpp>

#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace weir::web {

/// JSON, never cached. Bytes that are not UTF-8 become U+FFFD.
http_response json_response(unsigned status, const nlohmann::json& value);

/// `{"error": {"code", "message"}}`.
http_response error_response(unsigned status, std::string_view code,
                             std::string_view message);

/// What a browser is told on every response, whatever it is about.
std::span<const std::pair<std::string_view, std::string_view>>
security_headers(bool tls);

} // namespace weir::web
