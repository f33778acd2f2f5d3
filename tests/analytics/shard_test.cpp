// SHARD: windows, detector and rules together; idleness; the snapshot.
#include "analytics/shard.hpp"

#include <catch2/catch.hpp>

#include <random>

using namespace weir::analytics;

namespace {

constexpr std::int64_t second_ns = 1'000'000'000;

shard_config make_config() {
  shard_config config;
  config.window = {10 * second_ns, 0, 5 * second_ns};
  config.rules.push_back({.name = "hot", .metric = "temp*", .limit = 90.0});
  config.rules.push_back(
    {.name = "odd", .metric = "rpm", .condition = rule_condition::anomaly});
  return config;
}

struct fixture {
  series_table table{1000};
  shard uut{make_config(), table};
  shard_output out;

  series_id id_of(std::string_view metric, std::string_view source) {
    std::string text;
    append_canonical(text, {metric, source, {}});
    return *table.intern(text);
  }
  void feed(series_id id, std::int64_t time_s, double value, std::int64_t now_s = 0) {
    event x{time_s * second_ns, value, id, 0};
    uut.process({&x, 1}, now_s * second_ns, out);
  }
};

} // namespace

TEST_CASE_METHOD(fixture, "each series has windows of its own", "[analytics]") {
  auto a = id_of("temp", "a");
  auto b = id_of("temp", "b");
  feed(a, 1, 1.0);
  feed(b, 2, 2.0);
  feed(a, 11, 3.0);
  REQUIRE(out.summaries.size() == 1);
  CHECK(out.summaries[0].series == a);
  CHECK(uut.status().events == 3);
}

TEST_CASE_METHOD(fixture, "a silent series is closed by the local clock",
                 "[analytics]") {
  auto a = id_of("temp", "a");
  auto b = id_of("temp", "b");
  feed(a, 1, 1.0, 100);
  feed(b, 1, 1.0, 103);
  uut.tick(104 * second_ns, out);
  CHECK(out.summaries.empty());
  CHECK(uut.status().series_open == 2);
  uut.tick(105 * second_ns, out);
  REQUIRE(out.summaries.size() == 1);
  CHECK(out.summaries[0].series == a);
  CHECK(uut.status().series_open == 1);
}

TEST_CASE_METHOD(fixture, "rules only see the series that they name", "[analytics]") {
  feed(id_of("temperature", "a"), 1, 95.0);
  feed(id_of("pressure", "a"), 1, 95.0);
  REQUIRE(out.alerts.size() == 1);
  CHECK(out.alerts[0].rule == "hot");
  CHECK(uut.status().alerts_open == 1);
  feed(id_of("temperature", "a"), 2, 20.0);
  REQUIRE(out.alerts.size() == 2);
  CHECK(out.alerts[1].state == alert_state::resolved);
  CHECK(out.alerts[1].id == out.alerts[0].id);
  CHECK(uut.status().alerts_open == 0);
}

TEST_CASE_METHOD(fixture, "a spike is an anomaly, and an alert where a rule asks",
                 "[analytics]") {
  std::mt19937 random{5};
  std::normal_distribution<double> noise{1500.0, 5.0};
  auto rpm = id_of("rpm", "a");
  for (int i = 0; i < 200; ++i)
    feed(rpm, i, noise(random));
  CHECK(out.anomalies.empty());
  feed(rpm, 200, 3000.0);
  REQUIRE(out.anomalies.size() == 1);
  CHECK(out.anomalies[0].series == rpm);
  CHECK(out.anomalies[0].severity == severity::critical);
  CHECK(out.anomalies[0].model == "ewma/1");
  REQUIRE(out.alerts.size() == 1);
  CHECK(out.alerts[0].rule == "odd");
}

TEST_CASE_METHOD(fixture, "metrics that the detector is to ignore are never anomalies",
                 "[analytics]") {
  auto config = make_config();
  config.detector_ignores = {"net*"};
  uut = shard{config, table};
  for (auto metric : {"network", "pressure"}) {
    auto id = id_of(metric, "a");
    for (int i = 0; i < 200; ++i)
      feed(id, i, 10.0 + i % 3);
    feed(id, 200, 5000.0);
  }
  REQUIRE(out.anomalies.size() == 1);
  CHECK(out.anomalies[0].series == id_of("pressure", "a"));
}

TEST_CASE_METHOD(fixture, "late events are counted and judged by nobody",
                 "[analytics]") {
  auto a = id_of("temp", "a");
  feed(a, 50, 1.0);
  feed(a, 5, 99.0);
  CHECK(uut.status().late == 1);
  CHECK(out.alerts.empty());
}

TEST_CASE("a restored shard goes on exactly as one that never stopped", "[analytics]") {
  fixture undisturbed;
  auto config = make_config();
  config.window.out_of_orderness_ns = 15 * second_ns;
  undisturbed.uut = shard{config, undisturbed.table};
  fixture restarted;
  restarted.uut = shard{config, restarted.table};
  std::mt19937 random{11};
  for (int round = 0; round < 20; ++round) {
    for (int i = 0; i < 200; ++i) {
      auto source = std::to_string(random() % 7);
      auto time_s = static_cast<std::int64_t>(round * 30 + i / 10 + random() % 9);
      auto value
        = random() % 50 == 0 ? 500.0 : 50.0 + static_cast<double>(random() % 10);
      for (auto* x : {&undisturbed, &restarted})
        x->feed(x->id_of("temp", source), time_s, value);
    }
    std::string bytes;
    restarted.uut.snapshot(bytes);
    shard next{config, restarted.table};
    REQUIRE(for_each_snapshot_entry(
      bytes, [&](std::string_view text, std::string_view state) {
        CHECK(next.restore(*restarted.table.intern(text), state, 0, restarted.out));
      }));
    restarted.uut = std::move(next);
  }
  CHECK(restarted.out.summaries == undisturbed.out.summaries);
  CHECK(restarted.out.anomalies == undisturbed.out.anomalies);
  CHECK(restarted.out.alerts == undisturbed.out.alerts);
  CHECK(undisturbed.out.alerts.size() > 10);
}

TEST_CASE_METHOD(fixture, "windows of another width are sent as far as they came",
                 "[analytics]") {
  auto a = id_of("temp", "a");
  feed(a, 1, 1.0);
  std::string bytes;
  uut.snapshot(bytes);
  auto config = make_config();
  config.window.width_ns = 60 * second_ns;
  shard next{config, table};
  for_each_snapshot_entry(bytes, [&](std::string_view, std::string_view state) {
    next.restore(a, state, 0, out);
  });
  REQUIRE(out.summaries.size() == 1);
  CHECK(out.summaries[0].width_ns == 10 * second_ns);
  CHECK(out.summaries[0].count == 1);
}

TEST_CASE_METHOD(fixture, "a snapshot that was cut anywhere is refused, not believed",
                 "[analytics]") {
  auto a = id_of("temp", "a");
  feed(a, 1, 95.0);
  std::string bytes;
  uut.snapshot(bytes);
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    shard next{make_config(), table};
    auto readable = for_each_snapshot_entry(
      std::string_view{bytes}.substr(0, size),
      [&](std::string_view, std::string_view) { FAIL("half an entry"); });
    CHECK(readable == (size == 0));
  }
  std::string state;
  for_each_snapshot_entry(bytes,
                          [&](std::string_view, std::string_view x) { state = x; });
  for (std::size_t size = 0; size < state.size(); ++size) {
    shard next{make_config(), table};
    CHECK_FALSE(next.restore(a, std::string_view{state}.substr(0, size), 0, out));
  }
}

TEST_CASE("settings that cannot work are named", "[analytics]") {
  auto config = make_config();
  CHECK(validate(config).empty());
  config.window.width_ns = 0;
  CHECK(validate(config).find("window.width") != std::string::npos);
  config = make_config();
  config.rules[1].name = "hot";
  CHECK(validate(config).find("hot") != std::string::npos);
  config = make_config();
  config.rules.resize(rules_max + 1, config.rules[0]);
  CHECK_FALSE(validate(config).empty());
}
