// ROUTES: the table is exact, and what is not in it does not exist.
#include "web/routes.hpp"

#include <catch2/catch.hpp>

#include <map>
#include <string>

using weir::web::match_route;
using weir::web::route_id;
using weir::web::routes;
using access_kind = weir::web::access; // `access` alone is a function of POSIX.

TEST_CASE("every route of the table is found by its method and path", "[web]") {
  for (const auto& x : routes()) {
    auto match = match_route(x.method, x.path);
    REQUIRE(match.found != nullptr);
    CHECK(match.found->id == x.id);
  }
}

TEST_CASE("who may ask is what API.md says", "[web]") {
  const std::map<std::string, access_kind> expected{
    {"GET /health", access_kind::anyone},
    {"GET /ready", access_kind::anyone},
    {"GET /metrics", access_kind::reader},
    {"POST /api/v1/links", access_kind::admin},
    {"POST /api/v1/session", access_kind::login},
    {"DELETE /api/v1/session", access_kind::reader},
    {"GET /api/v1/overview", access_kind::reader},
    {"GET /api/v1/series", access_kind::reader},
    {"GET /api/v1/query", access_kind::reader},
    {"GET /api/v1/anomalies", access_kind::reader},
    {"GET /api/v1/alerts", access_kind::reader},
    {"GET /api/v1/quarantine", access_kind::reader},
    {"GET /api/v1/ledger", access_kind::reader},
    {"GET /api/v1/ledger/edge", access_kind::reader},
    {"GET /api/v1/import", access_kind::admin},
    {"POST /api/v1/import", access_kind::admin},
    {"GET /api/v1/export", access_kind::reader},
    {"GET /api/v1/live", access_kind::reader},
    {"POST /api/v1/query", access_kind::reader},
    {"GET /api/v1/query_range", access_kind::reader},
    {"POST /api/v1/query_range", access_kind::reader},
    {"POST /api/v1/series", access_kind::reader},
    {"GET /api/v1/labels", access_kind::reader},
    {"POST /api/v1/labels", access_kind::reader},
    {"GET /api/v1/label/*/values", access_kind::reader},
    {"GET /api/v1/metadata", access_kind::reader},
    {"GET /api/v1/status/buildinfo", access_kind::reader},
  };
  std::map<std::string, access_kind> actual;
  for (const auto& x : routes())
    actual.emplace(std::string{x.method} + ' ' + std::string{x.path}, x.who);
  CHECK(actual == expected);
}

TEST_CASE("everything that writes, and the WebSocket, guards its origin", "[web]") {
  for (const auto& x : routes())
    CHECK(x.guards_origin == (x.method != "GET" || x.id == route_id::live));
}

TEST_CASE("a star stands for one part of a path", "[web]") {
  auto match = match_route("GET", "/api/v1/label/__name__/values");
  REQUIRE(match.found != nullptr);
  CHECK(match.found->id == route_id::label_values);
  for (auto path :
       {"/api/v1/label//values", "/api/v1/label/values", "/api/v1/label/a/b/values",
        "/api/v1/label/a/values/", "/api/v1/label/a", "/api/v1/label/a/value"})
    CHECK(match_route("GET", path).found == nullptr);
  CHECK(match_route("POST", "/api/v1/label/a/values").allow == "GET");
}

TEST_CASE("only what changes nothing takes the key as a password", "[web]") {
  for (const auto& x : routes())
    if (x.takes_basic) {
      INFO(x.method << ' ' << x.path);
      CHECK(x.who == access_kind::reader);
      CHECK(x.reads_store);
    }
}

TEST_CASE("a wrong method is told the right ones", "[web]") {
  auto match = match_route("PUT", "/api/v1/session");
  CHECK(match.found == nullptr);
  CHECK(match.allow == "POST, DELETE");
  CHECK(match_route("POST", "/health").allow == "GET");
}

TEST_CASE("paths that only look like a route are nothing", "[web]") {
  for (auto path :
       {"", "/api", "/api/v1", "/api/v1/", "/api/v1/overview/", "/API/v1/overview",
        "/api/v1/%6fverview", "//health", "/health/", "/./health", "/../health",
        "/api/v1/../v1/overview", "/health%00", "/api/v2/overview"}) {
    INFO(path);
    auto match = match_route("GET", path);
    CHECK(match.found == nullptr);
    CHECK(match.allow.empty());
  }
}
