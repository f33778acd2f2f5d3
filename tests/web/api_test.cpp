// API: the shapes of web/API.md from a real store, and what is refused.
#include "web/api.hpp"

#include "analytics/extended_aggregates.hpp"
#include "analytics/series.hpp"
#include "tests/support/temp_dir.hpp"
#include "tests/web/sample_data.hpp"
#include "web/aggregate_columns.hpp"

#include <nlohmann/json.hpp>

#include <catch2/catch.hpp>

#include <cmath>

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
                 "variance", "first", "last", "late", "revision", "early"}));
  REQUIRE(x["rows"].size() == 3);
  CHECK(x["rows"][0]
        == json::array({base_ns / ms_ns, 5000, 4, 10.0, 1.0, 4.0, 2.5, 1.25, 1.0, 4.0,
                        2, 0, false}));
  auto from = "&from=" + std::to_string((base_ns + width_ns) / ms_ns);
  auto to = "&to=" + std::to_string((base_ns + 2 * width_ns) / ms_ns);
  auto one = get("/api/v1/query", "series=" + id + from + to);
  REQUIRE(one["rows"].size() == 1);
  CHECK(one["rows"][0][0] == (base_ns + width_ns) / ms_ns);
}

TEST_CASE_METHOD(fixture, "a query has the further aggregates that it asks for",
                 "[web]") {
  auto plan = analytics::parse_aggregates({"p50", "distinct(user)", "top(2, user)"});
  REQUIRE(plan);
  analytics::extended_aggregates extended{*plan};
  auto add = [&](double value, std::string_view user) {
    auto hash = analytics::stable_hash(user);
    extended.add(base_ns, value, {&hash, 1}, {&user, 1});
  };
  add(1.0, "ann");
  add(2.0, "bob, \xff(jr)");
  add(4.0, "ann");
  auto x = sample_summary(0, 3);
  x.early = true;
  extended.encode(x.extended);
  analytics::record_block records;
  records.series = sample_series;
  records.summaries = {x};
  store.commit(std::move(records));

  // %2C: a comma, as clients write it.
  auto answer = get("/api/v1/query",
                    "series=" + std::to_string(store.id(0))
                      + "&to=" + std::to_string((base_ns + 4 * width_ns) / ms_ns)
                      + "&aggregates=p0,stddev,rate,distinct(user)%2Ctop(2,+user),"
                        "distinct(shop)");
  const auto& columns = answer["columns"];
  REQUIRE(columns.size() == 19);
  CHECK(json(std::vector<json>(columns.begin() + 12, columns.end()))
        == json({"early", "p0", "stddev", "rate", "distinct(user)", "top(2, user)",
                 "distinct(shop)"}));
  REQUIRE(answer["rows"].size() == 4);
  const auto& plain = answer["rows"][0];
  REQUIRE(plain.size() == 19);
  CHECK(plain[12] == false);
  CHECK(plain[14] == Approx(std::sqrt(1.25)));
  for (auto i : {13, 15, 16, 17, 18})
    CHECK(plain[i].is_null());
  const auto& full = answer["rows"][3];
  CHECK(full[12] == true);
  CHECK(full[13] == 1.0);
  CHECK(full[15].is_null()); // No window kept a rate.
  CHECK(full[16].get<double>() == Approx(2.0).epsilon(0.01));
  CHECK(full[17] == json::parse(R"x([["ann", 2.0], ["bob, \ufffd(jr)", 1.0]])x"));
  CHECK(full[18].is_null());
}

TEST_CASE_METHOD(fixture, "an aggregate that there is not is refused with its name",
                 "[web]") {
  auto id = "series=" + std::to_string(store.id(0));
  for (auto list : {"p101", "p50,", "top(3,a", "top(3,a)),p50", "p50,p50", "(,),p50"})
    CHECK(refusal("/api/v1/query", id + "&aggregates=" + list) == "400 bad_parameter");
  CHECK(refusal("/api/v1/query",
                id + "&max_points=10000&aggregates=top(11,user),top(10,user)")
        == "400 bad_parameter");
  CHECK(ask("/api/v1/query", id + "&max_points=10000&aggregates=top(20,user)").status
        == 200);
  auto answer = ask("/api/v1/query", id + "&aggregates=p50,mode");
  auto message = json::parse(answer.body)["error"]["message"].get<std::string>();
  CHECK(message
        == "The parameter `aggregates` is wrong: "
             + analytics::parse_aggregate("mode").error() + ".");
}

TEST_CASE("a list is split at commas outside of parentheses", "[web]") {
  using texts = std::vector<std::string>;
  CHECK(split_list("p50") == texts{"p50"});
  CHECK(split_list("p50,top(3,a),rate") == texts{"p50", "top(3,a)", "rate"});
  CHECK(split_list("a(b(c,d),e),f") == texts{"a(b(c,d),e)", "f"});
  CHECK(split_list("a),b") == texts{"a)", "b"});
  CHECK(split_list(",") == texts{"", ""});
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

TEST_CASE_METHOD(fixture, "the ledger names what became of each edge's numbers",
                 "[web]") {
  auto x = get("/api/v1/ledger");
  CHECK(x["balanced"] == true);
  REQUIRE(x["positions"].size() == 1);
  CHECK(x["positions"][0] == json::parse(R"({"edge": "edge-1",
    "epoch": "0000000000abcdef", "through_seq": 9, "lane_first": 0, "lane_through": 0,
    "sent": 9, "stored": 9, "coalesced": 0, "expired": 0, "shed": 0, "unreadable": 0,
    "missing": 0, "balanced": true, "violations": 0, "duplicate": 0, "gaps_refused": 0,
    "behind_seq": 0, "first_ms": 0, "last_ms": 0})"));
}

TEST_CASE_METHOD(fixture, "the ledger of an edge has ranges, also of what is missing",
                 "[web]") {
  weir::storage::incoming_block hole;
  hole.edge = "edge-1";
  hole.epoch = 0xabcdef;
  hole.first_seq = 20;
  hole.seq_span = 5;
  hole.fate = weir::storage::range_fate::shed;
  hole.live_lane = true;
  REQUIRE(store->commit({&hole, 1}, 3 * weir::test::ms_ns));
  REQUIRE(store->note_hello({"edge-1", 0xabcdef, 1, 31}, 5));
  auto x = get("/api/v1/ledger/edge", "edge=edge-1");
  REQUIRE(x["epochs"].size() == 1);
  const auto& epoch = x["epochs"][0];
  CHECK(epoch["sent"] == 30);
  CHECK(epoch["missing"] == 16);
  CHECK(epoch["lane_first"] == 20);
  CHECK(epoch["balanced"] == true);
  CHECK(epoch["violation"] == "");
  CHECK(epoch["ranges_total"] == 2);
  REQUIRE(epoch["ranges"].size() == 4);
  CHECK(epoch["ranges"][0]
        == json::parse(R"({"first": 25, "last": 30, "fate": "missing", "records": 0,
                           "first_ms": null, "last_ms": null})"));
  CHECK(epoch["ranges"][1]
        == json::parse(R"({"first": 20, "last": 24, "fate": "shed", "records": 0,
                           "first_ms": 3, "last_ms": 3})"));
  CHECK(epoch["ranges"][2]["first"] == 10);
  CHECK(epoch["ranges"][2]["last"] == 19);
  CHECK(epoch["ranges"][3]["fate"] == "stored");
  auto page = get("/api/v1/ledger/edge", "edge=edge-1&before=20&limit=1");
  REQUIRE(page["epochs"][0]["ranges"].size() == 2);
  CHECK(page["epochs"][0]["ranges"][1]["last"] == 9);
  CHECK(get("/api/v1/ledger/edge", "edge=edge-1&epoch=abcdef")["epochs"].size() == 1);
  CHECK(refusal("/api/v1/ledger/edge", "edge=edge-1&epoch=1") == "404 not_found");
}

TEST_CASE_METHOD(fixture, "the ledger of an edge has its own terms and its history",
                 "[web]") {
  weir::transport::edge_status status;
  status.ledger.received = 7;
  status.ledger.taken = 5;
  status.ledger.late = 2;
  status.ledger.mode = weir::transport::edge_mode_journal_off;
  fleet.on_status("edge-1", status, 5);
  REQUIRE(store->note_hello({"edge-1", 5, 1, 1}, 5));
  auto x = get("/api/v1/ledger/edge", "edge=edge-1");
  CHECK(x["events"]["balanced"] == true);
  CHECK(x["events"]["late"] == 2);
  CHECK(x["events"]["modes"] == json{"journal_off"});
  REQUIRE(x["history"].size() == 1);
  CHECK(x["history"][0]["cause"] == "new_database");
  CHECK(x["history"][0]["old_epoch"] == "0000000000abcdef");
  CHECK(x["epochs"].size() == 2);
  status.ledger.received = 8;
  fleet.on_status("edge-1", status, 5);
  CHECK(get("/api/v1/ledger/edge", "edge=edge-1")["events"]["balanced"] == false);
  CHECK(get("/api/v1/ledger")["balanced"] == false);
}

TEST_CASE_METHOD(fixture, "an edge that nobody knows has no ledger", "[web]") {
  CHECK(refusal("/api/v1/ledger/edge", "") == "400 bad_parameter");
  CHECK(refusal("/api/v1/ledger/edge", "edge=nobody") == "404 not_found");
  CHECK(refusal("/api/v1/ledger/edge", "edge=edge-1&epoch=xyz") == "400 bad_parameter");
  CHECK(refusal("/api/v1/ledger/edge", "edge=edge-1&before=0") == "400 bad_parameter");
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
