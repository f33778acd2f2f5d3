// API: the shapes of web/API.md from a real store, and what is refused.
#include "web/api.hpp"

#include "tests/support/temp_dir.hpp"
#include "tests/web/sample_data.hpp"

#include <nlohmann/json.hpp>

#include <catch2/catch.hpp>

using namespace weir;
using namespace weir::web;
using namespace weir::test;
using nlohmann::json;

namespace {

struct fixture {
  temp_dir dir;
  sample_store store{dir.path()};
  actors::fleet_board fleet;
  actors::central_counters central;
  web_counters counters;
  server_services services{*store, fleet, central,
                           [] { return std::vector<readiness_check>{}; },
                           [] { return base_ns + 3 * width_ns; }};
  api uut{services, counters};

  http_response ask(const std::string& path, const std::string& query = {}) {
    http_request request;
    request.path = path;
    request.query = query;
    auto match = match_route("GET", path);
    REQUIRE(match.found != nullptr);
    return uut.answer(*match.found, request);
  }

  json get(const std::string& path, const std::string& query = {}) {
    auto response = ask(path, query);
    INFO(response.body);
    REQUIRE(response.status == 200);
    CHECK(response.content_type == "application/json; charset=utf-8");
    return json::parse(response.body);
  }

  /// Status and code of a refusal.
  std::string refusal(const std::string& path, const std::string& query) {
    auto response = ask(path, query);
    auto error = json::parse(response.body)["error"];
    CHECK(error["message"].get<std::string>().size() > 10);
    return std::to_string(response.status) + ' ' + error["code"].get<std::string>();
  }
};

} // namespace

TEST_CASE_METHOD(fixture, "the overview has totals and edges", "[web]") {
  fleet.expect_edge("edge-1");
  auto x = get("/api/v1/overview");
  CHECK(x["server_ms"] == (base_ns + 3 * width_ns) / ms_ns);
  CHECK(x["totals"]["edges"] == 1);
  CHECK(x["totals"]["down"] == 1);
  CHECK(x["totals"]["alerts_open"] == 1);
  CHECK(x["totals"]["series"] == 2);
  REQUIRE(x["edges"].size() == 1);
  CHECK(x["edges"][0]["name"] == "edge-1");
  CHECK(x["edges"][0]["state"] == "down");
}

TEST_CASE_METHOD(fixture, "series are found by text and edge", "[web]") {
  auto all = get("/api/v1/series");
  CHECK(all["series"].size() == 2);
  CHECK(all["truncated"] == false);
  auto one = get("/api/v1/series", "search=TEMPER&edge=edge-1");
  REQUIRE(one["series"].size() == 1);
  CHECK(one["series"][0]
        == json{{"id", store.id(0)},
                {"edge", "edge-1"},
                {"text", sample_series[0]},
                {"width_ms", 5000},
                {"last_ms", (base_ns + 2 * width_ns) / ms_ns}});
  CHECK(get("/api/v1/series", "edge=edge-2")["series"].empty());
  auto cut = get("/api/v1/series", "limit=1");
  CHECK(cut["series"].size() == 1);
  CHECK(cut["truncated"] == true);
}

TEST_CASE_METHOD(fixture, "a query gives columns and rows", "[web]") {
  auto id = std::to_string(store.id(0));
  auto x = get("/api/v1/query", "series=" + id);
  CHECK(x["series"]["text"] == sample_series[0]);
  CHECK(x["columns"]
        == json({"start_ms", "width_ms", "count", "sum", "min", "max", "mean",
                 "variance", "first", "last", "late", "revision"}));
  REQUIRE(x["rows"].size() == 3);
  CHECK(x["rows"][0]
        == json::array(
          {base_ns / ms_ns, 5000, 4, 10.0, 1.0, 4.0, 2.5, 1.25, 1.0, 4.0, 2, 0}));
  auto from = "&from=" + std::to_string((base_ns + width_ns) / ms_ns);
  auto to = "&to=" + std::to_string((base_ns + 2 * width_ns) / ms_ns);
  auto one = get("/api/v1/query", "series=" + id + from + to);
  REQUIRE(one["rows"].size() == 1);
  CHECK(one["rows"][0][0] == (base_ns + width_ns) / ms_ns);
}

TEST_CASE_METHOD(fixture, "anomalies come with their series' name", "[web]") {
  auto x = get("/api/v1/anomalies");
  REQUIRE(x["anomalies"].size() == 1);
  CHECK(x["anomalies"][0]
        == json{{"series", store.id(0)},
                {"edge", "edge-1"},
                {"text", sample_series[0]},
                {"time_ms", (base_ns + width_ns) / ms_ns},
                {"value", 30.5},
                {"expected", 20.25},
                {"deviation", 4.5},
                {"score", 0.75},
                {"severity", "high"},
                {"model", "ewma/1"}});
  CHECK(get("/api/v1/anomalies", "series=" + std::to_string(store.id(1)))["anomalies"]
          .empty());
}

TEST_CASE_METHOD(fixture, "alerts are as the rule left them", "[web]") {
  auto x = get("/api/v1/alerts", "open=1");
  REQUIRE(x["alerts"].size() == 1);
  CHECK(x["alerts"][0]
        == json{{"id", "0123456789abcdef"},
                {"edge", "edge-1"},
                {"rule", "too-hot"},
                {"text", sample_series[0]},
                {"state", "firing"},
                {"severity", "critical"},
                {"start_ms", base_ns / ms_ns},
                {"updated_ms", (base_ns + width_ns) / ms_ns},
                {"value", 99.5},
                {"limit", 80.0},
                {"message", "Temperature of m-01 is 99.5, above 80."}});
}

TEST_CASE_METHOD(fixture, "rejections keep their bytes in base64", "[web]") {
  auto x = get("/api/v1/quarantine");
  REQUIRE(x["rejections"].size() == 1);
  CHECK(x["rejections"][0]
        == json{{"edge", "edge-1"},
                {"time_ms", base_ns / ms_ns},
                {"source", "mqtt:plant/x"},
                {"reason", "malformed"},
                {"detail", "Not JSON at byte 0."},
                {"first_bytes_base64", "AP8Q"}});
}

TEST_CASE_METHOD(fixture, "the ledger names each edge's position", "[web]") {
  auto x = get("/api/v1/ledger");
  REQUIRE(x["positions"].size() == 1);
  CHECK(x["positions"][0]
        == json{{"edge", "edge-1"},
                {"epoch", "0000000000abcdef"},
                {"through_seq", 9},
                {"stored", 9},
                {"duplicate", 0},
                {"expired", 0},
                {"gaps_refused", 0}});
}

TEST_CASE_METHOD(fixture, "metrics are text with the store in it", "[web]") {
  auto x = ask("/metrics");
  CHECK(x.content_type == "text/plain; version=0.0.4; charset=utf-8");
  CHECK(x.body.find("weir_store_records{kind=\"summary\"} 6\n") != std::string::npos);
}

TEST_CASE_METHOD(fixture, "parameters that are wrong are named", "[web]") {
  CHECK(refusal("/api/v1/query", "") == "400 bad_parameter");
  CHECK(refusal("/api/v1/query", "series=x") == "400 bad_parameter");
  CHECK(refusal("/api/v1/query", "series=1&max_points=10001") == "400 bad_parameter");
  CHECK(refusal("/api/v1/query", "series=1&from=5&to=5") == "400 bad_parameter");
  CHECK(refusal("/api/v1/query", "series=1&from=yesterday") == "400 bad_parameter");
  CHECK(refusal("/api/v1/query", "series=%zz") == "400 bad_parameter");
  CHECK(refusal("/api/v1/query", "series=4242") == "404 not_found");
  CHECK(refusal("/api/v1/alerts", "open=yes") == "400 bad_parameter");
  for (auto path :
       {"/api/v1/series", "/api/v1/anomalies", "/api/v1/alerts", "/api/v1/quarantine"})
    for (auto limit : {"limit=0", "limit=10001", "limit=-1", "limit=1e3"})
      CHECK(refusal(path, limit) == "400 bad_parameter");
  auto message = json::parse(ask("/api/v1/alerts", "limit=0").body)["error"]["message"];
  CHECK(message == "The parameter `limit` must be a whole number from 1 to 10000.");
}
