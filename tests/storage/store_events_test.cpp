// Alerts, anomalies and the quarantine of the store.
#include "storage/store.hpp"

#include "tests/storage/records.hpp"
#include "tests/storage/temp_directory.hpp"

#include <catch2/catch.hpp>

#include <limits>
#include <memory>
#include <string>
#include <vector>

using namespace weir::storage;
using namespace weir::test;
using weir::analytics::alert_state;

namespace {

constexpr auto time_min = std::numeric_limits<std::int64_t>::min();
constexpr auto time_max = std::numeric_limits<std::int64_t>::max();

struct fixture {
  temp_directory directory;
  store_config config{directory / "store", 64 << 20, 4, 4, 4};
  std::unique_ptr<store> uut = store::open(config, 1).value();
  std::uint64_t next_seq = 1;

  commit_report commit(incoming_block block) {
    block.first_seq = next_seq;
    next_seq += block.records.record_count();
    auto report = uut->commit({&block, 1});
    REQUIRE(report);
    return *report;
  }

  commit_report alert(std::string id, alert_state state, std::int64_t updated_ns) {
    auto block = make_block(0);
    block.records.alerts = {make_alert(std::move(id), state, updated_ns)};
    return commit(std::move(block));
  }

  std::vector<std::string> ids(bool only_open, std::size_t limit = 100) {
    std::vector<std::string> result;
    auto found = uut->alerts(only_open, limit).value();
    for (const auto& x : found)
      result.push_back(x.value.id);
    return result;
  }

  std::vector<double>
  anomaly_values(stored_series_id series, std::int64_t from = time_min,
                 std::int64_t to = time_max, std::size_t limit = 100) {
    std::vector<double> result;
    auto found = uut->anomalies(series, from, to, limit).value();
    for (const auto& x : found)
      result.push_back(x.value.value);
    return result;
  }
};

using texts = std::vector<std::string>;
using values = std::vector<double>;

} // namespace

TEST_CASE_METHOD(fixture, "of an alert the newest transition stands", "[store]") {
  alert("a", alert_state::pending, 10);
  auto report = alert("a", alert_state::firing, 20);
  REQUIRE(report.alerts.size() == 1);
  CHECK(report.alerts[0].edge == "north");
  CHECK(report.alerts[0].series_text == "t{}");
  CHECK(alert("a", alert_state::pending, 15).alerts.empty());
  CHECK(alert("a", alert_state::pending, 20).alerts.empty());
  auto found = uut->alerts(false, 10).value();
  REQUIRE(found.size() == 1);
  auto expected = make_alert("a", alert_state::firing, 20);
  CHECK(found[0].value == expected);
  CHECK(found[0].series_text == "t{}");
  CHECK(uut->stats().alerts == 1);
  alert("a", alert_state::resolved, 20); // The same time: the later state.
  CHECK(uut->alerts(false, 1).value()[0].value.state == alert_state::resolved);
  CHECK(uut->alerts(true, 1).value().empty());
}

TEST_CASE_METHOD(fixture, "alerts come newest first, open ones alone on demand",
                 "[store]") {
  alert("a", alert_state::firing, 10);
  alert("b", alert_state::resolved, 20);
  alert("c", alert_state::pending, 30);
  alert("d", alert_state::recovering, 5);
  CHECK(ids(false) == texts{"c", "b", "a", "d"});
  CHECK(ids(true) == texts{"c", "a", "d"});
  CHECK(ids(false, 2) == texts{"c", "b"});
  CHECK(ids(true, 0).empty());
  alert("a", alert_state::resolved, 40);
  CHECK(ids(false) == texts{"a", "c", "b", "d"});
  CHECK(ids(true) == texts{"c", "d"});
}

TEST_CASE_METHOD(fixture, "at the limit resolved alerts go before open ones",
                 "[store]") {
  alert("old-open", alert_state::firing, 1);
  alert("r1", alert_state::resolved, 2);
  alert("r2", alert_state::resolved, 3);
  alert("o2", alert_state::firing, 4);
  alert("o3", alert_state::firing, 5);
  CHECK(ids(false) == texts{"o3", "o2", "r2", "old-open"});
  alert("o4", alert_state::firing, 6);
  alert("o5", alert_state::firing, 7);
  CHECK(ids(false) == texts{"o5", "o4", "o3", "o2"});
  CHECK(uut->stats().alerts == 4);
}

TEST_CASE_METHOD(fixture, "alerts of the centre stand beside those of edges",
                 "[store]") {
  alert("a", alert_state::firing, 10);
  auto own = stored_alert{"central", "t{}", make_alert("a", alert_state::firing, 11)};
  REQUIRE(uut->put_alert(own));
  own.value.state = alert_state::resolved;
  own.value.updated_ns = 9;
  REQUIRE(uut->put_alert(own)); // Older: no effect.
  auto found = uut->alerts(true, 10).value();
  REQUIRE(found.size() == 2);
  CHECK(found[0].edge == "central");
  CHECK(found[0].value.state == alert_state::firing);
  CHECK(found[1].edge == "north");
  own.edge.clear();
  CHECK(uut->put_alert(own).error().code == errc::malformed);
}

TEST_CASE_METHOD(fixture, "anomalies are found by time and by series", "[store]") {
  auto block = make_block(0);
  block.records.series = {"a{}", "b{}"};
  block.records.anomalies = {make_anomaly(-5, 1), make_anomaly(10, 2),
                             make_anomaly(10, 3), make_anomaly(20, 4)};
  block.records.anomalies[3].series = 1;
  auto report = commit(block);
  CHECK(report.anomalies.size() == 4);
  CHECK(report.anomalies[3].series == 2);
  CHECK(anomaly_values(0) == values{4, 3, 2, 1});
  CHECK(anomaly_values(1) == values{3, 2, 1});
  CHECK(anomaly_values(2) == values{4});
  CHECK(anomaly_values(3).empty());
  CHECK(anomaly_values(1, 10, 20) == values{3, 2});
  CHECK(anomaly_values(0, -5, 10) == values{1});
  CHECK(anomaly_values(0, time_min, time_max, 2) == values{4, 3});
  auto found = uut->anomalies(2, 0, 100, 1).value();
  auto expected = make_anomaly(20, 4);
  expected.series = 2;
  CHECK(found[0].value == expected);
}

TEST_CASE_METHOD(fixture, "at the limit the oldest anomalies go", "[store]") {
  for (int i = 0; i < 10; ++i) {
    auto block = make_block(0);
    block.records.anomalies = {make_anomaly(i, i)};
    commit(block);
    if (i == 6)
      uut.reset(), uut = store::open(config, 1).value();
  }
  CHECK(anomaly_values(0) == values{9, 8, 7, 6});
  CHECK(anomaly_values(1) == values{9, 8, 7, 6});
  CHECK(uut->stats().anomalies == 4);
}

TEST_CASE_METHOD(fixture, "the quarantine keeps the newest samples", "[store]") {
  for (int i = 0; i < 9; ++i) {
    auto block = make_block(0);
    block.records.rejections = {make_rejection(i, std::to_string(i))};
    CHECK(commit(block).rejections == 1);
    if (i == 5)
      uut.reset(), uut = store::open(config, 1).value();
  }
  auto found = uut->quarantine(3).value();
  REQUIRE(found.size() == 3);
  CHECK(found[0].value == make_rejection(8, "8"));
  CHECK(found[2].value.detail == "6");
  CHECK(found[0].edge == "north");
  CHECK(uut->quarantine(100).value().size() == 4);
  CHECK(uut->stats().rejections == 4);
}
