// MEMORY GOVERNOR: room shrinks near the bound and comes back; memory is given back now
// and then, not all the time.
#include "actors/memory_governor.hpp"

#include <catch2/catch.hpp>

using namespace weir::actors;

namespace {

constexpr std::int64_t second_ns = 1'000'000'000;

struct fixture {
  memory_governor uut{1000};
};

} // namespace

TEST_CASE_METHOD(fixture, "far from the bound nothing is done", "[actors]") {
  auto x = uut.observe(700, 0);
  CHECK(x.room_percent == 100);
  CHECK_FALSE(x.give_back);
  CHECK_FALSE(x.drop_pages);
  CHECK_FALSE(x.is_pressed);
  CHECK_FALSE(x.has_changed);
}

TEST_CASE_METHOD(fixture, "room shrinks towards the bound and is never nothing",
                 "[actors]") {
  unsigned before = 100;
  for (std::uint64_t rss = 720; rss <= 1000; rss += 20) {
    auto room = uut.observe(rss, 0).room_percent;
    CHECK(room < before);
    before = room;
  }
  CHECK(before == memory_governor::room_percent_min);
  CHECK(uut.observe(5000, 0).room_percent == memory_governor::room_percent_min);
  CHECK(uut.observe(700, 0).room_percent == 100);
}

TEST_CASE_METHOD(fixture, "memory is given back at once, then once a second",
                 "[actors]") {
  CHECK(uut.observe(900, 5 * second_ns).give_back);
  auto soon = uut.observe(900, 5 * second_ns + second_ns / 2);
  CHECK_FALSE(soon.give_back);
  CHECK(soon.drop_pages);
  CHECK(uut.observe(900, 6 * second_ns).give_back);
  CHECK_FALSE(uut.observe(600, 9 * second_ns).give_back);
}

TEST_CASE_METHOD(fixture, "pressure is told when it begins, and when it is long over",
                 "[actors]") {
  CHECK(uut.observe(900, 1 * second_ns).has_changed);
  CHECK_FALSE(uut.observe(950, 2 * second_ns).has_changed);
  auto between = uut.observe(600, 8 * second_ns);
  CHECK(between.is_pressed);
  CHECK_FALSE(between.has_changed);
  auto after = uut.observe(600, 13 * second_ns);
  CHECK_FALSE(after.is_pressed);
  CHECK(after.has_changed);
}
