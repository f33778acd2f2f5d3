// METRICS: the text is what Prometheus reads, whatever an edge is called.
#include "web/metrics.hpp"

#include <catch2/catch.hpp>

#include <limits>
#include <regex>
#include <set>
#include <sstream>

using namespace weir;

namespace {

actors::fleet_view two_edges() {
  actors::fleet_view result;
  result.totals.up = 1;
  result.totals.down = 1;
  result.edges.resize(2);
  result.edges[0].name = "edge-1";
  result.edges[0].state = actors::edge_state::up;
  result.edges[0].status.events_total = 12345678901234;
  result.edges[0].status.rejected_by_reason = {3, 0, 1};
  result.edges[0].status.evicted_total = 11;
  result.edges[0].status.state_bytes = 1'200'345;
  result.edges[0].ledger_ns = 1;
  result.edges[0].ledger.duplicate = 17;
  result.edges[0].ledger.mode = transport::edge_mode_disk_full;
  result.edges[1].name = "odd \"name\"\\\n";
  result.edges[1].lag_ms = std::numeric_limits<double>::quiet_NaN();
  return result;
}

std::string text() {
  actors::central_counters central;
  central.commits = 7;
  web::web_counters counters;
  counters.requests_by_class[1] = 5;
  storage::edge_position first;
  first.edge = "edge-1";
  first.records_stored = 40;
  first.records_shed = 2;
  first.through_seq = 42;
  first.sent_seq = 45;
  auto second = first;
  second.epoch = 1;
  return web::prometheus_text(two_edges(), central, {.series = 9}, {first, second},
                              counters, {.rss_bytes = 4096, .cpu_s = 1.5});
}

bool contains(const std::string& all, const std::string& line) {
  return ("\n" + all).find("\n" + line + "\n") != std::string::npos;
}

} // namespace

TEST_CASE("counters, edges, store and process are all there", "[web]") {
  auto all = text();
  CHECK(contains(all, "weir_commits_total 7"));
  CHECK(contains(all, "weir_edges{state=\"up\"} 1"));
  CHECK(contains(all, "weir_edge_up{edge=\"edge-1\"} 1"));
  CHECK(contains(all, "weir_edge_events_total{edge=\"edge-1\"} 12345678901234"));
  CHECK(
    contains(all, "weir_edge_rejected_total{edge=\"edge-1\",reason=\"malformed\"} 3"));
  CHECK(contains(all, "weir_edge_evicted_total{edge=\"edge-1\"} 11"));
  CHECK(contains(all, "weir_edge_state_bytes{edge=\"edge-1\"} 1200345"));
  CHECK(contains(all, "weir_store_records{kind=\"series\"} 9"));
  CHECK(contains(all, "weir_web_requests_total{class=\"2xx\"} 5"));
  CHECK(contains(all, "weir_ledger_records{edge=\"edge-1\",fate=\"stored\"} 80"));
  CHECK(contains(all, "weir_ledger_records{edge=\"edge-1\",fate=\"missing\"} 6"));
  CHECK(contains(all, "weir_edge_ledger{edge=\"edge-1\",term=\"duplicate\"} 17"));
  CHECK(contains(all, "weir_edge_mode{edge=\"edge-1\",mode=\"disk_full\"} 1"));
  CHECK(contains(all, "weir_edge_mode{edge=\"edge-1\",mode=\"journal_off\"} 0"));
  CHECK(contains(all, "weir_process_resident_bytes 4096"));
  CHECK(contains(all, "weir_process_cpu_seconds_total 1.5"));
}

TEST_CASE("odd names and numbers are escaped", "[web]") {
  auto all = text();
  CHECK(contains(all, "weir_edge_up{edge=\"odd \\\"name\\\"\\\\\\n\"} 0"));
  CHECK(contains(all, "weir_edge_lag_seconds{edge=\"odd \\\"name\\\"\\\\\\n\"} NaN"));
}

TEST_CASE("every line is a comment or a sample, every family stands once", "[web]") {
  std::regex sample{
    R"re(weir_[a-z0-9_]+(\{([a-z]+="([^"\\]|\\["\\n])*",?)+\})? (-?[0-9.e+]+|NaN|[+-]Inf))re"};
  std::set<std::string> families;
  std::istringstream lines{text()};
  for (std::string line; std::getline(lines, line);) {
    INFO(line);
    if (line.starts_with("# TYPE "))
      CHECK(families.insert(line).second);
    else if (!line.starts_with("# HELP "))
      CHECK(std::regex_match(line, sample));
  }
  CHECK(families.size() > 40);
}

TEST_CASE("the own process uses memory and time", "[web]") {
  auto x = web::read_process_usage();
  CHECK(x.rss_bytes > 1'000'000);
  CHECK(x.cpu_s > 0.0);
}
