// Known events through the real programs: every window at the centre is compared with
// what a brute-force reading of the same events gives.
#include "storage/store.hpp"
#include "tests/e2e/system.hpp"
#include "transport/zmq_ingest.hpp"

#include <catch2/catch.hpp>

#include <csignal>
#include <map>
#include <random>
#include <thread>

using namespace std::chrono_literals;
using weir::test::wait_until;
using weir::test::weir_system;

namespace {

constexpr std::int64_t second_ms = 1000;
constexpr std::int64_t start_ms = 1'760'000'000'000;

struct known_event {
  std::string metric;
  std::string source;
  std::int64_t time_ms = 0;
  double value = 0.0;

  std::string json() const {
    return R"({"type":")" + metric + R"(","source":")" + source + R"(","timestamp":)"
           + std::to_string(time_ms) + R"(,"value":)" + nlohmann::json(value).dump()
           + "}";
  }
  std::string series() const {
    return metric + "{source=\"" + source + "\"}";
  }
};

struct oracle_window {
  std::vector<double> values;
};
using oracle = std::map<std::pair<std::string, std::int64_t>, oracle_window>;

oracle brute_force(const std::vector<known_event>& events) {
  oracle result;
  for (const auto& x : events)
    result[{x.series(), x.time_ms / second_ms * second_ms}].values.push_back(x.value);
  return result;
}

/// Each metric comes from machines of its own: metrics of one machine share a watermark.
std::string machine(const std::string& metric, int number) {
  return metric.substr(0, 1) + "-" + std::to_string(number);
}

/// `seconds` of 10 events a second and series, a little out of order.
std::vector<known_event> make_events(const std::string& metric, int series, int seconds,
                                     std::uint32_t seed) {
  std::mt19937 random{seed};
  std::vector<known_event> events;
  for (int i = 0; i < seconds * 10; ++i)
    for (int s = 0; s < series; ++s)
      events.push_back({metric, machine(metric, s),
                        start_ms + i * 100 + static_cast<std::int64_t>(random() % 300),
                        static_cast<double>(random() % 8000) / 8.0});
  return events;
}

/// One event far ahead of all others a series: it closes every window before it.
std::vector<known_event> closing_events(const std::string& metric, int series) {
  std::vector<known_event> events;
  for (int s = 0; s < series; ++s)
    events.push_back({metric, machine(metric, s), start_ms + 3600 * second_ms, 0.0});
  return events;
}

std::vector<std::string> lines_of(const std::vector<known_event>& events) {
  std::vector<std::string> result;
  for (const auto& x : events)
    result.push_back(x.json());
  return result;
}

/// What the centre has on disk, read after it has ended.
std::map<std::pair<std::string, std::int64_t>, weir::analytics::summary>
stored_windows(const weir_system& system) {
  std::map<std::pair<std::string, std::int64_t>, weir::analytics::summary> result;
  auto store = weir::storage::store::open({system.dir / "central-data/store"}, 0);
  REQUIRE(store);
  CHECK_FALSE((*store)->was_damaged());
  auto all = (*store)->find_series({.text_contains = "", .edge = "", .limit = 10'000});
  REQUIRE(all);
  for (const auto& series : *all) {
    auto rows = (*store)->query(series.id, 0, INT64_MAX, 1'000'000);
    REQUIRE(rows);
    for (const auto& x : *rows) {
      auto is_new = result.try_emplace({series.text, x.start_ns / 1'000'000}, x).second;
      CHECK(is_new);
    }
  }
  return result;
}

void check_equal(const weir::analytics::summary& stored,
                 const oracle_window& expected) {
  auto n = static_cast<double>(expected.values.size());
  double sum = 0.0;
  double low = expected.values.front();
  double high = low;
  for (auto v : expected.values) {
    sum += v;
    low = std::min(low, v);
    high = std::max(high, v);
  }
  double squares = 0.0;
  for (auto v : expected.values)
    squares += (v - sum / n) * (v - sum / n);
  CHECK(stored.count == expected.values.size());
  CHECK(stored.sum == sum); // Eighths: exact.
  CHECK(stored.min == low);
  CHECK(stored.max == high);
  CHECK(stored.mean == Approx(sum / n).epsilon(1e-12));
  CHECK(stored.variance() == Approx(squares / n).epsilon(1e-9).margin(1e-9));
  CHECK(stored.revision == 0);
}

std::uint64_t records_stored(weir_system& system) {
  auto ledger = system.get("/api/v1/ledger");
  if (!ledger)
    return 0;
  std::uint64_t result = 0;
  for (const auto& x : (*ledger)["positions"])
    result += x["stored"].get<std::uint64_t>();
  return result;
}

void send_over_zmq(const weir_system& system, const std::vector<known_event>& events) {
  auto publisher = weir::transport::zmq_publisher::connect(
    {.endpoint = system.zmq_endpoint(), .keys = {}});
  REQUIRE(publisher);
  for (std::size_t i = 0; i < events.size(); i += 50) {
    std::string payload = "[";
    for (std::size_t j = i; j < std::min(i + 50, events.size()); ++j)
      payload += (j > i ? "," : "") + events[j].json();
    REQUIRE((*publisher)->send(payload + "]", 10s));
  }
  REQUIRE((*publisher)->drain(10s));
}

} // namespace

TEST_CASE("every window of events sent over MQTT and ZeroMQ is at the centre as a "
          "brute-force reading has it",
          "[e2e]") {
  weir_system system;
  system.start();
  auto over_mqtt = make_events("temperature", 4, 30, 1);
  auto over_zmq = make_events("pressure", 4, 30, 2);
  auto expected = brute_force(over_mqtt);
  expected.merge(brute_force(over_zmq));
  system.publish("plant/-/-", lines_of(over_mqtt));
  system.publish("plant/-/-", lines_of(closing_events("temperature", 4)));
  send_over_zmq(system, over_zmq);
  send_over_zmq(system, closing_events("pressure", 4));
  INFO(system.logs());
  REQUIRE(wait_until([&] { return records_stored(system) >= expected.size(); }, 30s));
  auto begin = std::chrono::steady_clock::now();
  CHECK(system.edge->stop(5s) == 0);
  CHECK(system.central->stop(5s) == 0);
  CHECK(std::chrono::steady_clock::now() - begin < 10s);
  auto stored = stored_windows(system);
  CHECK(stored.size() == expected.size());
  for (const auto& [key, window] : expected) {
    CAPTURE(key.first, key.second);
    REQUIRE(stored.count(key) == 1);
    check_equal(stored.at(key), window);
  }
}

TEST_CASE("an edge killed in the middle of a stream goes on, and nothing is stored "
          "twice",
          "[e2e]") {
  weir_system system;
  system.start();
  constexpr int series = 4;
  constexpr int seconds = 60;
  auto events = make_events("temperature", series, seconds, 3);
  auto expected = brute_force(events);
  auto lines = lines_of(events);
  // Published in slices, so that the kill hits a stream that goes on.
  std::thread sender{[&] {
    for (std::size_t i = 0; i < lines.size(); i += 100)
      system.publish(
        "plant/-/-",
        {lines.begin() + static_cast<std::ptrdiff_t>(i),
         lines.begin() + static_cast<std::ptrdiff_t>(std::min(i + 100, lines.size()))});
  }};
  auto some_stored = wait_until([&] { return records_stored(system) >= 20; }, 30s);
  system.edge->kill();
  auto stored_before = records_stored(system);
  system.start_edge();
  sender.join();
  REQUIRE(some_stored);
  CHECK(stored_before < expected.size()); // It was in the middle.
  system.publish("plant/-/-", lines_of(closing_events("temperature", series)));
  // The last window of each series comes when all before it have.
  INFO(system.logs());
  auto last_start_ms = start_ms + (seconds - 1) * second_ms;
  auto last_is_there = [&] {
    auto list = system.get("/api/v1/series");
    if (!list || (*list)["series"].size() < series)
      return false;
    for (const auto& x : (*list)["series"])
      if (x["last_ms"].get<double>() < static_cast<double>(last_start_ms))
        return false;
    return true;
  };
  REQUIRE(wait_until(last_is_there, 30s));
  CHECK(system.edge->stop(5s) == 0);
  CHECK(system.central->stop(5s) == 0);
  auto stored = stored_windows(system); // Checks that no window is there twice.
  int exact = 0;
  int short_of = 0;
  for (const auto& [key, window] : stored) {
    CAPTURE(key.first, key.second);
    REQUIRE(expected.count(key) == 1);
    auto count = expected.at(key).values.size();
    CHECK(window.count <= count); // More would be an event counted twice.
    ++(window.count == count ? exact : short_of);
  }
  // What was in open windows at the kill is lost (docs/guarantees.md): at most three
  // windows a series may miss events or be missing.
  auto missing = static_cast<int>(expected.size() - stored.size());
  CAPTURE(exact, short_of, missing);
  CHECK(short_of + missing <= 3 * series);
  CHECK(exact >= series * (seconds - 4));
}

TEST_CASE("alerts reach an MQTT subscriber from the edge and from the centre",
          "[e2e]") {
  weir_system system{{.edge_extra = "[[rule]]\nname = \"hot\"\nlimit = 90.0\n"}};
  system.start();
  weir::test::child_process subscriber{{"/usr/bin/mosquitto_sub", "-h", "127.0.0.1",
                                        "-p", std::to_string(system.broker.port()),
                                        "-t", "weir/#", "-v"},
                                       system.dir / "alerts.log"};
  // The subscriber is there once it hears something.
  REQUIRE(wait_until([&] {
    system.publish("weir/probe", {"x"});
    return weir::test::read_text(system.dir / "alerts.log").find("weir/probe")
           != std::string::npos;
  }));
  system.publish("plant/m-1/temperature", {"95.5"});
  INFO(system.logs());
  REQUIRE(wait_until([&] {
    auto log = weir::test::read_text(system.dir / "alerts.log");
    return log.find("weir/edge/edge-1/alerts/hot ") != std::string::npos
           && log.find("weir/central/alerts/edge-1/hot ") != std::string::npos;
  }));
  auto alerts = system.get("/api/v1/alerts?open=1");
  REQUIRE(alerts);
  REQUIRE((*alerts)["alerts"].size() == 1);
  const auto& alert = (*alerts)["alerts"][0];
  CHECK(alert["state"] == "firing");
  CHECK(alert["value"] == 95.5);
  CHECK(alert["text"] == "temperature{source=\"m-1\"}");
  auto log = weir::test::read_text(system.dir / "alerts.log");
  CHECK(log.find(alert["id"].get<std::string>()) != std::string::npos);
}
