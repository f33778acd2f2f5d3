// LIVE INBOX: nothing is lost without a resync that makes up for it.
#include "web/live_inbox.hpp"

#include "tests/web/sample_data.hpp"

#include <catch2/catch.hpp>

using namespace weir;
using namespace weir::web;
using namespace weir::test;

namespace {

struct fixture {
  web_counters counters;
  int lookups = 0;

  live_inbox make(live_inbox_limits limits = {}) {
    return {
      limits,
      [this](storage::stored_series_id id)
        -> expected<storage::stored_series, storage::error> {
        lookups += 1;
        if (id == 99)
          return unexpected(storage::error{storage::errc::not_found, "no series"});
        return storage::stored_series{id, "edge-1", sample_series[0]};
      },
      counters};
  }

  static storage::commit_report report(std::size_t points, std::size_t anomalies = 0) {
    storage::commit_report x;
    for (std::size_t i = 0; i < points; ++i)
      x.summaries.push_back({7, sample_summary(0, static_cast<int>(i))});
    for (std::size_t i = 0; i < anomalies; ++i)
      x.anomalies.push_back({7, sample_anomaly(0, static_cast<int>(i))});
    return x;
  }
};

} // namespace

TEST_CASE_METHOD(fixture, "what was put is taken once, in order", "[web]") {
  auto uut = make();
  uut.put(report(2));
  auto second = report(1, 1);
  second.new_series.resize(3);
  second.alerts = {{"edge-1", sample_series[0], sample_alert(0)}};
  uut.put(second);
  auto x = uut.take();
  CHECK_FALSE(x.resync);
  REQUIRE(x.delta.points.size() == 3);
  CHECK(x.delta.points[1]
        == live_point{7, base_ns + width_ns, width_ns, 2.5, 1.0, 4.0, 4, 0});
  REQUIRE(x.delta.anomalies.size() == 1);
  CHECK(x.delta.anomalies[0].edge == "edge-1");
  CHECK(x.delta.anomalies[0].text == sample_series[0]);
  CHECK(x.delta.alerts.size() == 1);
  CHECK(x.delta.new_series == 3);
  CHECK(uut.take().delta.empty());
}

TEST_CASE_METHOD(fixture, "the name of a series is looked up once", "[web]") {
  auto uut = make();
  uut.put(report(0, 5));
  uut.put(report(0, 5));
  CHECK(lookups == 1);
}

TEST_CASE_METHOD(fixture, "an anomaly of an unknown series still goes out", "[web]") {
  auto uut = make();
  storage::commit_report x;
  x.anomalies = {{99, sample_anomaly(0, 0)}};
  uut.put(x);
  auto taken = uut.take();
  REQUIRE(taken.delta.anomalies.size() == 1);
  CHECK(taken.delta.anomalies[0].text.empty());
}

TEST_CASE_METHOD(fixture, "points beyond the limit lead to a resync", "[web]") {
  auto uut = make({.points_max = 10});
  uut.put(report(8));
  uut.put(report(8, 1));
  auto x = uut.take();
  CHECK(x.resync);
  CHECK(x.delta.points.size() == 8);
  CHECK(x.delta.anomalies.size() == 1);
  CHECK(counters.live_points_dropped == 8);
  CHECK_FALSE(uut.take().resync);
}

TEST_CASE_METHOD(fixture, "events have a limit of their own", "[web]") {
  auto uut = make({.events_max = 4});
  uut.put(report(1, 3));
  uut.put(report(1, 3));
  auto x = uut.take();
  CHECK(x.resync);
  CHECK(x.delta.points.size() == 2);
  CHECK(x.delta.anomalies.size() == 3);
  CHECK(counters.live_events_dropped == 3);
}
