// Walks the edges of TUMBLING WINDOW (alignment, lateness, out of order, idleness)
// and compares it with a brute-force oracle over random events.
#include "analytics/tumbling_window.hpp"

#include <catch2/catch.hpp>

#include <cmath>
#include <map>
#include <random>

using namespace weir::analytics;

namespace {

struct fixture {
  window_config config{10, 0, 1000};
  tumbling_window uut;
  std::vector<summary> closed;

  bool add(std::int64_t time_ns, double value) {
    return uut.add(config, 1, time_ns, value, closed);
  }
  void flush() {
    uut.flush(config, 1, closed);
  }
};

} // namespace

TEST_CASE_METHOD(fixture, "windows are aligned to multiples of the width",
                 "[analytics]") {
  add(17, 1.0);
  flush();
  CHECK(closed.at(0).start_ns == 10);
  fixture before_1970;
  before_1970.add(-3, 1.0);
  before_1970.flush();
  CHECK(before_1970.closed.at(0).start_ns == -10);
}

TEST_CASE_METHOD(fixture, "all aggregates cover every event", "[analytics]") {
  for (double value : {3.0, -1.0, 4.0})
    add(5, value);
  flush();
  const auto& x = closed.at(0);
  CHECK(x.count == 3);
  CHECK(x.sum == 6.0);
  CHECK(x.min == -1.0);
  CHECK(x.max == 4.0);
  CHECK(x.mean == 2.0);
  CHECK(x.variance() == Approx(14.0 / 3.0));
  CHECK(x.first == 3.0);
  CHECK(x.last == 4.0);
}

TEST_CASE_METHOD(fixture, "an event past the window closes it", "[analytics]") {
  CHECK(add(5, 1.0));
  CHECK(closed.empty());
  CHECK(add(10, 2.0));
  REQUIRE(closed.size() == 1);
  CHECK(closed[0].start_ns == 0);
}

TEST_CASE_METHOD(fixture,
                 "an event for a closed window is late and counted with "
                 "the next summary",
                 "[analytics]") {
  add(25, 1.0);
  add(35, 2.0);
  CHECK_FALSE(add(29, 9.0));
  CHECK_FALSE(add(5, 9.0));
  flush();
  REQUIRE(closed.size() == 2);
  CHECK(closed[1].count == 1);
  CHECK(closed[1].late_count == 2);
}

TEST_CASE_METHOD(fixture,
                 "events out of order within the allowance find their "
                 "window",
                 "[analytics]") {
  config.out_of_orderness_ns = 15;
  add(5, 1.0);
  add(12, 2.0);
  add(24, 3.0);
  CHECK(closed.empty()); // The watermark is 9: nothing ends before it.
  CHECK(add(9, 4.0));
  CHECK(add(11, 5.0));
  add(26, 6.0); // Watermark 11: the first window closes.
  add(30, 7.0);
  REQUIRE(closed.size() == 1);
  CHECK(closed[0].count == 2);
  CHECK(closed[0].last == 4.0);
  flush();
  REQUIRE(closed.size() == 4);
  CHECK(closed[1].count == 2);
  CHECK(closed[1].first == 5.0); // By time, not by arrival.
}

TEST_CASE_METHOD(fixture,
                 "a window closes as soon as the watermark passes its end, "
                 "not with the next window",
                 "[analytics]") {
  config.out_of_orderness_ns = 2;
  add(5, 1.0);
  add(10, 1.0);
  add(11, 1.0);
  CHECK(closed.empty());
  add(12, 1.0);
  CHECK(closed.size() == 1);
}

TEST_CASE_METHOD(fixture,
                 "a flush closes all windows, oldest first, and later "
                 "events of them are late",
                 "[analytics]") {
  config.out_of_orderness_ns = 30;
  add(5, 1.0);
  add(25, 1.0);
  flush();
  REQUIRE(closed.size() == 2);
  CHECK(closed[0].start_ns == 0);
  CHECK_FALSE(add(6, 1.0));
  CHECK_FALSE(add(26, 1.0));
  CHECK(add(30, 1.0));
  CHECK_FALSE(tumbling_window{}.is_open());
}

TEST_CASE_METHOD(fixture, "a large level leaves the variance exact", "[analytics]") {
  for (int i = 0; i < 1000; ++i)
    add(5, 1e9 + (i % 2));
  flush();
  CHECK(closed[0].variance() == Approx(0.25).epsilon(1e-9));
}

TEST_CASE("a saved window goes on exactly as one that never was saved", "[analytics]") {
  fixture one;
  fixture two;
  one.config.out_of_orderness_ns = two.config.out_of_orderness_ns = 25;
  std::mt19937 random{3};
  for (int i = 0; i < 400; ++i) {
    auto time_ns = static_cast<std::int64_t>(i + random() % 40);
    one.add(time_ns, i);
    two.add(time_ns, i);
    if (i % 7 == 0)
      two.uut = tumbling_window::load(two.uut.save());
  }
  one.flush();
  two.flush();
  CHECK(one.closed == two.closed);
}

TEST_CASE("random events give what a brute-force oracle gives", "[analytics]") {
  for (std::uint32_t seed = 0; seed < 400; ++seed) {
    CAPTURE(seed);
    std::mt19937_64 random{seed};
    fixture uut;
    uut.config.width_ns = 1 + static_cast<std::int64_t>(random() % 50);
    uut.config.out_of_orderness_ns = static_cast<std::int64_t>(random() % 100);
    std::map<std::int64_t, std::vector<double>> expected;
    std::size_t late = 0;
    std::int64_t time_max = INT64_MIN;
    auto jitter = 1 + random() % 150;
    for (int i = 0; i < 300; ++i) {
      auto time_ns = static_cast<std::int64_t>(1000 + i * 3 + random() % jitter);
      auto value = static_cast<double>(random() % 1000) / 8.0;
      auto start_ns = time_ns / uut.config.width_ns * uut.config.width_ns;
      // The definition: late when its window ends at or before the watermark that
      // all earlier events made.
      bool is_late = time_max != INT64_MIN
                     && start_ns + uut.config.width_ns
                          <= time_max - uut.config.out_of_orderness_ns;
      CHECK(uut.add(time_ns, value) == !is_late);
      if (is_late)
        ++late;
      else
        expected[start_ns].push_back(value);
      time_max = std::max(time_max, time_ns);
    }
    uut.flush();
    REQUIRE(uut.closed.size() == expected.size());
    std::size_t late_told = 0;
    for (const auto& x : uut.closed) {
      const auto& values = expected.at(x.start_ns);
      double sum = 0.0;
      for (auto v : values)
        sum += v;
      CHECK(x.count == values.size());
      CHECK(x.sum == sum); // Eighths: exact in binary.
      late_told += x.late_count;
    }
    CHECK(late_told <= late); // What came after the last summary waits for the next.
  }
}
