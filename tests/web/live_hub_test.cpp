// LIVE HUB by hand-moved time: what each session is sent, numbered and bounded.
#include "web/live_hub.hpp"

#include "tests/web/sample_data.hpp"

#include <nlohmann/json.hpp>

#include <catch2/catch.hpp>

#include <map>

using namespace weir;
using namespace weir::web;
using namespace weir::test;
using nlohmann::json;

namespace {

constexpr std::int64_t step_ns = 50 * ms_ns;

struct fixture : live_output {
  web_counters counters;
  live_hub uut{{}, "0.1.0", *this, counters};
  std::map<socket_id, std::vector<json>> frames;
  std::map<socket_id, std::vector<ws_frame>> raw;
  std::map<socket_id, std::uint16_t> closed;
  bool client_reads = true;
  std::int64_t now_ns = base_ns;

  void send(socket_id to, ws_frame frame) override {
    auto bytes = frame.head + *frame.body;
    frames[to].push_back(frame.text ? json::parse(bytes) : json::from_msgpack(bytes));
    raw[to].push_back(std::move(frame));
  }
  void close(socket_id which, std::uint16_t code, std::string_view) override {
    closed[which] = code;
  }

  /// A session that has all its frames behind it.
  void open(socket_id id, wire_format format = wire_format::msgpack) {
    uut.open(id, format, now_ns);
    read_all(id);
  }

  void read_all(socket_id id) {
    for (std::size_t i = 0; i < raw[id].size(); ++i)
      uut.sent(id);
    raw[id].clear();
  }

  void subscribe(socket_id id, std::int64_t number,
                 std::vector<storage::stored_series_id> series) {
    uut.message(id, {client_message::operation::subscribe, number, std::move(series),
                     base_ns, 800});
  }

  /// Answers a request as the store would, with the first `windows` of each
  /// series.
  snapshot_result answer(const snapshot_request& x, int windows = 0) {
    snapshot_result result{x.socket, x.generation, {}, {}, {}};
    snapshot_content content;
    content.subscription = x.subscription;
    for (auto id : x.series)
      for (int i = 0; i < windows; ++i) {
        auto point = sample_summary(0, i);
        result.shown[id].push_back({point.start_ns, point.width_ns, 0});
      }
    result.body = snap_body(x.format, now_ns, content);
    return result;
  }

  void answer_all() {
    while (auto x = uut.next_snapshot()) {
      uut.snapshot(answer(*x));
      read_all(x->socket);
    }
  }

  live_delta point(storage::stored_series_id series, int window,
                   std::uint32_t revision = 0) {
    live_delta x;
    x.points
      = {{series, base_ns + window * width_ns, width_ns, 2.5, 1.0, 4.0, 4, revision}};
    return x;
  }

  live_delta many_anomalies(std::size_t n) {
    live_delta x;
    x.anomalies.resize(n, {7, "edge-1", std::string(200, 'x'), sample_anomaly(0, 0)});
    return x;
  }

  void flush() {
    now_ns += step_ns;
    uut.flush(now_ns);
  }

  /// Frames of this type, and forgets all.
  std::vector<json> take(socket_id id, const std::string& type) {
    std::vector<json> result;
    for (auto& x : frames[id])
      if (x["t"] == type)
        result.push_back(std::move(x));
    frames[id].clear();
    return result;
  }
};

} // namespace

TEST_CASE_METHOD(fixture, "a new connection is greeted, in its own format", "[web]") {
  uut.open(1, wire_format::json, now_ns);
  REQUIRE(frames[1].size() == 1);
  CHECK(raw[1][0].text);
  CHECK(frames[1][0]
        == json{{"t", "hello"},
                {"server_ms", base_ns / ms_ns},
                {"version", "0.1.0"},
                {"heartbeat_ms", 1000}});
}

TEST_CASE_METHOD(fixture, "a subscription gets its snapshot, then deltas", "[web]") {
  open(1);
  subscribe(1, 5, {7});
  auto request = uut.next_snapshot();
  REQUIRE(request);
  CHECK(request->series == std::vector<storage::stored_series_id>{7});
  CHECK(request->from_ns == base_ns);
  CHECK_FALSE(uut.next_snapshot());
  uut.snapshot(answer(*request));
  auto snaps = take(1, "snap");
  REQUIRE(snaps.size() == 1);
  CHECK(snaps[0]["id"] == 5);
  CHECK(snaps[0]["seq"] == 1);
  read_all(1);
  uut.publish(point(7, 0));
  uut.publish(point(8, 0));
  flush();
  auto deltas = take(1, "delta");
  REQUIRE(deltas.size() == 1);
  CHECK(deltas[0]["seq"] == 2);
  REQUIRE(deltas[0]["points"].size() == 1);
  CHECK(deltas[0]["points"][0]
        == json::array({7, base_ns / ms_ns, 5000, 2.5, 1.0, 4.0, 4, 0, 0}));
}

TEST_CASE_METHOD(fixture, "what comes while a snapshot is read follows it once",
                 "[web]") {
  open(1);
  uut.publish(point(7, 0)); // Committed before; not yet flushed.
  subscribe(1, 1, {7});
  auto request = uut.next_snapshot();
  uut.publish(point(7, 1)); // Is in the snapshot, too.
  flush();
  uut.publish(point(7, 2)); // Is not.
  CHECK(take(1, "delta").empty());
  uut.snapshot(answer(*request, 2));
  read_all(1);
  CHECK(take(1, "snap").size() == 1);
  uut.publish(point(7, 1));    // Was in the snapshot and comes late.
  uut.publish(point(7, 0, 1)); // A newer revision of what was shown.
  flush();
  auto deltas = take(1, "delta");
  REQUIRE(deltas.size() == 1);
  const auto& points = deltas[0]["points"];
  REQUIRE(points.size() == 2);
  CHECK(points[0][1] == base_ns / ms_ns);
  CHECK(points[0][7] == 1);
  CHECK(points[1][1] == (base_ns + 2 * width_ns) / ms_ns);
}

TEST_CASE_METHOD(fixture, "a second after a snapshot sessions share again", "[web]") {
  open(1);
  open(2);
  subscribe(1, 1, {7, 8});
  subscribe(2, 9, {7, 8});
  while (auto x = uut.next_snapshot()) {
    uut.snapshot(answer(*x, 1));
    read_all(x->socket);
  }
  for (int i = 0; i < 20; ++i)
    flush();
  uut.publish(point(7, 5));
  flush();
  REQUIRE(raw[1].size() == 1);
  REQUIRE(raw[2].size() == 1);
  CHECK(raw[1][0].body == raw[2][0].body);
}

TEST_CASE_METHOD(fixture, "frames are coalesced to 20 a second", "[web]") {
  open(1);
  subscribe(1, 1, {7});
  answer_all();
  frames[1].clear();
  for (int ms = 0; ms < 1000; ++ms) {
    now_ns += ms_ns;
    uut.publish(point(7, ms));
    uut.flush(now_ns);
    read_all(1);
  }
  auto deltas = take(1, "delta");
  CHECK(deltas.size() <= 20);
  CHECK(deltas.size() >= 19);
  std::size_t points = 0;
  for (const auto& x : deltas)
    points += x["points"].size();
  CHECK(points >= 950);
}

TEST_CASE_METHOD(fixture, "of several revisions of a window the highest is sent",
                 "[web]") {
  open(1);
  subscribe(1, 1, {7});
  answer_all();
  flush();
  frames[1].clear();
  for (unsigned revision : {0u, 2u, 1u})
    uut.publish(point(7, 3, revision));
  flush();
  auto deltas = take(1, "delta");
  REQUIRE(deltas.size() == 1);
  REQUIRE(deltas[0]["points"].size() == 1);
  CHECK(deltas[0]["points"][0][7] == 2);
}

TEST_CASE_METHOD(fixture, "a clock that is set back does not stop the feed", "[web]") {
  open(1);
  flush();
  now_ns -= 3'600'000 * ms_ns;
  uut.publish(many_anomalies(1));
  uut.flush(now_ns);
  CHECK(take(1, "delta").size() == 1);
}

TEST_CASE_METHOD(fixture, "anomalies and alerts go to all, points to subscribers",
                 "[web]") {
  open(1);
  auto x = many_anomalies(1);
  x.alerts = {{"edge-1", sample_series[0], sample_alert(0)}};
  x.new_series = 2;
  x.points = point(7, 0).points;
  uut.publish(std::move(x));
  flush();
  auto deltas = take(1, "delta");
  REQUIRE(deltas.size() == 1);
  CHECK(deltas[0]["points"].empty());
  CHECK(deltas[0]["anomalies"].size() == 1);
  CHECK(deltas[0]["alerts"].size() == 1);
  CHECK(deltas[0]["new_series"] == 2);
  uut.publish(point(7, 1));
  flush();
  CHECK(take(1, "delta").empty());
}

TEST_CASE_METHOD(fixture,
                 "the same id again replaces, and a stale snapshot is "
                 "dropped",
                 "[web]") {
  open(1);
  subscribe(1, 1, {7});
  auto old = uut.next_snapshot();
  subscribe(1, 1, {8});
  CHECK_FALSE(uut.next_snapshot()); // One at a time.
  uut.snapshot(answer(*old));
  CHECK(take(1, "snap").empty());
  auto request = uut.next_snapshot();
  REQUIRE(request);
  CHECK(request->series == std::vector<storage::stored_series_id>{8});
  uut.publish(point(7, 0));
  uut.publish(point(8, 0));
  uut.snapshot(answer(*request));
  flush();
  auto deltas = take(1, "delta");
  REQUIRE(deltas.size() == 1);
  REQUIRE(deltas[0]["points"].size() == 1);
  CHECK(deltas[0]["points"][0][0] == 8);
}

TEST_CASE_METHOD(fixture, "an ended subscription is sent nothing", "[web]") {
  open(1);
  subscribe(1, 1, {7});
  auto request = uut.next_snapshot();
  uut.message(1, {client_message::operation::unsubscribe, 1, {}, 0, 0});
  uut.snapshot(answer(*request));
  uut.publish(point(7, 0));
  flush();
  CHECK(frames[1].size() == 1); // The greeting.
}

TEST_CASE_METHOD(fixture, "the numbers of a connection have no hole", "[web]") {
  open(1);
  subscribe(1, 1, {7});
  subscribe(1, 2, {8});
  answer_all();
  for (int i = 0; i < 30; ++i) {
    uut.publish(point(7, i));
    flush();
    if (i % 10 == 0)
      uut.tick(now_ns, {}, {});
    read_all(1);
  }
  uut.refuse(1, {1, "malformed", "x"});
  std::uint64_t expected = 0;
  for (const auto& x : frames[1])
    if (x.contains("seq"))
      CHECK(x["seq"] == ++expected);
    else
      CHECK((x["t"] == "hello" || x["t"] == "error"));
  CHECK(expected == 2 + 30 + 3);
}

TEST_CASE_METHOD(fixture, "a 33rd subscription is refused", "[web]") {
  open(1);
  for (int i = 0; i < 33; ++i)
    subscribe(1, i, {7});
  auto errors = take(1, "error");
  REQUIRE(errors.size() == 1);
  CHECK(errors[0]["id"] == 32);
  CHECK(errors[0]["code"] == "too_many_subs");
  subscribe(1, 0, {8}); // Replacing is no new one.
  CHECK(take(1, "error").empty());
}

TEST_CASE_METHOD(fixture, "snapshots of a session wait for the last to leave",
                 "[web]") {
  open(1);
  subscribe(1, 1, {7});
  subscribe(1, 2, {8});
  uut.snapshot(answer(*uut.next_snapshot()));
  CHECK_FALSE(uut.next_snapshot());
  read_all(1);
  auto second = uut.next_snapshot();
  REQUIRE(second);
  CHECK(second->subscription == 2);
}

TEST_CASE_METHOD(fixture, "a snapshot that could not be read now comes later",
                 "[web]") {
  open(1);
  subscribe(1, 1, {7});
  auto request = uut.next_snapshot();
  uut.put_back(*request);
  auto again = uut.next_snapshot();
  REQUIRE(again);
  CHECK(again->generation == request->generation);
}

TEST_CASE_METHOD(fixture, "a store that fails ends the subscription with an error",
                 "[web]") {
  open(1);
  subscribe(1, 4, {7});
  auto request = uut.next_snapshot();
  uut.snapshot({1, request->generation, {}, {}, "The disk is gone."});
  auto errors = take(1, "error");
  REQUIRE(errors.size() == 1);
  CHECK(errors[0]["id"] == 4);
  CHECK(errors[0]["message"] == "The disk is gone.");
  uut.publish(point(7, 0));
  flush();
  CHECK(take(1, "delta").empty());
}

TEST_CASE_METHOD(fixture, "a resync gives every subscription a new snapshot", "[web]") {
  open(1);
  open(2);
  subscribe(1, 1, {7});
  subscribe(1, 2, {8});
  subscribe(2, 1, {7});
  answer_all();
  frames.clear();
  uut.resync();
  answer_all();
  CHECK(take(1, "snap").size() == 2);
  CHECK(take(2, "snap").size() == 1);
  CHECK(counters.resyncs == 1);
}

TEST_CASE_METHOD(fixture, "a slow client gets the newest point, others all", "[web]") {
  open(1);
  open(2);
  subscribe(1, 1, {7});
  subscribe(2, 1, {7});
  answer_all();
  flush();
  read_all(2);
  while (uut.unsent_bytes(1) <= 256u << 10) { // Session 1 reads nothing.
    uut.publish(many_anomalies(100));
    flush();
    read_all(2);
  }
  frames.clear();
  for (int i = 0; i < 50; ++i) {
    uut.publish(point(7, i));
    flush();
    read_all(2);
  }
  CHECK(take(1, "delta").empty());
  CHECK(take(2, "delta").size() == 50);
  CHECK(counters.points_merged == 49);
  uut.tick(now_ns, {}, {});
  CHECK(take(1, "tick").empty());
  CHECK(take(2, "tick").size() == 1);
  CHECK(counters.ticks_skipped == 1);
  read_all(1);
  flush();
  auto deltas = take(1, "delta");
  REQUIRE(deltas.size() == 1);
  REQUIRE(deltas[0]["points"].size() == 1);
  CHECK(deltas[0]["points"][0][1] == (base_ns + 49 * width_ns) / ms_ns);
  CHECK(closed.empty());
}

TEST_CASE_METHOD(fixture, "past 1 MB a client is closed with 1013, alone", "[web]") {
  open(1);
  open(2);
  for (int i = 0; i < 60; ++i) {
    uut.publish(many_anomalies(100));
    flush();
    read_all(2);
  }
  CHECK(closed == std::map<socket_id, std::uint16_t>{{1, 1013}});
  CHECK(counters.sockets_closed_slow == 1);
  CHECK(uut.unsent_bytes(1) < 2u << 20);
  CHECK(take(2, "delta").size() == 60);
  auto before = frames[1].size();
  uut.tick(now_ns, {}, {});
  uut.publish(many_anomalies(1));
  flush();
  subscribe(1, 1, {7});
  CHECK(frames[1].size() == before);
  CHECK(uut.sessions() == 2);
  uut.close(1);
  CHECK(uut.sessions() == 1);
}

TEST_CASE_METHOD(fixture, "a client that asks for errors without reading is closed",
                 "[web]") {
  open(1);
  for (int i = 0; i < 20'000 && closed.empty(); ++i)
    uut.refuse(1, {1, "malformed", std::string(200, 'x')});
  CHECK(closed[1] == 1013);
}

TEST_CASE_METHOD(fixture, "ticks share their body and say what the fleet does",
                 "[web]") {
  open(1);
  open(2);
  open(3, wire_format::json);
  actors::fleet_view fleet;
  fleet.edges.resize(1);
  fleet.edges[0].name = "edge-1";
  uut.tick(now_ns, fleet, {4, 312});
  CHECK(raw[1][0].body == raw[2][0].body);
  CHECK(raw[3][0].text);
  auto x = take(1, "tick")[0];
  CHECK(x["seq"] == 1);
  CHECK(x["totals"]["alerts_open"] == 4);
  CHECK(x["totals"]["series"] == 312);
  CHECK(x["edges"][0]["name"] == "edge-1");
}
