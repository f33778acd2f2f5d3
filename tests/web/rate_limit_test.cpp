// RATE LIMIT: a burst, then a trickle, per address and bounded.
#include "web/rate_limit.hpp"

#include <catch2/catch.hpp>

using namespace weir::web;

namespace {

constexpr std::int64_t second_ns = 1'000'000'000;

} // namespace

TEST_CASE("a burst is allowed, then one try per interval", "[web]") {
  rate_limiter uut{{.burst = 3, .per_second = 0.5}};
  for (int i = 0; i < 3; ++i) {
    CHECK(uut.allows("a", 0));
    uut.spend("a", 0);
  }
  CHECK_FALSE(uut.allows("a", 0));
  CHECK(uut.allows("b", 0));
  CHECK_FALSE(uut.allows("a", second_ns));
  CHECK(uut.allows("a", 2 * second_ns));
}

TEST_CASE("a clock that is set back gives nothing", "[web]") {
  rate_limiter uut{{.burst = 1, .per_second = 1}};
  uut.spend("a", 100 * second_ns);
  CHECK_FALSE(uut.allows("a", 0));
}

TEST_CASE("the number of addresses is bounded and the guilty stay", "[web]") {
  rate_limiter uut{{.burst = 2, .per_second = 0.001, .addresses_max = 3}};
  uut.spend("guilty", 0);
  uut.spend("guilty", 0);
  for (int i = 0; i < 100; ++i)
    uut.spend("address-" + std::to_string(i), 0);
  CHECK(uut.size() == 3);
  CHECK_FALSE(uut.allows("guilty", 0));
}
