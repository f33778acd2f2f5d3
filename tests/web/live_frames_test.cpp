// LIVE FRAMES: compares the frames of fixed input with golden/, byte by byte.
// The UI's tests decode the same files. After a wanted change run the tests
// once with WEIR_UPDATE_GOLDEN=1 in the environment, and look at the
// difference.
#include "web/live_frames.hpp"

#include "tests/support/temp_dir.hpp"
#include "tests/web/sample_data.hpp"

#include <nlohmann/json.hpp>

#include <catch2/catch.hpp>

#include <bit>
#include <cstdlib>
#include <cstring>

using namespace weir;
using namespace weir::web;
using namespace weir::test;
using nlohmann::json;

namespace {

std::string bytes_of(const ws_frame& x) {
  return x.head + *x.body;
}

actors::fleet_view sample_fleet() {
  actors::fleet_view result;
  result.totals = {1, 1, 0, 0, 1234.5, 98765, 84.25, 3, 2};
  auto& edge = result.edges.emplace_back();
  edge.name = "edge-1";
  edge.state = actors::edge_state::up;
  edge.last_seen_ns = base_ns + ms_ns / 4;
  edge.events_per_s = 1234.5;
  edge.lag_ms = 84.25;
  edge.clock_offset_ms = -1.5;
  edge.status.version = "0.1.0";
  edge.status.started_ns = base_ns - 3'600'000 * ms_ns;
  edge.status.events_total = 98765;
  edge.status.rejected_total = 3;
  edge.status.late_total = 2;
  edge.status.series_open = 2;
  edge.status.rss_bytes = 20'000'000;
  edge.status.revisions_total = 4;
  edge.status.filtered_total = 5;
  edge.status.derived_total = 6;
  edge.status.evicted_total = 7;
  edge.status.series_known = 3;
  edge.status.state_bytes = 1200;
  edge.status.restamped_total = 8;
  edge.status.held_events = 9;
  edge.status.clock_jumps_total = 1;
  edge.status.rejected_by_reason = {1, 2};
  return result;
}

named_anomaly sample_named_anomaly() {
  return {7, "edge-1", sample_series[0], sample_anomaly(0, 1)};
}

ws_frame tick(wire_format format) {
  return make_frame(format, "tick", 1,
                    tick_body(format, base_ns, sample_fleet(), {1, 2}));
}

ws_frame snap(wire_format format) {
  snapshot_content content;
  content.subscription = 1;
  content.missing = {99};
  content.series.push_back(
    {{7, "edge-1", sample_series[0], width_ns, base_ns + width_ns},
     {sample_summary(0, 0), sample_summary(0, 1)}});
  content.anomalies = {sample_named_anomaly()};
  return make_frame(format, "snap", 2, snap_body(format, base_ns, content));
}

ws_frame delta(wire_format format) {
  live_delta x;
  x.points = {{7, base_ns + 2 * width_ns, width_ns, 2.5, 1.0, 4.0, 4, 0},
              {8, base_ns + 2 * width_ns, width_ns, -0.1, -1.5, 1e300, 1, 3, true}};
  x.anomalies = {sample_named_anomaly()};
  x.alerts = {{"edge-1", sample_series[0], sample_alert(0)}};
  x.new_series = 1;
  return make_frame(format, "delta", 3, delta_body(format, base_ns, x));
}

void check_golden(const std::string& name, const std::string& bytes) {
  auto file = std::filesystem::path{WEIR_GOLDEN_DIR} / name;
  if (std::getenv("WEIR_UPDATE_GOLDEN") != nullptr)
    write_file(file, bytes);
  INFO(name);
  CHECK(read_file(file) == bytes);
}

} // namespace

TEST_CASE("frames are those of the golden files", "[web]") {
  check_golden("tick.msgpack", bytes_of(tick(wire_format::msgpack)));
  check_golden("tick.json", bytes_of(tick(wire_format::json)));
  check_golden("snap.msgpack", bytes_of(snap(wire_format::msgpack)));
  check_golden("snap.json", bytes_of(snap(wire_format::json)));
  check_golden("delta.msgpack", bytes_of(delta(wire_format::msgpack)));
  check_golden("delta.json", bytes_of(delta(wire_format::json)));
}

TEST_CASE("both encodings say the same", "[web]") {
  for (auto make : {tick, delta}) {
    auto binary = json::from_msgpack(bytes_of(make(wire_format::msgpack)));
    auto text = json::parse(bytes_of(make(wire_format::json)));
    CHECK(binary == text);
  }
}

TEST_CASE("columns of a snapshot are little-endian doubles", "[web]") {
  auto frame = json::from_msgpack(bytes_of(snap(wire_format::msgpack)));
  auto text = json::parse(bytes_of(snap(wire_format::json)));
  const auto& series = frame["series"][0];
  CHECK(series["n"] == 2);
  for (auto name : {"start_ms", "mean", "min", "max", "count"}) {
    const auto& bytes = series[name].get_binary();
    REQUIRE(bytes.size() == 16);
    double values[2];
    static_assert(std::endian::native == std::endian::little);
    std::memcpy(values, bytes.data(), sizeof values);
    INFO(name);
    CHECK(text["series"][0][name] == json::array({values[0], values[1]}));
  }
  CHECK(text["series"][0]["start_ms"][0] == 1'700'000'000'000);
  CHECK(frame["missing"] == json::array({99}));
}

TEST_CASE("the fields of every frame are those of API.md", "[web]") {
  auto keys = [](const json& x) {
    std::string result;
    for (const auto& [key, value] : x.items())
      result += (result.empty() ? "" : " ") + key;
    return result;
  };
  auto read = [](const ws_frame& x) { return json::from_msgpack(bytes_of(x)); };
  auto x = wire_format::msgpack;
  CHECK(keys(read(make_frame(x, "hello", {}, hello_body(x, 0, "0.1.0"))))
        == "heartbeat_ms server_ms t version");
  CHECK(keys(read(make_frame(x, "error", {}, error_body(x, {}, "c", "m"))))
        == "code id message t");
  CHECK(keys(read(tick(x))) == "edges seq server_ms t totals");
  CHECK(keys(read(snap(x))) == "anomalies id missing seq series server_ms t");
  CHECK(keys(read(snap(x))["series"][0])
        == "count edge id max mean min n start_ms text width_ms");
  auto frame = read(delta(x));
  CHECK(keys(frame) == "alerts anomalies new_series points seq server_ms t");
  CHECK(frame["points"][0].size() == 9);
  CHECK(keys(frame["anomalies"][0])
        == "deviation edge expected model score series severity text time_ms "
           "value");
  CHECK(keys(frame["alerts"][0])
        == "edge id limit message rule severity start_ms state text updated_ms "
           "value");
  auto edge = read(tick(x))["edges"][0];
  CHECK(
    keys(edge)
    == "alerts_firing clock_jumps_total clock_offset_ms derived_total events_per_s "
       "events_total evicted_total expired_total filtered_total held_events lag_ms "
       "last_seen_ms late_total ledger_balanced modes name outbox_bytes outbox_records "
       "rejected_by_reason rejected_by_source rejected_total restamped_total "
       "revisions_total rss_bytes series_known series_open shed_total started_ms "
       "state state_bytes version");
  CHECK(edge["state_bytes"] == 1200);
  CHECK(edge["held_events"] == 9);
  CHECK(edge["rejected_by_reason"].size() == analytics::reject_reason_count);
  CHECK(keys(read(tick(x))["totals"])
        == "alerts_open down edges events_per_s events_total lag_p99_ms late "
           "late_total rejected_total series up");
}

TEST_CASE("text that is not UTF-8 does not break a JSON frame", "[web]") {
  auto x = wire_format::json;
  auto frame = make_frame(x, "error", {}, error_body(x, 1, "c", "bad \xff byte"));
  CHECK(json::parse(bytes_of(frame))["message"] == "bad \xef\xbf\xbd byte");
}

TEST_CASE("connections share the body of a frame", "[web]") {
  auto body = hello_body(wire_format::msgpack, base_ns, "0.1.0");
  auto a = make_frame(wire_format::msgpack, "tick", 1, body);
  auto b = make_frame(wire_format::msgpack, "tick", 70000, body);
  CHECK(a.body == b.body);
  CHECK(json::from_msgpack(bytes_of(a))["seq"] == 1);
  CHECK(json::from_msgpack(bytes_of(b))["seq"] == 70000);
}
