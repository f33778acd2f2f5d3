// NODE CLOCK with clocks that are moved by hand: a boot in 1970, jumps, drift, and
// events that wait for the time.
#include "analytics/node_clock.hpp"

#include <catch2/catch.hpp>

using namespace weir::analytics;

namespace {

constexpr std::int64_t s = 1'000'000'000;
constexpr std::int64_t week = 7 * 86'400 * s;
constexpr std::int64_t in_2026 = 1'780'000'000 * s;

struct fixture {
  std::int64_t wall = in_2026;
  std::int64_t steady = 5 * s;
  node_clock uut;

  /// Both clocks run.
  void pass(std::int64_t time_ns) {
    wall += time_ns;
    steady += time_ns;
  }
  clock_reading observe() {
    return uut.observe(wall, steady);
  }
};

} // namespace

TEST_CASE_METHOD(fixture, "a clock that was set and runs is trusted", "[analytics]") {
  CHECK_FALSE(uut.is_trusted());
  for (int i = 0; i < 100; ++i) {
    auto reading = observe();
    CHECK(reading.trusted);
    CHECK(reading.wall_ns == wall);
    CHECK(reading.jump_ns == 0);
    pass(s);
  }
  CHECK(uut.jumps() == 0);
}

TEST_CASE_METHOD(fixture,
                 "a boot in 1970 is not trusted until the network has the time",
                 "[analytics]") {
  wall = 12 * s;
  CHECK_FALSE(observe().trusted);
  CHECK_FALSE(uut.restamp(steady));
  auto event_steady = steady;
  pass(30 * s);
  CHECK_FALSE(observe().trusted);
  wall = in_2026;
  auto set = observe();
  CHECK(set.trusted);
  CHECK(set.jump_ns == in_2026 - 42 * s);
  CHECK(uut.jumps() == 1);
  CHECK(uut.restamp(event_steady) == in_2026 - 30 * s);
  pass(s);
  CHECK(observe().jump_ns == 0); // Told once.
  CHECK(uut.restamp(event_steady) == in_2026 - 30 * s);
}

TEST_CASE_METHOD(fixture, "a jump back by two weeks is told once with its size",
                 "[analytics]") {
  observe();
  pass(10 * s);
  wall -= 2 * week;
  auto reading = observe();
  CHECK(reading.jump_ns == -2 * week);
  CHECK(reading.trusted);
  pass(10 * s);
  CHECK(observe().jump_ns == 0);
  CHECK(uut.jumps() == 1);
}

TEST_CASE_METHOD(fixture, "a jump to before all trust takes it away", "[analytics]") {
  observe();
  wall = 0;
  CHECK_FALSE(observe().trusted);
  CHECK_FALSE(uut.restamp(steady));
  wall = in_2026;
  CHECK(observe().trusted);
  CHECK(uut.jumps() == 2);
}

TEST_CASE_METHOD(fixture, "a jump is more than jump_ns, in both directions",
                 "[analytics]") {
  observe();
  wall += 2 * s;
  CHECK(observe().jump_ns == 0);
  wall -= 2 * s;
  CHECK(observe().jump_ns == 0);
  wall += 2 * s + 1;
  CHECK(observe().jump_ns == 2 * s + 1);
  wall -= 2 * s + 1;
  CHECK(observe().jump_ns == -2 * s - 1);
}

TEST_CASE_METHOD(fixture, "slow drift is no jump, however long nobody looked",
                 "[analytics]") {
  observe();
  for (int i = 0; i < 100'000; ++i) {
    pass(s);
    wall += s / 2'000; // 500 ppm: 50 s in all.
    observe();
  }
  CHECK(uut.jumps() == 0);
  pass(week);
  wall -= week / 2'000; // 302 s at once.
  CHECK(observe().jump_ns == 0);
  pass(week);
  wall -= week / 1'000;
  CHECK(observe().jump_ns == -week / 1'000);
}

TEST_CASE("clocks at the ends of time do no harm", "[analytics]") {
  node_clock uut;
  CHECK_FALSE(uut.observe(INT64_MIN, INT64_MAX).trusted);
  CHECK(uut.observe(INT64_MAX, INT64_MIN).trusted);
  CHECK(uut.restamp(INT64_MAX) == INT64_MAX);
  CHECK(uut.jumps() == 1);
}

TEST_CASE("validate says which setting of the clock is wrong", "[analytics]") {
  CHECK(validate(node_clock_config{}));
  CHECK_FALSE(validate(node_clock_config{.trusted_after_ns = -1}));
  CHECK(validate(node_clock_config{.jump_ns = 0}).error()
        == "jump_ns: found 0, accepted: 1000000 (1 ms) or more");
  CHECK_FALSE(validate(node_clock_config{.drift_ppm = 200'000}));
}
