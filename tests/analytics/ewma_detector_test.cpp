// EWMA DETECTOR: finds spikes and steps in noise, keeps quiet otherwise.
#include "analytics/ewma_detector.hpp"

#include <catch2/catch.hpp>

#include <cmath>
#include <random>

using namespace weir::analytics;
using change = ewma_detector::change;

namespace {

struct fixture {
  ewma_config config;
  ewma_detector uut;
  std::mt19937 random{1};
  std::normal_distribution<double> noise{50.0, 2.0};

  int feed_noise(int count) {
    int found = 0;
    for (int i = 0; i < count; ++i)
      found += uut.add(config, noise(random)).what == change::began ? 1 : 0;
    return found;
  }
};

} // namespace

TEST_CASE_METHOD(fixture, "nothing is judged before the warm-up is over",
                 "[analytics]") {
  for (std::uint32_t i = 0; i < config.warmup_events; ++i)
    CHECK(uut.add(config, i == 30 ? 1e6 : 50.0).what == change::none);
}

TEST_CASE_METHOD(fixture, "Gaussian noise raises nothing in 100,000 events",
                 "[analytics]") {
  CHECK(feed_noise(100'000) == 0);
}

TEST_CASE_METHOD(fixture, "a spike is found with its size and expected value",
                 "[analytics]") {
  feed_noise(500);
  auto verdict = uut.add(config, 50.0 + 2.0 * 15.0);
  CHECK(verdict.what == change::began);
  CHECK(verdict.expected == Approx(50.0).margin(1.5));
  CHECK(verdict.deviation == Approx(15.0).margin(4.0));
  CHECK(verdict.severity >= severity::medium);
  CHECK(verdict.in_excursion);
}

TEST_CASE_METHOD(fixture, "one spike does not hide the next", "[analytics]") {
  feed_noise(500);
  uut.add(config, 5000.0);
  feed_noise(20);
  CHECK(uut.add(config, 50.0 + 2.0 * 12.0).what == change::began);
}

TEST_CASE_METHOD(fixture,
                 "an excursion is told once, again when it gets worse, and "
                 "when it ends",
                 "[analytics]") {
  feed_noise(500);
  CHECK(uut.add(config, 66.0).what == change::began);
  CHECK(uut.add(config, 66.0).what == change::none);
  CHECK(uut.add(config, 500.0).what == change::rose);
  int ended = 0;
  for (int i = 0; i < 50; ++i)
    ended += uut.add(config, 50.0).what == change::ended ? 1 : 0;
  CHECK(ended == 1);
}

TEST_CASE_METHOD(fixture, "a step becomes the new normal", "[analytics]") {
  feed_noise(500);
  noise = std::normal_distribution<double>{90.0, 2.0};
  CHECK(feed_noise(1) == 1);
  feed_noise(3000);
  CHECK(feed_noise(2000) == 0);
}

TEST_CASE_METHOD(fixture,
                 "a constant series is silent at its last digits and "
                 "speaks at a real change",
                 "[analytics]") {
  for (int i = 0; i < 300; ++i)
    CHECK(uut.add(config, 20.0 + 1e-9 * (i % 3)).what == change::none);
  CHECK(uut.add(config, 21.0).what == change::began);
}

TEST_CASE_METHOD(fixture,
                 "the score is a half at the threshold and stays within "
                 "0 and 1",
                 "[analytics]") {
  CHECK(ewma_detector::score(config, config.threshold) == Approx(0.5));
  CHECK(ewma_detector::score(config, -config.threshold) == Approx(0.5));
  CHECK(ewma_detector::score(config, 0.0) == 0.0);
  CHECK(ewma_detector::score(config, 1e12) <= 1.0);
}

TEST_CASE_METHOD(fixture, "a saved detector goes on exactly", "[analytics]") {
  feed_noise(333);
  auto copy = ewma_detector::load(uut.save());
  for (int i = 0; i < 100; ++i) {
    auto value = i == 50 ? 100.0 : noise(random);
    auto a = uut.add(config, value);
    auto b = copy.add(config, value);
    CHECK(a.what == b.what);
    CHECK(a.deviation == b.deviation);
  }
}
