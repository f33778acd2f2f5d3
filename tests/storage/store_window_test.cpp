// One window, its versions in any order of two lanes.
#include "storage/store_window.hpp"

#include "tests/storage/records.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <random>
#include <vector>

using namespace weir::storage;
using namespace weir::test;

namespace {

constexpr open_lane lane_from_100{7, 100};
constexpr open_lane no_lane{7, 0};

window_version version(std::uint64_t seq, double value, std::uint32_t revision = 0) {
  return {7, 1, seq, make_summary(0, value, revision)};
}

/// A version as an edge under any circumstances may send it.
window_version random_version(std::mt19937& random, std::uint64_t seq,
                              std::uint32_t run) {
  auto x = version(seq, static_cast<double>(random() % 100),
                   static_cast<std::uint32_t>(random() % 4));
  x.run = run;
  x.value.count = 1 + random() % 3;
  x.value.first_ns += static_cast<std::int64_t>(random() % 3);
  x.value.last_ns += static_cast<std::int64_t>(random() % 3);
  x.value.early = random() % 3 == 0;
  x.value.correction = !x.value.early && random() % 3 == 0;
  return x;
}

} // namespace

TEST_CASE("a first version that comes after its revision changes nothing", "[store]") {
  stored_window window;
  CHECK(add_version(window, version(100, 2.0, 1), true, lane_from_100));
  CHECK_FALSE(add_version(window, version(5, 1.0), false, lane_from_100));
  CHECK(merged(window).sum == 2.0);
  CHECK(merged(window).count == 1);
}

TEST_CASE("corrections add, whatever has come of their window before", "[store]") {
  auto late = version(100, 2.0, 1);
  late.value.correction = true;
  auto later = version(130, 4.0, 2);
  later.value.correction = true;
  later.run = 2; // Which knows the window from the state of the run before.
  stored_window window;
  CHECK(add_version(window, late, false, no_lane)); // The window was coalesced.
  CHECK(merged(window).count == 1);
  CHECK(add_version(window, version(110, 1.0), false, no_lane)); // Begun anew.
  CHECK(add_version(window, later, false, no_lane));
  CHECK(merged(window).count == 3);
  CHECK(merged(window).sum == 7.0);
}

TEST_CASE("a window of another epoch stays below what the lane brings", "[store]") {
  stored_window window;
  auto old = version(1, 4.0);
  old.epoch = 3;
  add_version(window, old, false, {3, 0});
  add_version(window, version(100, 2.0, 1), true, lane_from_100);
  CHECK(merged(window).sum == 6.0);
  add_version(window, version(5, 1.0), false, lane_from_100);
  CHECK(merged(window).sum == 6.0);
  CHECK(merged(window).count == 2);
}

TEST_CASE("when the lane has ended its versions are settled", "[store]") {
  stored_window window;
  add_version(window, version(100, 2.0), true, lane_from_100);
  CHECK_FALSE(window.parts);
  CHECK(add_version(window, version(120, 3.0, 1), false, no_lane));
  CHECK(window.ahead.empty());
  CHECK(merged(window).sum == 3.0);
}

TEST_CASE("any interleaving of two lanes gives the window as if it came in order",
          "[store]") {
  for (unsigned seed = 1; seed <= 20'000; ++seed) {
    INFO("seed " << seed);
    auto random = std::mt19937{seed};
    std::vector<window_version> all;
    std::uint32_t run = 1;
    for (auto i = 1 + random() % 8; i > 0; --i) {
      run += random() % 5 == 0 ? 1 : 0;
      all.push_back(random_version(random, all.size() + 1, run));
    }
    auto live_from = random() % (all.size() + 1);
    stored_window in_order;
    for (const auto& x : all)
      add_version(in_order, x, false, no_lane);

    stored_window uut;
    std::size_t back = 0;
    std::size_t front = live_from;
    auto lane = open_lane{7, live_from + 1};
    while (back < live_from || front < all.size()) {
      bool ahead = back == live_from || (front < all.size() && random() % 2 == 0);
      if (back == live_from)
        lane.first_seq = 0; // Everything before it has come.
      add_version(uut, all[ahead ? front++ : back++], ahead && lane.first_seq != 0,
                  lane);
    }
    CHECK(merged(uut) == merged(in_order));
  }
}

TEST_CASE("what waits of one window is bounded", "[store]") {
  stored_window window;
  for (std::uint64_t seq = 100; seq < 1100; ++seq) {
    auto x = version(seq, 1.0);
    x.value.early = true;
    x.value.count = seq;
    add_version(window, x, true, lane_from_100);
  }
  CHECK(window.ahead.size() == 2);
  for (std::uint64_t seq = 1100; seq < 2100; ++seq) {
    auto x = version(seq, 1.0, static_cast<std::uint32_t>(seq));
    x.value.count = seq;
    add_version(window, x, true, lane_from_100);
  }
  CHECK(window.ahead.size() <= window_versions_max);
  CHECK(merged(window).count == 2099);
  for (std::uint64_t seq = 2100; seq < 2300; ++seq) // Each begins the window anew.
    add_version(window, version(seq, 1.0), true, lane_from_100);
  CHECK(window.ahead.size() <= 4 * window_versions_max);
  CHECK(merged(window).count == 2099 + 200);
}
