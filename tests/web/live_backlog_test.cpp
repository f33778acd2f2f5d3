// LIVE BACKLOG: what waits for a client, merged where it must be.
#include "web/live_backlog.hpp"

#include "tests/web/sample_data.hpp"

#include <catch2/catch.hpp>

using namespace weir::web;
using namespace weir::test;

namespace {

live_point point(unsigned series, std::int64_t start_ns, std::uint32_t revision = 0) {
  return {series, start_ns, 10, 1.0, 1.0, 1.0, 1, revision};
}

live_delta points(std::vector<live_point> x) {
  live_delta result;
  result.points = std::move(x);
  return result;
}

} // namespace

TEST_CASE("points come back by series and time, newest revision only", "[web]") {
  live_backlog uut;
  CHECK(uut.add(points({point(8, 10), point(7, 20, 1)}), false) == 0);
  CHECK(uut.add(points({point(7, 10), point(7, 20, 0), point(8, 10, 2)}), false) == 0);
  auto x = uut.take();
  CHECK(x.points == std::vector{point(7, 10), point(7, 20, 1), point(8, 10, 2)});
  CHECK(uut.empty());
  CHECK(uut.size_bytes() == 0);
}

TEST_CASE("under pressure only the newest point of a series stays", "[web]") {
  live_backlog uut;
  uut.add(points({point(7, 10), point(7, 20), point(8, 10)}), false);
  CHECK(uut.add(points({point(7, 30)}), true) == 2);
  CHECK(uut.take().points == std::vector{point(7, 30), point(8, 10)});
}

TEST_CASE("alerts and anomalies are never merged", "[web]") {
  live_backlog uut;
  for (int i = 0; i < 5; ++i) {
    live_delta x;
    x.anomalies = {{7, "edge-1", "text", sample_anomaly(0, i)}};
    x.alerts = {{"edge-1", "text", sample_alert(0)}};
    x.new_series = 1;
    uut.add(std::move(x), true);
  }
  CHECK(uut.size_bytes() > 5 * 300);
  auto x = uut.take();
  CHECK(x.anomalies.size() == 5);
  CHECK(x.alerts.size() == 5);
  CHECK(x.new_series == 5);
}

TEST_CASE("what a snapshot has shown is forgotten, newer revisions are not", "[web]") {
  live_backlog uut;
  uut.add(points({point(7, 10), point(7, 20, 1), point(7, 30), point(8, 10)}), false);
  uut.drop_known(7, {{10, 10, 0}, {20, 10, 0}});
  CHECK(uut.take().points == std::vector{point(7, 20, 1), point(7, 30), point(8, 10)});
}

TEST_CASE("an early result that a snapshot has shown does not hide what follows it",
          "[web]") {
  auto early = [](std::uint64_t count) {
    return live_point{7, 10, 10, 1.0, 1.0, 1.0, count, 0, true};
  };
  live_backlog uut;
  uut.add(points({early(5)}), false);
  uut.drop_known(7, {{10, 10, 0, true, 5}});
  CHECK(uut.empty());
  uut.add(points({early(6)}), false);
  uut.drop_known(7, {{10, 10, 0, true, 5}});
  CHECK(uut.points() == 1);
  uut.add(points({point(7, 10)}), false);
  uut.drop_known(7, {{10, 10, 0, true, 9}});
  CHECK(uut.take().points == std::vector{point(7, 10)});
  uut.add(points({early(5)}), false);
  uut.drop_known(7, {{10, 10, 0, false, 9}});
  CHECK(uut.empty());
}

TEST_CASE("a merged point of a snapshot does not stand for a window", "[web]") {
  live_backlog uut;
  uut.add(points({point(7, 10)}), false);
  uut.drop_known(7, {{10, 40, 0}});
  CHECK(uut.points() == 1);
}

TEST_CASE("points of series that nobody wants any more go", "[web]") {
  live_backlog uut;
  uut.add(points({point(7, 10), point(8, 10), point(9, 10)}), false);
  uut.keep_only({8});
  CHECK(uut.take().points == std::vector{point(8, 10)});
}
