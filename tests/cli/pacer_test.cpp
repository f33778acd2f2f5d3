// Simulated time against the wall clock.
#include "cli/pacer.hpp"

#include <catch2/catch.hpp>

using weir::cli::pacer;

namespace {

constexpr std::int64_t hour_ns = 3'600'000'000'000;
constexpr std::int64_t now_ns = 400'000 * hour_ns;

} // namespace

TEST_CASE("at speed 1 from now, events are due at their own time", "[cli]") {
  pacer uut{now_ns, now_ns, 1.0};
  CHECK(uut.due_ns(now_ns) == now_ns);
  CHECK(uut.due_ns(now_ns + 7) == now_ns + 7);
  CHECK(uut.is_live(now_ns + 7));
}

TEST_CASE("faster simulated time catches up with the present and stays with it",
          "[cli]") {
  pacer uut{now_ns - 24 * hour_ns, now_ns, 3600.0};
  CHECK(uut.due_ns(now_ns - 24 * hour_ns) == now_ns);
  CHECK(uut.due_ns(now_ns - 12 * hour_ns) == now_ns + 12 * hour_ns / 3600);
  CHECK_FALSE(uut.is_live(now_ns - 12 * hour_ns));
  // 24 h take 24 s; in them 24 s more come up.
  CHECK_FALSE(uut.is_live(now_ns));
  CHECK(uut.is_live(now_ns + hour_ns));
  CHECK(uut.due_ns(now_ns + hour_ns) == now_ns + hour_ns);
}

TEST_CASE("as fast as possible never waits for the past, always for the present",
          "[cli]") {
  pacer uut{now_ns - 24 * hour_ns, now_ns, 0.0};
  CHECK(uut.due_ns(now_ns - 1) == now_ns);
  CHECK(uut.due_ns(now_ns + 1) == now_ns + 1);
}

TEST_CASE("slower than the clock, simulated time falls behind", "[cli]") {
  pacer uut{now_ns, now_ns, 0.5};
  CHECK(uut.due_ns(now_ns + hour_ns) == now_ns + 2 * hour_ns);
}

TEST_CASE("a recording may lie in the future and keeps its pace", "[cli]") {
  pacer uut{now_ns + 1000 * hour_ns, now_ns, 2.0, false};
  CHECK(uut.due_ns(now_ns + 1000 * hour_ns) == now_ns);
  CHECK(uut.due_ns(now_ns + 1002 * hour_ns) == now_ns + hour_ns);
}
