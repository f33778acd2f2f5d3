#include "web/access_control.hpp"

#include "web/json_views.hpp"
#include "web/responses.hpp"

#include <nlohmann/json.hpp>

#include <utility>

namespace weir::web {

using nlohmann::json;

namespace {

constexpr std::string_view bearer = "Bearer ";
constexpr std::string_view basic = "Basic ";
constexpr std::size_t login_body_max = 4096;

/// What stands where the key should. Of `Basic` the user's name does not matter.
std::optional<std::string> given_key(const route& route, std::string_view header) {
  if (header.starts_with(bearer))
    return std::string{header.substr(bearer.size())};
  if (!route.takes_basic || !header.starts_with(basic))
    return std::nullopt;
  auto pair = from_base64(header.substr(basic.size()));
  auto colon = pair ? pair->find(':') : std::string::npos;
  return colon == std::string::npos ? std::nullopt
                                    : std::optional{pair->substr(colon + 1)};
}

http_response too_many() {
  auto result = error_response(429, "too_many_failures",
                               "Too many failed logins from this address; try "
                               "again in a minute.");
  result.headers.emplace_back("Retry-After", "60");
  return result;
}

std::string make_cookie(std::string_view secret, bool tls, bool remove) {
  auto result
    = std::string{session_cookie} + '=' + std::string{secret}
      + "; Path=/; HttpOnly; SameSite=Strict; Max-Age=" + (remove ? "0" : "43200");
  if (tls)
    result += "; Secure";
  return result;
}

http_response no_content(std::string cookie) {
  http_response result;
  result.status = 204;
  result.headers.emplace_back("Cache-Control", "no-store");
  result.headers.emplace_back("Set-Cookie", std::move(cookie));
  return result;
}

} // namespace

std::optional<std::string_view> find_cookie(std::string_view header,
                                            std::string_view name) {
  while (!header.empty()) {
    auto end = std::min(header.find(';'), header.size());
    auto pair = header.substr(0, end);
    header.remove_prefix(std::min(end + 1, header.size()));
    while (pair.starts_with(' '))
      pair.remove_prefix(1);
    if (pair.starts_with(name) && pair.substr(name.size()).starts_with('='))
      return pair.substr(name.size() + 1);
  }
  return std::nullopt;
}

access_control::access_control(std::string_view key, origin_policy origins,
                               session_limits limits, web_counters& counters)
  : key_(digest_of(key)), origins_(std::move(origins)), sessions_(limits),
    counters_(counters) {
}

expected<caller, http_response> access_control::identify(const route& route,
                                                         const http_request& request,
                                                         std::int64_t now_ns) {
  if (!request.authorization.empty()) {
    auto given = given_key(route, request.authorization);
    if (given && same_digest(digest_of(*given), key_))
      return caller{role::admin, {}};
    return unexpected(
      refuse_login(request, now_ns,
                   error_response(401, "bad_key",
                                  "This is not the key; the right one is the text in "
                                  "api.key in the data directory of weir-central.")));
  }
  auto secret = find_cookie(request.cookie, session_cookie);
  if (secret && sessions_.touch(*secret, now_ns))
    return caller{role::session, std::string{*secret}};
  return caller{};
}

expected<caller, http_response> access_control::admit(const route& route,
                                                      const http_request& request,
                                                      std::int64_t now_ns) {
  if (route.who == access::anyone)
    return caller{};
  auto who = identify(route, request, now_ns);
  if (!who)
    return who;
  if (who->role == role::anonymous && route.who != access::login) {
    auto refusal = error_response(
      401, "not_signed_in",
      "This needs a session (open a link made by POST /api/v1/links) or the "
      "header `Authorization: Bearer KEY`.");
    refusal.headers.emplace_back("WWW-Authenticate", "Bearer");
    return unexpected(std::move(refusal));
  }
  if (who->role != role::admin && route.who == access::admin)
    return unexpected(error_response(
      403, "admin_only",
      "This needs the header `Authorization: Bearer KEY`; a session is not "
      "enough."));
  if (route.guards_origin && who->role != role::admin
      && !origins_.allows(request.origin, request.host, request.tls))
    return unexpected(error_response(
      403, "bad_origin",
      "The request's Origin is missing or not this server's own; another "
      "page's must be listed in the setting web.allowed_origins."));
  return who;
}

http_response access_control::refuse_login(const http_request& request,
                                           std::int64_t now_ns, http_response refusal) {
  counters_.logins_failed += 1;
  if (!failures_.allows(request.remote, now_ns)) {
    counters_.logins_limited += 1;
    return too_many();
  }
  failures_.spend(request.remote, now_ns);
  return refusal;
}

http_response access_control::make_link(std::int64_t now_ns) {
  auto link = sessions_.make_link(now_ns);
  return json_response(200, {{"token", link.token},
                             {"path", "/#token=" + link.token},
                             {"expires_ms", ms_json(link.expires_ns)}});
}

http_response access_control::login(const http_request& request, std::int64_t now_ns) {
  if (!failures_.allows(request.remote, now_ns)) {
    counters_.logins_limited += 1;
    return too_many();
  }
  json body;
  if (request.body.size() <= login_body_max)
    body = json::parse(request.body, nullptr, false);
  if (!body.is_object() || !body.contains("token") || !body["token"].is_string())
    return error_response(400, "malformed", "The body must be {\"token\": \"...\"}.");
  auto secret = sessions_.redeem(body["token"].get_ref<const std::string&>(), now_ns);
  if (!secret)
    return refuse_login(request, now_ns,
                        error_response(403, "bad_token",
                                       "This link was used before or is older "
                                       "than 15 minutes; ask for a new one."));
  return no_content(make_cookie(*secret, request.tls, false));
}

http_response access_control::logout(const caller& who, const http_request& request) {
  if (who.role == role::session)
    sessions_.end(who.session);
  return no_content(make_cookie("", request.tls, true));
}

} // namespace weir::web
