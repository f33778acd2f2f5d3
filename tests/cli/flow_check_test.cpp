// When `weir check` is content, and what it misses.
#include "cli/flow_check.hpp"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

using nlohmann::json;
using weir::cli::flow_check;

namespace {

json overview(const char* state_of_second) {
  return {{"edges",
           {{{"name", "edge-1"}, {"state", "up"}},
            {{"name", "edge-2"}, {"state", state_of_second}}}}};
}

json series(double last_ms) {
  return {{"series", {{{"id", 7}, {"last_ms", last_ms}}}}};
}

const auto anomalies = json::parse(
  R"({"anomalies": [{"severity": "high", "text": "rpm{}", "edge": "edge-1"}]})");
const auto alerts
  = json::parse(R"({"alerts": [{"rule": "hot", "state": "firing", "text": "rpm{}"}]})");

} // namespace

TEST_CASE("it passes when edges, windows, anomalies and alerts have been seen",
          "[cli]") {
  flow_check uut{{.edges_min = 2, .mqtt_alerts = true}};
  uut.on_overview(overview("up"));
  CHECK(uut.edges() == std::vector<std::string>{"edge-1", "edge-2"});
  for (auto edge : {"edge-1", "edge-2"}) {
    uut.on_series(edge, series(1000.0));
    uut.on_series(edge, series(2000.0));
  }
  uut.on_anomalies(anomalies);
  uut.on_alerts(alerts);
  CHECK_FALSE(uut.passed());
  uut.on_mqtt_message("weir/edge/edge-1/alerts/hot",
                      R"({"rule": "hot", "state": "firing"})");
  CHECK(uut.passed());
}

TEST_CASE("an edge that is down, or whose windows stand still, is missed", "[cli]") {
  flow_check uut{{}};
  uut.on_overview(overview("down"));
  uut.on_series("edge-1", series(1000.0));
  uut.on_series("edge-1", series(2000.0));
  uut.on_series("edge-2", series(1000.0));
  uut.on_series("edge-2", series(1000.0));
  CHECK_FALSE(uut.findings()[0].ok);
  CHECK(uut.findings()[0].detail == "up: edge-1; edge-2 is down");
  CHECK_FALSE(uut.findings()[1].ok);
  CHECK(uut.findings()[1].detail
        == "edge-1: 1 of 1 series grew, edge-2: 0 of 1 series grew");
}

TEST_CASE("what was seen stays seen", "[cli]") {
  flow_check uut{{}};
  uut.on_overview(overview("up"));
  uut.on_overview(overview("down"));
  CHECK(uut.findings()[0].ok);
  uut.on_alerts(alerts);
  uut.on_alerts(json::parse(R"({"alerts": []})"));
  CHECK(uut.findings()[3].ok);
}

TEST_CASE("messages that are no alerts do not count as alerts", "[cli]") {
  flow_check uut{{.edges_min = 1, .mqtt_alerts = true}};
  uut.on_mqtt_message("weir/x", "online");
  uut.on_mqtt_message("weir/x", R"({"rule": 5})");
  uut.on_mqtt_message("weir/x", R"([1])");
  CHECK_FALSE(uut.findings().back().ok);
}
