// Answers of web/API.md as tables; answers that are not like that as well.
#include "cli/api_tables.hpp"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

using namespace weir::cli;
using nlohmann::json;

namespace {

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

} // namespace

TEST_CASE("the status names edges, states and counters", "[cli]") {
  auto text = overview_table(json::parse(R"({
    "server_ms": 1700000000000,
    "totals": {"edges": 2, "up": 1, "late": 0, "down": 1, "events_per_s": 80.5,
               "lag_p99_ms": 84, "alerts_open": 3, "series": 312,
               "rejected_total": 4, "late_total": 5},
    "edges": [{"name": "edge-1", "state": "up", "last_seen_ms": 1700000000000.5,
               "events_per_s": 80.5, "outbox_bytes": 1500000, "version": "0.1.0"}]})"));
  CHECK(has(text, "2 edges (1 up, 0 late, 1 down)"));
  CHECK(has(text, "edge-1  up"));
  CHECK(has(text, "2023-11-14T22:13:20.000Z"));
  CHECK(has(text, "1.5 MB"));
}

TEST_CASE("the status shows what a series costs, and counters that tell something",
          "[cli]") {
  auto text = overview_table(json::parse(R"({"totals": {}, "edges": [
    {"name": "edge-1", "state_bytes": 3000, "series_known": 7, "evicted_total": 12,
     "held_events": 0},
    {"name": "old", "state_bytes": 0, "series_known": 0, "evicted_total": 0}]})"));
  CHECK(has(text, "3.0 kB"));
  CHECK(has(text, "429 B"));
  CHECK(has(text, "EVICTED"));
  CHECK(has(text, "12"));
  CHECK_FALSE(has(text, "HELD"));
  CHECK_FALSE(has(text, "REVISIONS"));
}

TEST_CASE("windows are shown with the columns that the answer names", "[cli]") {
  auto text = query_table(json::parse(R"({
    "series": {"id": 7, "edge": "edge-1", "text": "rpm{source=\"m-01\"}"},
    "columns": ["start_ms", "count", "mean"],
    "rows": [[1700000000000, 5, 1480.25], [1700000005000, 5, null]]})"));
  CHECK(has(text, "rpm{source=\"m-01\"} of edge-1"));
  CHECK(has(text, "2023-11-14T22:13:20.000Z      5  1480.25"));
}

TEST_CASE("further aggregates and early results are shown", "[cli]") {
  auto text = query_table(json::parse(R"x({
    "series": {"id": 7, "text": "rpm{}"},
    "columns": ["start_ms", "early", "p99", "top(2,user)"],
    "rows": [[1700000000000, true, 12.5, [["ann", 3], ["bob", 1.5]]],
             [1700000005000, false, null, null], [1700000010000, false, 1, []],
             [1700000015000, false, 1, [1, ["x"], [2, 3]]]]})x"));
  CHECK(has(text, "top(2,user)"));
  CHECK(has(text, "yes  12.5  ann: 3, bob: 1.5"));
  CHECK(has(text, "no"));
}

TEST_CASE("rejections are shown with their reason", "[cli]") {
  auto text = quarantine_table(json::parse(R"({"rejections": [
    {"edge": "edge-1", "time_ms": 1700000000000, "source": "m-01", "reason": "late",
     "detail": "3 events", "first_bytes_base64": ""}]})"));
  CHECK(has(text, "edge-1  m-01    late    3 events"));
}

TEST_CASE("the ledger shows all edges with their balance", "[cli]") {
  auto answer = json::parse(R"({"positions": [
    {"edge": "edge-1", "epoch": "00ff", "sent": 12345678, "stored": 12,
     "balanced": true},
    {"edge": "edge-2", "epoch": "00fe", "sent": 4, "stored": 4, "balanced": false}]})");
  auto text = ledger_table(answer);
  CHECK(has(text, "12345678"));
  CHECK(has(text, "ok"));
  CHECK(has(text, "VIOLATED"));
  CHECK(ledger_table(json::parse(R"({"positions": []})"))
        == "no edge has sent anything yet\n");
}

TEST_CASE("the ledger of an edge is shown term by term", "[cli]") {
  auto text = edge_ledger_text(json::parse(R"({"edge": "edge-1",
    "epochs": [{"epoch": "00ff", "sent": 30, "stored": 9, "coalesced": 0, "expired": 0,
      "shed": 5, "unreadable": 0, "missing": 16, "balanced": true, "lane_first": 20,
      "lane_through": 24, "through_seq": 9, "violation": "",
      "ranges": [{"first": 25, "last": 30, "fate": "missing", "records": 0,
                  "first_ms": null, "last_ms": null},
                 {"first": 20, "last": 24, "fate": "shed", "records": 0,
                  "first_ms": 1700000000000, "last_ms": 1700000000000}]}],
    "events": {"time_ms": 1700000000000, "balanced": false, "received": 7, "taken": 5,
      "late": 2, "upstream_missing": 3, "upstream_restarts": 0, "modes": ["disk_full"]},
    "history": [{"time_ms": 1700000000000, "cause": "renewed", "old_epoch": "00fe",
                 "new_epoch": "00ff", "old_through_seq": 5, "old_missing": 1}]})"));
  CHECK(has(text, "balance VIOLATED"));
  CHECK(has(text, "balance ok"));
  CHECK(has(text, "+  16  missing"));
  CHECK(has(text, "=   9  stored"));
  CHECK(has(text, "live data stands at 20 to 24, the backlog at 9"));
  CHECK(has(text, "25    30  missing"));
  CHECK(has(text, "3 never came"));
  CHECK_FALSE(has(text, "began to count anew\n"));
  CHECK(has(text, "WARNING: disk_full"));
  CHECK(has(text, "renewed"));
}

TEST_CASE("no answer is too strange to be shown", "[cli]") {
  for (auto text : {"null", "[]", "{}", "5", R"({"series": 5, "edges": {}, "rows": [3],
                    "columns": ["a"], "alerts": [null], "rejections": ["x"],
                    "positions": [[]], "totals": [], "epochs": [3],
                    "events": [], "history": [[]]})"}) {
    auto answer = json::parse(text);
    CHECK_NOTHROW(overview_table(answer));
    CHECK_NOTHROW(series_table(answer));
    CHECK_NOTHROW(query_table(answer));
    CHECK_NOTHROW(alerts_table(answer));
    CHECK_NOTHROW(quarantine_table(answer));
    CHECK_NOTHROW(ledger_table(answer));
    CHECK_NOTHROW(edge_ledger_text(answer));
  }
}
