// ALERT JSON: the payload as docs/alerts.md has it, whatever stands in the names.
#include "actors/alert_json.hpp"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

using namespace weir::actors;
using namespace weir::analytics;

TEST_CASE("an alert's JSON has every field of the document", "[actors]") {
  alert x{"0123456789abcdef",
          "hot",
          0,
          alert_state::firing,
          severity::critical,
          1'700'000'000'000'000'000,
          1'700'000'001'500'000'000,
          95.5,
          90.0,
          "is hot"};
  auto json = nlohmann::json::parse(
    alert_to_json(x, "edge-1", "temp{source=\"m \\\"1\\\"\",line=\"L1\"}"));
  CHECK(json["version"] == 1);
  CHECK(json["id"] == x.id);
  CHECK(json["edge"] == "edge-1");
  CHECK(json["rule"] == "hot");
  CHECK(json["state"] == "firing");
  CHECK(json["severity"] == "critical");
  CHECK(json["metric"] == "temp");
  CHECK(json["source"] == "m \"1\"");
  CHECK(json["dimensions"]["line"] == "L1");
  CHECK(json["start_ms"] == 1'700'000'000'000.0);
  CHECK(json["updated_ms"] == 1'700'000'001'500.0);
  CHECK(json["value"] == 95.5);
  CHECK(json["limit"] == 90.0);
  CHECK(json["message"] == "is hot");
}

TEST_CASE("text that is not UTF-8 does not stop an alert", "[actors]") {
  alert x;
  x.message = "\xff\xfe";
  CHECK(nlohmann::json::accept(alert_to_json(x, "\x80", "m{source=\"\xc3\"}")));
}

TEST_CASE("a topic is filled and cannot be broken by a name", "[actors]") {
  alert x;
  x.rule = "hot/#";
  x.severity = severity::low;
  CHECK(alert_topic("weir/{edge}/{rule}/{severity}", "e+1", x) == "weir/e_1/hot__/low");
}
