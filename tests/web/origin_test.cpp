// A corpus of origins: which pages may write and open a WebSocket.
#include "web/origin.hpp"

#include <catch2/catch.hpp>

using namespace weir::web;

namespace {

struct origin_case {
  const char* origin;
  const char* host;
  bool tls;
  bool allowed;
};

constexpr origin_case corpus[] = {
  // Ours, in every spelling.
  {"http://127.0.0.1:8080", "127.0.0.1:8080", false, true},
  {"http://localhost:8080", "localhost:8080", false, true},
  {"http://[::1]:8080", "[::1]:8080", false, true},
  {"http://127.0.0.1", "127.0.0.1:80", false, true},
  {"http://127.0.0.1:80", "127.0.0.1", false, true},
  {"HTTP://LocalHost:8080", "LOCALHOST:8080", false, true},
  {"https://weir.example", "weir.example:443", true, true},
  {"https://weir.example:8443", "weir.example:8443", true, true},
  // Listed.
  {"https://board.example", "127.0.0.1:8080", false, true},
  {"https://board.example:443", "127.0.0.1:8080", false, true},
  // Other pages.
  {"http://evil.example", "127.0.0.1:8080", false, false},
  {"http://127.0.0.1:8081", "127.0.0.1:8080", false, false},
  {"https://127.0.0.1:8080", "127.0.0.1:8080", false, false},
  {"http://weir.example:8443", "weir.example:8443", true, false},
  {"http://localhost:8080", "127.0.0.1:8080", false, false},
  {"https://board.example.evil.example", "127.0.0.1:8080", false, false},
  {"https://board.example:444", "127.0.0.1:8080", false, false},
  // A name that an attacker points at this machine (DNS rebinding).
  {"http://evil.example:8080", "evil.example:8080", false, false},
  {"http://127.0.0.1.evil.example", "127.0.0.1.evil.example", false, false},
  // Not an origin at all.
  {"null", "127.0.0.1:8080", false, false},
  {"", "127.0.0.1:8080", false, false},
  {"", "", false, false},
  {"http://", "", false, false},
  {"http://127.0.0.1:8080/", "127.0.0.1:8080", false, false},
  {"http://user@127.0.0.1:8080", "user@127.0.0.1:8080", false, false},
  {"http://127.0.0.1:0", "127.0.0.1:0", false, false},
  {"http://127.0.0.1:99999", "127.0.0.1:99999", false, false},
  {"file://127.0.0.1", "127.0.0.1", false, false},
};

} // namespace

TEST_CASE("only our own and listed origins are allowed", "[web]") {
  origin_policy policy{{"https://board.example"}};
  REQUIRE_FALSE(policy.invalid());
  for (const auto& x : corpus) {
    INFO(x.origin << " to " << x.host << (x.tls ? " with TLS" : ""));
    CHECK(policy.allows(x.origin, x.host, x.tls) == x.allowed);
  }
}

TEST_CASE("a setting that is no origin is named", "[web]") {
  CHECK(origin_policy{{"https://a.example", "b.example"}}.invalid() == "b.example");
  CHECK(origin_policy{{"*"}}.invalid() == "*");
}
