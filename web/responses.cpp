#include "web/responses.hpp"

#include <nlohmann/json.hpp>

#include <array>

namespace weir::web {

using nlohmann::json;

http_response json_response(unsigned status, const json& value) {
  http_response result;
  result.status = status;
  result.content_type = "application/json; charset=utf-8";
  result.headers.emplace_back("Cache-Control", "no-store");
  result.body = value.dump(-1, ' ', false, json::error_handler_t::replace);
  return result;
}

http_response error_response(unsigned status, std::string_view code,
                             std::string_view message) {
  return json_response(status, {{"error", {{"code", code}, {"message", message}}}});
}

std::span<const std::pair<std::string_view, std::string_view>>
security_headers(bool tls) {
  using header = std::pair<std::string_view, std::string_view>;
  // HSTS stands last, so that plain HTTP leaves it out.
  static constexpr std::array<header, 6> all{{
    {"Content-Security-Policy",
     "default-src 'none'; script-src 'self'; style-src 'self'; connect-src "
     "'self'; img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'; "
     "form-action 'self'"},
    {"X-Content-Type-Options", "nosniff"},
    {"Referrer-Policy", "no-referrer"},
    {"Cross-Origin-Opener-Policy", "same-origin"},
    {"Cross-Origin-Resource-Policy", "same-origin"},
    {"Strict-Transport-Security", "max-age=31536000"},
  }};
  return std::span{all}.first(tls ? all.size() : all.size() - 1);
}

} // namespace weir::web
