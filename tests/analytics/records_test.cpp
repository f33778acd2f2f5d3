// RECORDS: summaries merge as if their events had been in one; ids are functions.
#include "analytics/records.hpp"

#include "analytics/extended_aggregates.hpp"
#include "analytics/open_window.hpp"

#include <catch2/catch.hpp>

#include <random>

using namespace weir::analytics;

namespace {

summary summarise(const std::vector<std::pair<std::int64_t, double>>& events) {
  open_window window;
  window.start_ns = 0;
  for (auto [time_ns, value] : events)
    window.begin_or_add(time_ns, value);
  return window.close(100);
}

} // namespace

TEST_CASE("merging two summaries gives the summary of all events", "[analytics]") {
  std::mt19937 random{7};
  std::normal_distribution<double> noise{1000.0, 3.0};
  for (int round = 0; round < 500; ++round) {
    std::vector<std::pair<std::int64_t, double>> a;
    std::vector<std::pair<std::int64_t, double>> b;
    auto n = 2 + random() % 40;
    for (unsigned i = 0; i < n; ++i)
      (random() % 2 == 0 ? a : b).emplace_back(i, noise(random));
    if (a.empty() || b.empty())
      continue;
    auto all = a;
    all.insert(all.end(), b.begin(), b.end());
    auto merged = summarise(a);
    merge(merged, summarise(b));
    auto expected = summarise(all);
    CHECK(merged.count == expected.count);
    CHECK(merged.sum == Approx(expected.sum).epsilon(1e-12));
    CHECK(merged.mean == Approx(expected.mean).epsilon(1e-12));
    CHECK(merged.m2 == Approx(expected.m2).epsilon(1e-6).margin(1e-9));
    CHECK(merged.min == expected.min);
    CHECK(merged.max == expected.max);
    CHECK(merged.first == expected.first);
    CHECK(merged.last == expected.last);
  }
}

TEST_CASE("merging neighbours covers both spans", "[analytics]") {
  auto a = summarise({{5, 1.0}});
  auto b = summarise({{5, 2.0}});
  b.start_ns = 100;
  b.first_ns = b.last_ns = 105;
  merge(a, b);
  CHECK(a.start_ns == 0);
  CHECK(a.width_ns == 200);
  CHECK(a.last == 2.0);
  summary nothing;
  auto before = a;
  merge(a, nothing);
  CHECK(a == before);
}

TEST_CASE("merging takes the further aggregates along, and early stays early",
          "[analytics]") {
  auto with_quantiles = [](double value) {
    auto x = summarise({{5, value}});
    extended_aggregates extended{*parse_aggregates({"p50"})};
    extended.add(5, value);
    extended.encode(x.extended);
    return x;
  };
  auto a = with_quantiles(1.0);
  auto b = with_quantiles(2.0);
  auto both = a;
  merge(both, b);
  CHECK(extended_aggregates::decode(both.extended)->quantiles()->count() == 2);
  CHECK_FALSE(both.early);
  b.early = true;
  merge(both, b);
  CHECK(both.early);

  // What cannot be read, or is not there, leaves the other side.
  auto plain = summarise({{6, 3.0}});
  merge(plain, a);
  CHECK(plain.extended == a.extended);
  auto damaged = a;
  damaged.extended = "\x7f?";
  merge(damaged, b);
  CHECK(damaged.extended == b.extended);
  damaged.extended = "\x7f?";
  auto kept = b.extended;
  merge(b, damaged);
  CHECK(b.extended == kept);
  summary nothing;
  merge(nothing, a);
  CHECK(nothing.extended == a.extended);
}

TEST_CASE("an alert's id depends on rule, series and start, and on nothing else",
          "[analytics]") {
  auto id = make_alert_id("hot", "t{source=\"a\"}", 5);
  CHECK(id.size() == 16);
  CHECK(id == make_alert_id("hot", "t{source=\"a\"}", 5));
  CHECK(id != make_alert_id("hot", "t{source=\"a\"}", 6));
  CHECK(id != make_alert_id("hot", "t{source=\"b\"}", 5));
  CHECK(id != make_alert_id("cold", "t{source=\"a\"}", 5));
}
