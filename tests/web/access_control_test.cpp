// ACCESS CONTROL: every route for everyone who may come, and the login itself.
#include "web/access_control.hpp"

#include "web/secrets.hpp"

#include <nlohmann/json.hpp>

#include <catch2/catch.hpp>

#include <string>

using namespace weir::web;
using nlohmann::json;

namespace {

constexpr std::int64_t minute_ns = 60ll * 1'000'000'000;
constexpr std::int64_t now_ns = 1'700'000'000ll * 1'000'000'000;
constexpr auto own_origin = "http://127.0.0.1:8080";
const std::string key(64, 'k');

std::string code_of(const http_response& x) {
  return json::parse(x.body)["error"]["code"];
}

std::string header(const http_response& x, std::string_view name) {
  for (const auto& [field, value] : x.headers)
    if (field == name)
      return value;
  return {};
}

struct fixture {
  web_counters counters;
  access_control uut{key, origin_policy{{}}, {}, counters};

  http_request request(std::string origin = own_origin) {
    http_request result;
    result.host = "127.0.0.1:8080";
    result.origin = std::move(origin);
    result.remote = "127.0.0.1";
    return result;
  }

  http_request with_session(std::int64_t made_ns) {
    auto link = json::parse(uut.make_link(made_ns).body);
    auto login = request();
    login.body = json{{"token", link["token"]}}.dump();
    auto cookie = header(uut.login(login, made_ns), "Set-Cookie");
    auto result = request();
    result.cookie = "other=1; " + cookie.substr(0, cookie.find(';'));
    return result;
  }

  http_request with_key(std::string bearer, std::string origin = {}) {
    auto result = request(std::move(origin));
    result.authorization = std::move(bearer);
    return result;
  }

  /// 200 if admitted, else the refusal's status.
  unsigned status(const route& to, const http_request& x) {
    auto who = uut.admit(to, x, now_ns);
    return who ? 200 : who.error().status;
  }
};

} // namespace

TEST_CASE_METHOD(fixture, "every route admits whom it should", "[web]") {
  auto session = with_session(now_ns);
  auto expired = with_session(now_ns - 31 * minute_ns);
  for (const auto& x : routes()) {
    INFO(x.method << ' ' << x.path);
    bool open = x.who == access::anyone;
    bool login = x.who == access::login;
    bool admin = x.who == access::admin;
    CHECK(status(x, request()) == (open || login ? 200 : 401));
    CHECK(status(x, session) == (admin ? 403 : 200));
    CHECK(status(x, expired) == (open || login ? 200 : 401));
    CHECK(status(x, with_key("Bearer " + key)) == 200);
  }
}

TEST_CASE_METHOD(fixture, "a wrong key admits to public routes only", "[web]") {
  for (const auto& wrong :
       {std::string{"Bearer "}, "Bearer " + key.substr(1), "Bearer " + key + "k",
        "bearer " + key, key, "Basic " + key, "Bearer  " + key})
    for (const auto& x : routes()) {
      INFO(wrong << " for " << x.method << ' ' << x.path);
      fixture fresh; // Else the limit on failures answers.
      CHECK(fresh.status(x, fresh.with_key(wrong))
            == (x.who == access::anyone ? 200 : 401));
    }
}

TEST_CASE_METHOD(fixture, "clients of Prometheus may send the key as a password",
                 "[web]") {
  // Of any user; nothing else of `Basic` is taken, and nowhere else.
  auto basic = [](const std::string& pair) { return "Basic " + to_base64(pair); };
  for (const auto& x : routes()) {
    if (x.who == access::anyone)
      continue;
    INFO(x.method << ' ' << x.path);
    fixture fresh;
    CHECK(fresh.status(x, fresh.with_key(basic("weir:" + key)))
          == (x.takes_basic ? 200 : 401));
    CHECK(fresh.status(x, fresh.with_key(basic(":" + key)))
          == (x.takes_basic ? 200 : 401));
    for (const auto& wrong : {basic("weir:" + key + "k"), basic(key), basic(key + ":"),
                              basic(""), std::string{"Basic "}, "Basic weir:" + key,
                              "basic " + to_base64("weir:" + key)}) {
      fixture other; // Else the limit on failures answers.
      CHECK(other.status(x, other.with_key(wrong)) == 401);
    }
  }
}

TEST_CASE_METHOD(fixture, "a wrong key is not saved by a good session", "[web]") {
  auto x = with_session(now_ns);
  x.authorization = "Bearer wrong";
  CHECK(status(*match_route("GET", "/api/v1/overview").found, x) == 401);
}

TEST_CASE_METHOD(fixture, "writes and WebSockets need an origin of ours or the key",
                 "[web]") {
  auto session = with_session(now_ns);
  for (const auto& x : routes()) {
    if (!x.guards_origin || x.who == access::admin)
      continue;
    INFO(x.method << ' ' << x.path);
    for (auto origin : {"", "null", "http://evil.example"}) {
      session.origin = origin;
      auto who = uut.admit(x, session, now_ns);
      REQUIRE_FALSE(who);
      CHECK(who.error().status == 403);
      CHECK(code_of(who.error()) == "bad_origin");
    }
    CHECK(status(x, with_key("Bearer " + key)) == 200);
  }
  session.origin.clear();
  CHECK(status(*match_route("GET", "/api/v1/overview").found, session) == 200);
}

TEST_CASE_METHOD(fixture, "a token burns at the first login", "[web]") {
  auto made = uut.make_link(now_ns);
  CHECK(made.status == 200);
  auto link = json::parse(made.body);
  CHECK(link["path"] == "/#token=" + link["token"].get<std::string>());
  CHECK(link["expires_ms"] == (now_ns + 15 * minute_ns) / 1'000'000);
  auto login = request();
  login.body = json{{"token", link["token"]}}.dump();
  auto first = uut.login(login, now_ns);
  CHECK(first.status == 204);
  auto cookie = header(first, "Set-Cookie");
  CHECK(cookie.starts_with("weir_session="));
  for (auto part : {"; HttpOnly", "; SameSite=Strict", "; Path=/"})
    CHECK(cookie.find(part) != std::string::npos);
  CHECK(cookie.find("Secure") == std::string::npos);
  CHECK(cookie.find(link["token"].get<std::string>()) == std::string::npos);
  auto second = uut.login(login, now_ns);
  CHECK(second.status == 403);
  CHECK(code_of(second) == "bad_token");
}

TEST_CASE_METHOD(fixture, "under TLS the cookie is Secure", "[web]") {
  auto link = json::parse(uut.make_link(now_ns).body);
  auto login = request();
  login.tls = true;
  login.body = json{{"token", link["token"]}}.dump();
  CHECK(header(uut.login(login, now_ns), "Set-Cookie").ends_with("; Secure"));
}

TEST_CASE_METHOD(fixture, "a login that is not JSON says what would be right",
                 "[web]") {
  for (auto body : {"", "{", "[]", "{\"token\": 1}", "null", "\"x\""}) {
    auto login = request();
    login.body = body;
    CHECK(uut.login(login, now_ns).status == 400);
  }
  auto huge = request();
  huge.body = "{\"token\":\"" + std::string(5000, 'a') + "\"}";
  CHECK(uut.login(huge, now_ns).status == 400);
}

TEST_CASE_METHOD(fixture, "failed logins are limited per address", "[web]") {
  auto login = request();
  login.body = R"({"token": "guess"})";
  for (int i = 0; i < 10; ++i)
    CHECK(uut.login(login, now_ns).status == 403);
  auto limited = uut.login(login, now_ns);
  CHECK(limited.status == 429);
  CHECK(header(limited, "Retry-After") == "60");
  CHECK(counters.logins_limited == 1);
  login.remote = "192.0.2.1";
  CHECK(uut.login(login, now_ns).status == 403);
  const auto& overview = *match_route("GET", "/api/v1/overview").found;
  CHECK(status(overview, with_key("Bearer wrong")) == 429);
  CHECK(status(overview, with_key("Bearer " + key)) == 200);
}

TEST_CASE_METHOD(fixture, "logout ends the session and clears the cookie", "[web]") {
  auto x = with_session(now_ns);
  const auto& logout = *match_route("DELETE", "/api/v1/session").found;
  auto who = uut.admit(logout, x, now_ns);
  REQUIRE(who);
  auto response = uut.logout(*who, x);
  CHECK(response.status == 204);
  CHECK(header(response, "Set-Cookie").find("Max-Age=0") != std::string::npos);
  CHECK(status(logout, x) == 401);
}

TEST_CASE("cookies are found among others", "[web]") {
  CHECK(find_cookie("a=1; weir_session=x; b=2", "weir_session") == "x");
  CHECK(find_cookie("weir_session=x", "weir_session") == "x");
  CHECK_FALSE(find_cookie("my_weir_session=x", "weir_session"));
  CHECK_FALSE(find_cookie("weir_session_2=x", "weir_session"));
  CHECK_FALSE(find_cookie("", "weir_session"));
}
