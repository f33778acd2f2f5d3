// SOURCE CLOCK and GROUP CLOCK: what event time is, for one source and for many.
#include "analytics/source_clock.hpp"

#include <catch2/catch.hpp>

#include <map>
#include <random>

using namespace weir::analytics;

namespace {

/// 10 until idle, holds for 50, keeps for 100.
group_clock make_group() {
  return group_clock{{10, 50, 100}};
}

} // namespace

TEST_CASE("a source's clock is its largest time, but never beyond the wall clock",
          "[analytics]") {
  source_clock uut;
  CHECK(uut.watermark_ns(5) == time_never);
  uut.observe(100, {1, 1000});
  uut.observe(90, {2, 1000});
  CHECK(uut.watermark_ns(5) == 95);
  CHECK(uut.seen_ns == 2);
  // From the future: what comes after it at the right time must not be late.
  uut.observe(5000, {3, 1000});
  CHECK(uut.watermark_ns(0) == 1000);
  uut.observe(-50, {4, time_forever});
  CHECK(uut.watermark_ns(0) == 1000);
  source_clock before_1970;
  before_1970.observe(-50, {0, 1000});
  CHECK(before_1970.watermark_ns(5) == -55);
}

TEST_CASE("a group's clock is that of its slowest source", "[analytics]") {
  auto uut = make_group();
  uut.update(0);
  CHECK(uut.clock().watermark_ns == time_never);
  uut.observe(1, 1000, 0);
  uut.observe(2, 980, 0);
  CHECK(uut.clock().watermark_ns == time_never); // As of the last update.
  uut.update(0);
  CHECK(uut.clock().watermark_ns == 980);
  CHECK(uut.clock().horizon_ns == 980);
  CHECK_FALSE(uut.is_idle());
  uut.observe(3, 900, 1); // New and slow: it does not go back.
  uut.update(1);
  CHECK(uut.clock().watermark_ns == 980);
  CHECK(uut.sources() == 3);
}

TEST_CASE("a group waits for no source that is hopelessly behind, but takes its events",
          "[analytics]") {
  auto uut = make_group();
  uut.observe(1, 1000, 0);
  uut.observe(2, 920, 0);
  uut.update(0);
  CHECK(uut.clock().watermark_ns == 950);
  CHECK(uut.clock().horizon_ns == 920);
  uut.observe(2, -100'000, 0); // A day behind.
  auto other = make_group();
  other.observe(1, 1000, 0);
  other.observe(2, -100'000, 0);
  other.update(0);
  CHECK(other.clock().watermark_ns == 950);
  CHECK(other.clock().horizon_ns == 900); // Within reason.
}

TEST_CASE("a silent source holds nothing back, and is forgotten in the end",
          "[analytics]") {
  auto uut = make_group();
  uut.observe(1, 1000, 0);
  uut.observe(2, 990, 0);
  uut.observe(1, 1010, 9);
  uut.update(9);
  CHECK(uut.clock().watermark_ns == 990);
  uut.update(10); // The second one says nothing any more.
  CHECK(uut.clock().watermark_ns == 1010);
  CHECK(uut.clock().horizon_ns == 990); // It may still revise.
  CHECK_FALSE(uut.is_idle());
  CHECK(uut.silent_ns(10) == 1);
  uut.update(19);
  CHECK(uut.is_idle());
  CHECK(uut.silent_ns(19) == 10);
  uut.observe(1, 1200, 60);
  uut.update(60);
  CHECK(uut.clock().watermark_ns == 1200);
  CHECK(uut.clock().horizon_ns == 1100);
  uut.update(100);
  CHECK(uut.sources() == 1);
  CHECK(uut.clock().horizon_ns == 1200);
  uut.update(1000);
  CHECK(uut.sources() == 0);
  CHECK(uut.silent_ns(1000) == 940); // Still known: sessions wait for their gap.
  CHECK(make_group().silent_ns(1000) == time_forever);
}

TEST_CASE("when all are silent the group is as far as its most advanced source",
          "[analytics]") {
  auto uut = make_group();
  uut.observe(1, 1000, 0);
  uut.observe(2, 700, 0);
  uut.update(0);
  CHECK(uut.clock().watermark_ns == 950);
  uut.update(10);
  CHECK(uut.is_idle());
  CHECK(uut.clock().watermark_ns == 1000);
}

TEST_CASE("clocks of several shards come together as the slowest", "[analytics]") {
  auto uut = make_group();
  uut.load(window_clock{}); // Had seen nothing.
  uut.load(window_clock{1000, 990});
  uut.load(window_clock{980, 985});
  uut.load(window_clock{});
  CHECK(uut.clock().watermark_ns == 980);
  CHECK(uut.clock().horizon_ns == 985);
  uut.load(1, {1000, 0});
  uut.load(1, {970, 0}); // The same source, as two shards knew it.
  CHECK(uut.members().at(1).watermark_ns == 1000);
}

TEST_CASE("a group's clock never goes back and never passes what it may",
          "[analytics]") {
  for (std::uint32_t seed = 0; seed < 300; ++seed) {
    INFO("seed " << seed);
    std::mt19937 random{seed};
    auto uut = make_group();
    std::map<std::uint64_t, std::int64_t> last;
    std::int64_t most = time_never;
    std::int64_t local = 0;
    window_clock before;
    for (int i = 0; i < 200; ++i) {
      local += random() % 4;
      auto source = random() % 5;
      auto time = local + static_cast<std::int64_t>(random() % 200) - 100;
      uut.observe(source, time, local);
      last[source] = time;
      most = std::max(most, time);
      uut.update(local);
      auto now = uut.clock();
      CHECK(now.watermark_ns >= before.watermark_ns);
      CHECK(now.horizon_ns >= before.horizon_ns);
      CHECK(now.watermark_ns <= most);
      CHECK(now.horizon_ns <= now.watermark_ns);
      before = now;
    }
  }
}
