// A client that never reads: it is closed with 1013 and nobody else notices.
#include "tests/web/server_fixture.hpp"

#include <catch2/catch.hpp>

#include <atomic>
#include <optional>
#include <thread>

using namespace weir;
using namespace weir::test;

TEST_CASE_METHOD(server_fixture, "a client that never reads is closed, others go on",
                 "[web]") {
  start();
  std::optional slow = connect(16 << 10);
  REQUIRE(slow->open_live(bearer(), "").status == 101);
  auto good = connect();
  REQUIRE(good.open_live(bearer(), "").status == 101);
  good.read_until("hello");
  std::atomic<bool> enough{false};
  std::atomic<std::size_t> deltas{0};
  std::atomic<int> holes{0};
  std::jthread reader{[&] {
    std::uint64_t seq = 0;
    while (!enough) {
      auto x = good.read_frame();
      if (x.opcode != 2)
        return;
      auto json = nlohmann::json::from_msgpack(x.payload);
      if (json["seq"] != ++seq)
        holes += 1;
      if (json["t"] == "delta")
        deltas += 1;
    }
  }};
  auto report = std::make_shared<storage::commit_report>();
  auto anomaly = sample_anomaly(0, 0);
  anomaly.model = std::string(1000, 'm');
  report->anomalies.assign(300, {store.id(0), anomaly});
  auto closed = wait_until(
    [&] {
      auto before = deltas.load();
      server->publish(report);
      wait_until([&] { return deltas > before; });
      return metric("weir_web_sockets_closed_slow_total") == 1;
    },
    std::chrono::seconds{20});
  enough = true;
  reader.join(); // A tick comes within a second.
  REQUIRE(closed);
  CHECK(deltas > 3);
  CHECK(holes == 0);
  // Only now the slow client reads: what was in flight, then why it was closed.
  auto x = slow->read_frame();
  std::size_t bytes = 0;
  while (x.opcode == 2) {
    bytes += x.payload.size();
    x = slow->read_frame();
  }
  CHECK(x.close_code() == 1013);
  CHECK(bytes < 4u << 20);
  slow.reset();
  CHECK(wait_until([&] { return metric("weir_web_sockets") == 1; }));
}
