// SERVER over a real socket: routes, roles, sessions, headers, caching.
#include "tests/web/server_fixture.hpp"

#include "web/embedded_assets.hpp"
#include "web/routes.hpp"
#include "web/secrets.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <thread>
#include <vector>

using namespace weir;
using namespace weir::test;

namespace {

struct fixture : server_fixture {
  fixture() {
    start();
  }
};

const std::string token_body(const nlohmann::json& link) {
  return nlohmann::json{{"token", link["token"]}}.dump();
}

} // namespace

TEST_CASE_METHOD(fixture, "health and readiness are for anyone", "[web]") {
  auto health = ask("GET /health");
  CHECK(health.status == 200);
  CHECK(health.json()["status"] == "ok");
  CHECK(health.json()["version"] == "0.1.0");
  CHECK(health.json()["uptime_s"] == 0);
  auto ready = ask("GET /ready");
  CHECK(ready.status == 200);
  CHECK(ready.json()
        == nlohmann::json{
          {"ready", true},
          {"checks", {{{"name", "store_commit"}, {"ok", true}, {"detail", "fine"}}}}});
  is_ready = false;
  auto not_ready = ask("GET /ready");
  CHECK(not_ready.status == 503);
  CHECK(not_ready.json()["ready"] == false);
}

TEST_CASE_METHOD(fixture, "every route answers every role as it should", "[web]") {
  auto cookie = sign_in();
  for (const auto& x : web::routes()) {
    if (x.id == web::route_id::logout || x.id == web::route_id::login)
      continue;
    auto what = std::string{x.method} + ' ' + std::string{x.path};
    if (x.id == web::route_id::query)
      what
        += x.method == "POST" ? "?query=1" : "?series=" + std::to_string(store.id(0));
    if (x.id == web::route_id::query_range)
      what += "?query=1&start=0&end=1&step=1";
    if (x.id == web::route_id::series)
      what += "?match%5B%5D=temperature"; // A POST needs it.
    if (auto star = what.find('*'); star != what.npos)
      what.replace(star, 1, "source");
    if (x.id == web::route_id::edge_ledger)
      what += "?edge=edge-1";
    INFO(what);
    bool open = x.who == web::access::anyone;
    // Past the gate, but asked for nothing that there is.
    bool is_empty = x.id == web::route_id::import_position
                    || x.id == web::route_id::import_block
                    || x.id == web::route_id::export_page;
    int fine = x.id == web::route_id::live ? 426 : is_empty ? 400 : 200;
    CHECK(ask(what).status == (open ? 200 : 401));
    CHECK(ask(what, cookie + origin()).status
          == (x.who == web::access::admin ? 403 : fine));
    CHECK(ask(what, bearer()).status == fine);
  }
  CHECK(ask("GET /api/v1/overview", "Authorization: Bearer no\r\n").status == 401);
  CHECK(ask("GET /api/v1/overview?key=" + key).status == 401);
  clock_offset_ns = 31ll * 60 * 1'000'000'000;
  CHECK(ask("GET /api/v1/overview", cookie).status == 401);
}

TEST_CASE_METHOD(fixture, "what is not in the table is a JSON error", "[web]") {
  for (auto path : {"/nothing", "/api/v1/", "/../api.key", "/assets/../../api.key",
                    "/%2e%2e/api.key"}) {
    auto reply = ask(std::string{"GET "} + path);
    CHECK(reply.status == 404);
    CHECK(reply.code() == "not_found");
  }
  auto wrong = ask("PUT /api/v1/session");
  CHECK(wrong.status == 405);
  CHECK(wrong.code() == "method_not_allowed");
  CHECK(wrong.headers["allow"] == "POST, DELETE");
}

TEST_CASE_METHOD(fixture, "a link signs in one browser, whoever is first", "[web]") {
  auto body = token_body(ask("POST /api/v1/links", bearer()).json());
  auto request = make_request("POST /api/v1/session", origin(), body);
  std::vector<http_client> browsers;
  for (int i = 0; i < 4; ++i)
    browsers.push_back(connect());
  std::vector<int> statuses(browsers.size());
  {
    std::vector<std::jthread> threads;
    for (std::size_t i = 0; i < browsers.size(); ++i)
      threads.emplace_back(
        [&, i] { statuses[i] = browsers[i].request(request).status; });
  }
  CHECK(std::count(statuses.begin(), statuses.end(), 204) == 1);
  CHECK(std::count(statuses.begin(), statuses.end(), 403) == 3);
}

TEST_CASE_METHOD(fixture, "writes from other pages are refused", "[web]") {
  auto cookie = sign_in();
  auto body = token_body(ask("POST /api/v1/links", bearer()).json());
  auto evil = std::string{"Origin: http://evil.example\r\n"};
  CHECK(ask("POST /api/v1/session", evil, body).code() == "bad_origin");
  CHECK(ask("POST /api/v1/session", "", body).code() == "bad_origin");
  CHECK(ask("DELETE /api/v1/session", cookie + evil).code() == "bad_origin");
  CHECK(ask("POST /api/v1/session", origin(), body).status == 204);
}

TEST_CASE_METHOD(fixture, "logging out ends the session", "[web]") {
  auto cookie = sign_in();
  CHECK(ask("GET /api/v1/overview", cookie).status == 200);
  CHECK(ask("DELETE /api/v1/session", cookie + origin()).status == 204);
  CHECK(ask("GET /api/v1/overview", cookie).status == 401);
}

TEST_CASE_METHOD(fixture, "every answer carries the security headers", "[web]") {
  for (auto what : {"GET /health", "GET /nothing", "GET /api/v1/overview", "GET /",
                    "BAD REQUEST"}) {
    INFO(what);
    auto reply = ask(what);
    CHECK(reply.headers["content-security-policy"].starts_with(
      "default-src 'none'; script-src 'self';"));
    CHECK(reply.headers["x-content-type-options"] == "nosniff");
    CHECK(reply.headers["referrer-policy"] == "no-referrer");
    CHECK(reply.headers["cross-origin-opener-policy"] == "same-origin");
    CHECK(reply.headers["cross-origin-resource-policy"] == "same-origin");
    CHECK_FALSE(reply.headers.contains("strict-transport-security"));
    CHECK_FALSE(reply.headers.contains("server"));
  }
  CHECK(ask("GET /health").headers["cache-control"] == "no-store");
}

TEST_CASE_METHOD(fixture, "the page comes once, then 304", "[web]") {
  auto page = ask("GET /");
  if (web::embedded_assets().empty()) {
    CHECK(page.status == 404);
    return;
  }
  REQUIRE(page.status == 200);
  CHECK(page.headers["content-type"].starts_with("text/html"));
  CHECK(page.headers["cache-control"] == "no-cache");
  auto tag = "If-None-Match: " + page.headers.at("etag") + "\r\n";
  auto browser = connect();
  auto again = browser.request(make_request("GET /", tag), false);
  CHECK(again.status == 304);
  CHECK(again.headers["etag"] == page.headers["etag"]);
  CHECK(browser.request(make_request("GET /health")).status == 200);
  auto packed = ask("GET /", "Accept-Encoding: gzip, br\r\n");
  CHECK(packed.body.size() <= page.body.size());
}

TEST_CASE_METHOD(fixture, "HEAD is GET without the body", "[web]") {
  auto browser = connect();
  auto head = browser.request(make_request("HEAD /health"), false);
  CHECK(head.status == 200);
  CHECK(std::stoi(head.headers["content-length"]) > 20);
  CHECK(browser.request(make_request("GET /health")).json()["status"] == "ok");
}

TEST_CASE_METHOD(fixture, "the API reads the real store", "[web]") {
  auto cookie = sign_in();
  CHECK(ask("GET /api/v1/series", cookie).json()["series"].size() == 2);
  auto query = "GET /api/v1/query?series=" + std::to_string(store.id(0))
               + "&from=0&to=" + std::to_string((base_ns + 9 * width_ns) / ms_ns);
  CHECK(ask(query, cookie).json()["rows"].size() == 3);
  CHECK(ask("GET /api/v1/query", cookie).code() == "bad_parameter");
}

TEST_CASE_METHOD(fixture, "clients of Prometheus ask with a form, a key or a session",
                 "[web]") {
  auto form = std::string{"query=temperature&time=1700000010"};
  auto basic = "Authorization: Basic " + web::to_base64("any:" + key) + "\r\n";
  auto cookie = sign_in();
  for (const auto& headers : {bearer(), basic, cookie + origin()}) {
    INFO(headers);
    auto posted = ask("POST /api/v1/query", headers, form).json();
    CHECK(posted["data"]["result"][0]["value"][1] == "2.5");
    CHECK(ask("GET /api/v1/query?" + form, headers).json() == posted);
    CHECK(ask("GET /api/v1/label/source/values", headers).json()["data"]
          == nlohmann::json{"m-01"});
  }
  CHECK(ask("POST /api/v1/query", cookie, form).code() == "bad_origin");
  CHECK(ask("POST /api/v1/query", "", form).status == 401);
  CHECK(ask("GET /api/v1/overview", basic).status == 401);
}

TEST_CASE_METHOD(fixture, "guessing is limited", "[web]") {
  std::vector<int> statuses;
  for (int i = 0; i < 12; ++i)
    statuses.push_back(
      ask("POST /api/v1/session", origin(), R"({"token":"x"})").status);
  CHECK(std::count(statuses.begin(), statuses.end(), 403) == 10);
  CHECK(statuses.back() == 429);
  CHECK(metric("weir_web_logins_limited_total") >= 2);
}

TEST_CASE_METHOD(fixture, "the key survives a restart, sessions do not", "[web]") {
  auto cookie = sign_in();
  auto old_key = key;
  server.reset();
  start();
  CHECK(key == old_key);
  CHECK(ask("GET /api/v1/overview", bearer()).status == 200);
  CHECK(ask("GET /api/v1/overview", cookie).status == 401);
}

TEST_CASE_METHOD(fixture, "stopping is quick and can be done twice", "[web]") {
  auto idle = connect();
  auto live = connect();
  REQUIRE(live.open_live(bearer()).status == 101);
  live.read_until("hello");
  auto begin = std::chrono::steady_clock::now();
  int close_code = 0;
  std::jthread reader{[&] {
    auto x = live.read_frame();
    while (x.opcode != 8 && x.opcode != -1)
      x = live.read_frame();
    close_code = x.close_code();
  }};
  server->stop();
  server->stop();
  reader.join();
  CHECK(close_code == 1001);
  CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds{2});
  server->publish(std::make_shared<storage::commit_report>());
}
