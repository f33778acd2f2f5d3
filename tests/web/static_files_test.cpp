// STATIC FILES: only what is in the embedded table, in the best encoding,
// cached as its name allows.
#include "web/static_files.hpp"

#include "web/routes.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <optional>
#include <string>

using namespace weir::web;

namespace {

constexpr embedded_asset hashed{"/assets/app-1a2b.js",
                                "text/javascript; charset=utf-8",
                                "\"1a2b\"",
                                true,
                                "plain",
                                "gz",
                                "br"};

std::string header(const http_response& x, std::string_view name) {
  for (const auto& [key, value] : x.headers)
    if (key == name)
      return value;
  return {};
}

http_request asking(std::string accept, std::string if_none_match = {}) {
  http_request result;
  result.accept_encoding = std::move(accept);
  result.if_none_match = std::move(if_none_match);
  return result;
}

} // namespace

TEST_CASE("the best encoding that both sides have is chosen", "[web]") {
  CHECK(choose_encoding("gzip, deflate, br", true, true) == encoding::brotli);
  CHECK(choose_encoding("gzip, br", true, false) == encoding::gzip);
  CHECK(choose_encoding("gzip;q=0.5 , br;q=0", true, true) == encoding::gzip);
  CHECK(choose_encoding("br;q=0.0, gzip; q=0.000", true, true) == encoding::identity);
  CHECK(choose_encoding("", true, true) == encoding::identity);
  CHECK(choose_encoding("brotli, gzipped", true, true) == encoding::identity);
  CHECK(choose_encoding("gzip,br", false, false) == encoding::identity);
}

TEST_CASE("an asset comes with its type, tag and cache rule", "[web]") {
  auto x = serve_asset(hashed, asking("br"));
  CHECK(x.status == 200);
  CHECK(x.bytes() == "br");
  CHECK(x.content_type == "text/javascript; charset=utf-8");
  CHECK(header(x, "Content-Encoding") == "br");
  CHECK(header(x, "ETag") == "\"1a2b-br\"");
  CHECK(header(x, "Vary") == "Accept-Encoding");
  CHECK(header(x, "Cache-Control") == "public, max-age=31536000, immutable");
  auto plain = serve_asset(hashed, asking(""));
  CHECK(plain.bytes() == "plain");
  CHECK(header(plain, "Content-Encoding").empty());
  auto page = hashed;
  page.immutable = false;
  CHECK(header(serve_asset(page, asking("")), "Cache-Control") == "no-cache");
}

TEST_CASE("a client that has it is told so", "[web]") {
  for (auto tag :
       {"\"1a2b\"", "\"1a2b-br\"", "W/\"1a2b-gz\"", "*", "\"other\", \"1a2b\""}) {
    INFO(tag);
    auto x = serve_asset(hashed, asking("br", tag));
    CHECK(x.status == 304);
    CHECK(x.bytes().empty());
    CHECK_FALSE(header(x, "ETag").empty());
  }
  for (auto tag : {"\"1a2\"", "\"\"", "1a2b2", "\"other\""})
    CHECK(serve_asset(hashed, asking("br", tag)).status == 200);
}

TEST_CASE("every embedded asset is served at exactly its path", "[web]") {
  for (const auto& x : embedded_assets()) {
    REQUIRE(find_asset(x.path) == &x);
    auto match = match_route("GET", x.path);
    REQUIRE(match.found != nullptr);
    CHECK(match.found->who == access::anyone);
    CHECK(match_route("POST", x.path).allow == "GET");
  }
}

TEST_CASE("no path reaches what is not in the table", "[web]") {
  for (auto path : {"/../etc/passwd",
                    "/assets/../../etc/passwd",
                    "/assets/..%2f..%2fetc/passwd",
                    "/%2e%2e/etc/passwd",
                    "/assets/....//etc/passwd",
                    "/assets//etc/passwd",
                    "/assets/%00",
                    "/assets/",
                    "/assets",
                    "/.git/config",
                    "/api.key",
                    "/assets/../api.key",
                    "/assets\\..\\api.key",
                    "/assets/%c0%ae%c0%ae/api.key",
                    "/index.html/",
                    "file:///etc/passwd",
                    "/assets/app.js%00.html",
                    "/~root",
                    "/proc/self/environ",
                    "/./",
                    "//",
                    "/%2F"}) {
    INFO(path);
    CHECK(find_asset(path) == nullptr);
    CHECK(match_route("GET", path).found == nullptr);
  }
}
