// Who asks, and whether the route is for them: keys, sessions, origins, and the
// limit on failed logins. Used on the socket thread; time is a parameter.
#pragma once

#include "web/http_message.hpp"
#include "web/origin.hpp"
#include "web/rate_limit.hpp"
#include "web/routes.hpp"
#include "web/sessions.hpp"
#include "web/web_counters.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace weir::web {

enum class role : std::uint8_t { anonymous, session, admin };

struct caller {
  web::role role = web::role::anonymous;
  std::string session; ///< Its secret, if the role is session.
};

class access_control {
public:
  access_control(std::string_view key, origin_policy origins, session_limits limits,
                 web_counters& counters);

  /// The caller if `route` is for them, else the refusal (401, 403, 429).
  expected<caller, http_response> admit(const route& route, const http_request& request,
                                        std::int64_t now_ns);

  /// POST /api/v1/links
  http_response make_link(std::int64_t now_ns);
  /// POST /api/v1/session
  http_response login(const http_request& request, std::int64_t now_ns);
  /// DELETE /api/v1/session
  http_response logout(const caller& who, const http_request& request);

  session_registry& sessions() {
    return sessions_;
  }

private:
  expected<caller, http_response>
  identify(const route& route, const http_request& request, std::int64_t now_ns);
  http_response refuse_login(const http_request& request, std::int64_t now_ns,
                             http_response refusal);

  digest key_;
  origin_policy origins_;
  session_registry sessions_;
  rate_limiter failures_;
  web_counters& counters_;
};

inline constexpr std::string_view session_cookie = "weir_session";

/// The value of a cookie, or nothing.
std::optional<std::string_view> find_cookie(std::string_view header,
                                            std::string_view name);

} // namespace weir::web
