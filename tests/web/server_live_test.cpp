// The live feed over a real socket: handshake, snapshot, deltas, ticks, errors.
#include "tests/web/server_fixture.hpp"

#include <catch2/catch.hpp>

#include <map>
#include <thread>

using namespace weir;
using namespace weir::test;
using nlohmann::json;

namespace {

struct fixture : server_fixture {
  fixture() {
    start();
  }

  json subscription(int id, std::size_t series, std::int64_t from_ns = base_ns) {
    return {{"op", "sub"},
            {"id", id},
            {"series", {store.id(series)}},
            {"from_ms", from_ns / ms_ns}};
  }

  std::string local_origin() {
    return "Origin: http://127.0.0.1\r\n"; // As the Host of open_live().
  }
};

} // namespace

TEST_CASE_METHOD(fixture, "a handshake needs a session and an origin of ours",
                 "[web]") {
  auto cookie = sign_in();
  CHECK(connect().open_live("").status == 401);
  CHECK(connect().open_live(cookie).status == 403);
  CHECK(connect().open_live(cookie + "Origin: http://evil.example\r\n").status == 403);
  CHECK(connect().open_live("Authorization: Bearer no\r\n").status == 401);
  auto good = connect();
  auto reply = good.open_live(cookie + local_origin());
  CHECK(reply.status == 101);
  CHECK(reply.headers["sec-websocket-accept"] == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
  CHECK(reply.headers["x-content-type-options"] == "nosniff");
  auto hello = good.read_until("hello");
  CHECK(hello["version"] == "0.1.0");
  CHECK(hello["heartbeat_ms"] == 1000);
  CHECK(connect().open_live(bearer()).status == 101);
}

TEST_CASE_METHOD(fixture, "an upgrade elsewhere is refused", "[web]") {
  auto upgrade = bearer()
                 + "Upgrade: websocket\r\nConnection: Upgrade\r\n"
                   "Sec-WebSocket-Version: 13\r\n"
                   "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
  CHECK(ask("GET /api/v1/overview", upgrade).status == 400);
  CHECK(ask("GET /nothing", upgrade).status == 404);
}

TEST_CASE_METHOD(fixture, "a page sees the past, then what is committed", "[web]") {
  for (auto query : {"?format=json", ""}) {
    auto page = connect();
    REQUIRE(page.open_live(bearer(), query).status == 101);
    page.read_until("hello");
    page.send_json(subscription(1, 0));
    auto snap = page.read_until("snap");
    CHECK(snap["id"] == 1);
    auto shown = snap["series"][0]["n"].get<int>();
    CHECK(shown >= 3);
    auto window = shown; // The next one.
    server->publish(store.commit_window(window));
    auto delta = page.read_until("delta");
    CHECK(delta["seq"].get<int>() > snap["seq"].get<int>());
    REQUIRE(delta["points"].size() == 1);
    CHECK(delta["points"][0][0] == store.id(0));
    CHECK(delta["points"][0][1] == (base_ns + window * width_ns) / ms_ns);
  }
}

TEST_CASE_METHOD(fixture, "after a reconnect the gap is filled once", "[web]") {
  {
    auto before = connect();
    REQUIRE(before.open_live(bearer()).status == 101);
    before.send_json(subscription(1, 0));
    CHECK(before.read_until("snap")["series"][0]["n"] == 3);
  }
  server->publish(store.commit_window(3));
  server->publish(store.commit_window(4));
  auto after = connect();
  REQUIRE(after.open_live(bearer()).status == 101);
  after.send_json(subscription(1, 0, base_ns + 2 * width_ns));
  auto snap = after.read_until("snap");
  CHECK(
    snap["series"][0]["start_ms"]
    == json::array({(base_ns + 2 * width_ns) / ms_ns, (base_ns + 3 * width_ns) / ms_ns,
                    (base_ns + 4 * width_ns) / ms_ns}));
  server->publish(store.commit_window(5));
  auto delta = after.read_until("delta");
  REQUIRE(delta["points"].size() == 1);
  CHECK(delta["points"][0][1] == (base_ns + 5 * width_ns) / ms_ns);
}

TEST_CASE_METHOD(fixture,
                 "no window is lost or doubled while pages come and commits "
                 "go on",
                 "[web]") {
  constexpr int windows = 60;
  auto page = connect();
  REQUIRE(page.open_live(bearer()).status == 101);
  std::jthread writer{[&] {
    for (int i = 3; i < windows; ++i)
      server->publish(store.commit_window(i));
  }};
  page.send_json(subscription(1, 0));
  std::map<std::int64_t, int> seen;
  auto snap = page.read_until("snap");
  for (const auto& x : snap["series"][0]["start_ms"])
    seen[static_cast<std::int64_t>(x.get<double>())] += 1;
  while (seen.size() < windows) {
    auto delta = page.read_until("delta");
    for (const auto& x : delta["points"])
      seen[x[1].get<std::int64_t>()] += 1;
  }
  writer.join();
  CHECK(seen.size() == windows);
  for (const auto& [start_ms, times] : seen) {
    INFO(start_ms);
    CHECK(times == 1);
  }
}

TEST_CASE_METHOD(fixture, "a tick comes each second with the store's numbers",
                 "[web]") {
  fleet.expect_edge("edge-1");
  auto page = connect();
  REQUIRE(page.open_live(bearer()).status == 101);
  auto first = page.read_until("tick");
  CHECK(first["totals"]["edges"] == 1);
  auto second = page.read_until("tick");
  CHECK(second["seq"].get<int>() == first["seq"].get<int>() + 1);
  CHECK(second["totals"]["series"] == 2);
  CHECK(second["totals"]["alerts_open"] == 1);
  CHECK(second["edges"][0]["name"] == "edge-1");
  auto passed_ms = second["server_ms"].get<double>() - first["server_ms"].get<double>();
  CHECK(passed_ms > 900);
  CHECK(passed_ms < 1500);
}

TEST_CASE_METHOD(fixture, "messages that are none get an error, the page stays",
                 "[web]") {
  auto page = connect();
  REQUIRE(page.open_live(bearer()).status == 101);
  page.send_frame(1, "nonsense");
  CHECK(page.read_until("error")["code"] == "malformed");
  page.send_frame(2, std::string(65'000, '\x91'));
  CHECK(page.read_until("error")["code"] == "malformed");
  auto unknown = subscription(3, 0);
  unknown["series"] = {4242};
  page.send_json(unknown);
  CHECK(page.read_until("snap")["missing"] == json::array({4242}));
}

TEST_CASE_METHOD(fixture, "a message of more than 64 KB ends the connection", "[web]") {
  auto page = connect();
  REQUIRE(page.open_live(bearer()).status == 101);
  page.send_frame(1, std::string(70'000, ' '));
  auto x = page.read_frame();
  while (x.opcode == 1)
    x = page.read_frame();
  CHECK(x.close_code() == 1009);
}

TEST_CASE_METHOD(fixture, "the end of a session ends its pages", "[web]") {
  auto cookie = sign_in();
  auto page = connect();
  REQUIRE(page.open_live(cookie + local_origin()).status == 101);
  page.read_until("hello");
  REQUIRE(ask("DELETE /api/v1/session", cookie + origin()).status == 204);
  auto x = page.read_frame();
  while (x.opcode == 1)
    x = page.read_frame();
  CHECK(x.close_code() == 1008);
}
