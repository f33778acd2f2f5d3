// SHARD: windows, steps, views, derivations, detector and rules together; idleness;
// changes of configuration; the snapshot. Eviction: shard_eviction_test.cpp.
#include "analytics/shard.hpp"

#include "analytics/snapshot_io.hpp"
#include "shard_fixture.hpp"

#include <catch2/catch.hpp>

#include <cmath>
#include <cstring>
#include <random>

using namespace weir::analytics;

namespace {

/// Windows of 10 s, no disorder, 5 s of lateness; silence is noticed after 5 s.
stream_config make_config() {
  stream_config config;
  config.event_time.out_of_orderness_ns = 0;
  config.event_time.allowed_lateness_ns = 5 * second_ns;
  config.event_time.idle_timeout_ns = 5 * second_ns;
  config.window->width_ns = 10 * second_ns;
  config.rules.push_back({.name = "hot", .metric = "temp*", .limit = 90.0});
  config.rules.push_back(
    {.name = "odd", .metric = "rpm", .condition = rule_condition::anomaly});
  return config;
}

/// Nothing but windows.
stream_config plain_config() {
  auto config = make_config();
  config.rules.clear();
  config.detector.enabled = false;
  return config;
}

view_config make_view(const std::string& name) {
  view_config view;
  view.name = name;
  view.width_ns = 10 * second_ns;
  return view;
}

std::shared_ptr<const lookup_table> make_devices() {
  auto builder = lookup_table_builder::start({"source", "hall", "limit"}, "source");
  REQUIRE(builder);
  REQUIRE(builder->add_row(2, {"pump-1", "north", "80"}));
  REQUIRE(builder->add_row(3, {"pump-2", "north", "90"}));
  REQUIRE(builder->add_row(4, {"pump-3", "south", "70"}));
  auto table = builder->finish();
  REQUIRE(table);
  return std::make_shared<const lookup_table>(std::move(*table));
}

} // namespace

// -- default windows ---------------------------------------------------------------

TEST_CASE("each series has windows of its own", "[analytics]") {
  test_node uut{make_config()};
  auto a = uut.id("temp", "a");
  auto b = uut.id("temp", "b");
  uut.feed_s(a, 1, 1.0);
  uut.feed_s(b, 2, 2.0);
  uut.feed_s(a, 11, 3.0);
  REQUIRE(uut.summaries.size() == 1);
  CHECK(uut.summaries[0].first == "temp{source=\"a\"}");
  CHECK(uut.at().status().events == 3);
}

TEST_CASE("it does not matter in which order series are seen for the first time",
          "[analytics]") {
  for (auto detector : {false, true}) {
    auto config = plain_config();
    config.detector.enabled = detector;
    test_node uut{config};
    std::vector<series_id> ids;
    for (int i = 0; i < 50; ++i)
      ids.push_back(uut.id("temp", std::to_string(i)));
    // The last one given is the first one seen, and its clock is far ahead.
    uut.feed_s(ids.back(), 5000, 1.0);
    for (auto i = ids.size() - 1; i-- > 0;)
      uut.feed_s(ids[i], 5, static_cast<double>(i));
    uut.flush();
    CHECK(uut.late() == 0);
    CHECK(uut.windows.size() == 50);
    for (int i = 0; i < 49; ++i) {
      const auto& x = uut.window(test_node::name("temp", std::to_string(i)), 0);
      CHECK(x.count == 1);
      CHECK(x.sum == i);
    }
  }
}

TEST_CASE("a silent series is closed by the local clock", "[analytics]") {
  test_node uut{make_config()};
  uut.feed_s(uut.id("temp", "a"), 1, 1.0, 100);
  uut.feed_s(uut.id("temp", "b"), 1, 1.0, 103);
  uut.tick_s(104);
  CHECK(uut.summaries.empty());
  CHECK(uut.at().status().series_open == 2);
  uut.tick_s(105);
  REQUIRE(uut.summaries.size() == 1);
  CHECK(uut.summaries[0].first == "temp{source=\"a\"}");
  CHECK(uut.at().status().series_open == 1);
  // It was only silent: what comes then belongs to the same window.
  uut.feed_s(uut.id("temp", "a"), 2, 1.0, 106);
  REQUIRE(uut.summaries.size() == 2);
  CHECK(uut.summaries[1].second.count == 1);
  CHECK(uut.summaries[1].second.correction);
  CHECK(uut.summaries[1].second.revision == 1);
}

TEST_CASE("where many sources fall silent together, their windows come in parts",
          "[analytics]") {
  test_node uut{make_config(), 1, 10'000};
  std::vector<event> all;
  for (int i = 0; i < 10'000; ++i)
    all.push_back({test_node::to_ns(1), 1.0, uut.id("temp", std::to_string(i)), 0});
  uut.process(all, {0});
  shard_output out;
  auto tick
    = [&](double at_s) { return uut.at().tick({test_node::to_ns(at_s)}, true, out); };
  CHECK(tick(1));
  CHECK(out.summaries.empty());
  CHECK(uut.at().status().series_open == 10'000);
  CHECK_FALSE(tick(10));
  auto first = out.summaries.size();
  CHECK(first >= 1000);
  CHECK(first < 2000);
  int more = 1;
  for (; !tick(10); ++more)
    REQUIRE(more < 20);
  CHECK(more > 1);
  CHECK(out.summaries.size() == 10'000);
  CHECK(uut.at().status().series_open == 0);
  CHECK(tick(20));
  CHECK(out.summaries.size() == 10'000);
}

TEST_CASE("late events are noted once for each source and batch", "[analytics]") {
  test_node uut{make_config()};
  auto a = uut.id("temp", "a");
  auto a2 = uut.id("pressure", "a");
  auto b = uut.id("temp", "b");
  auto at = [](series_id id, std::int64_t s, double value) {
    return event{s * second_ns, value, id, 0};
  };
  uut.process({at(a, 50, 1.0), at(b, 50, 1.0)}, {0});
  uut.process({at(a, 5, 99.0), at(a2, 4, 7.0), at(b, 3, 8.0), at(a, 2, 9.0)}, {0});
  CHECK(uut.late() == 4);
  CHECK(uut.alerts.empty()); // Nobody judges them.
  REQUIRE(uut.late_notes.size() == 2);
  const auto& note = uut.late_notes[0];
  CHECK(note.series == a);
  CHECK(note.time_ns == 5 * second_ns);
  CHECK(note.value == 99.0);
  CHECK(note.behind_ns == 45 * second_ns);
  CHECK(note.count == 3);
  CHECK(uut.late_notes[1].series == b);
  CHECK(uut.late_notes[1].count == 1);
  uut.process({at(b, 3, 8.0), at(b, 4, 8.0)}, {0});
  REQUIRE(uut.late_notes.size() == 3);
  CHECK(uut.late_notes[2].count == 2);
  auto worst = uut.at().late_sources(1);
  REQUIRE(worst.size() == 1);
  CHECK(worst[0] == std::pair<std::string, std::uint64_t>{"a", 3});
  CHECK(uut.at().late_sources(9).size() == 2);
  // The next summary of the series says how many are missing.
  uut.flush();
  CHECK(uut.window(test_node::name("temp", "a"), 50).late_count == 2);
}

TEST_CASE("a window that was revised and is forgotten in one batch is sent whole",
          "[analytics]") {
  test_node uut{plain_config()};
  auto a = uut.id("temp", "a");
  uut.feed_s(a, 1, 1.0);
  uut.feed_s(a, 12, 1.0);
  // A late one, and at once what ends the time in which it might have come.
  uut.process({{2 * second_ns, 5.0, a, 0}, {500 * second_ns, 1.0, a, 0}}, {0});
  CHECK(uut.late() == 0);
  CHECK(uut.window(uut.text(a), 0).count == 2);
  CHECK(uut.window(uut.text(a), 0).sum == 6.0);
}

TEST_CASE("a late event goes into those hopping windows that still take it",
          "[analytics]") {
  auto config = plain_config();
  config.window->kind = window_kind::hopping;
  config.window->width_ns = 60 * second_ns;
  config.window->slide_ns = 10 * second_ns;
  test_node uut{config};
  auto a = uut.id("temp", "a");
  uut.feed_s(a, 5, 1.0);
  uut.feed_s(a, 48, 1.0);
  // Windows that end at 10, 20, 30, 40 take nothing more, those at 50 and 60 do.
  uut.feed_s(a, 6, 1.0);
  uut.flush();
  CHECK(uut.late() == 0);
  CHECK(uut.window(uut.text(a), -50).count == 1);
  CHECK(uut.window(uut.text(a), -20).count == 1);
  CHECK(uut.window(uut.text(a), -10).count == 3);
  CHECK(uut.window(uut.text(a), 0).count == 3);
  CHECK(uut.window(uut.text(a), 10).count == 1);
  uut.feed_s(a, 200, 1.0);
  uut.feed_s(a, 6, 1.0);
  CHECK(uut.late() == 1);
}

TEST_CASE("early results come as often as configured and give way to the final one",
          "[analytics]") {
  auto config = plain_config();
  config.window->early_ns = 2 * second_ns;
  auto view = make_view("slow");
  view.width_ns = 100 * second_ns;
  view.early_ns = 3 * second_ns;
  config.views.push_back(view);
  test_node uut{config};
  auto a = uut.id("temp", "a");
  auto slow = test_node::name("temp", "a", {{"view", "slow"}});
  uut.feed_s(a, 1, 1.0, 0);
  uut.tick_s(0);
  uut.tick_s(1);
  CHECK(uut.summaries.empty());
  uut.tick_s(2);
  REQUIRE(uut.summaries.size() == 1);
  CHECK(uut.summaries[0].second.early);
  uut.feed_s(a, 3, 1.0, 2);
  uut.tick_s(3);
  REQUIRE(uut.summaries.size() == 2);
  CHECK(uut.summaries[1].first == slow);
  CHECK(uut.summaries[1].second.count == 2);
  CHECK(uut.at().status().early == 2);
  uut.feed_s(a, 12, 1.0, 3);
  CHECK(uut.window(uut.text(a), 0).count == 2);
  CHECK_FALSE(uut.window(uut.text(a), 0).early);
  uut.tick_s(4);
  uut.tick_s(4.5);
  uut.tick_s(5);
  // Windows that were sent are not told early again.
  for (const auto& [text, x] : uut.summaries)
    CHECK_FALSE((x.early && text == uut.text(a) && x.start_ns == 0 && x.count == 2));
}

// -- rules and anomalies -------------------------------------------------------------

TEST_CASE("rules only see the series that they name", "[analytics]") {
  test_node uut{make_config()};
  uut.feed_s(uut.id("temperature", "a"), 1, 95.0);
  uut.feed_s(uut.id("pressure", "a"), 1, 95.0);
  REQUIRE(uut.alerts.size() == 1);
  CHECK(uut.alerts[0].second.rule == "hot");
  CHECK(uut.at().status().alerts_open == 1);
  uut.feed_s(uut.id("temperature", "a"), 2, 20.0);
  REQUIRE(uut.alerts.size() == 2);
  CHECK(uut.alerts[1].second.state == alert_state::resolved);
  CHECK(uut.alerts[1].second.id == uut.alerts[0].second.id);
  CHECK(uut.at().status().alerts_open == 0);
}

TEST_CASE("a spike is an anomaly, and an alert where a rule asks", "[analytics]") {
  test_node uut{make_config()};
  std::mt19937 random{5};
  std::normal_distribution<double> noise{1500.0, 5.0};
  auto rpm = uut.id("rpm", "a");
  for (int i = 0; i < 200; ++i)
    uut.feed_s(rpm, i, noise(random));
  CHECK(uut.anomalies.empty());
  uut.feed_s(rpm, 200, 3000.0);
  REQUIRE(uut.anomalies.size() == 1);
  CHECK(uut.anomalies[0].series == rpm);
  CHECK(uut.anomalies[0].severity == severity::critical);
  CHECK(uut.anomalies[0].model == "ewma/1");
  REQUIRE(uut.alerts.size() == 1);
  CHECK(uut.alerts[0].second.rule == "odd");
}

TEST_CASE("metrics that the detector is to ignore are never anomalies", "[analytics]") {
  auto config = make_config();
  config.detector_ignores = {"net*"};
  test_node uut{config};
  for (auto metric : {"network", "pressure"}) {
    auto id = uut.id(metric, metric); // Of different sources: their clocks differ.
    for (int i = 0; i < 200; ++i)
      uut.feed_s(id, i, 10.0 + i % 3);
    uut.feed_s(id, 200, 5000.0);
  }
  REQUIRE(uut.anomalies.size() == 1);
  CHECK(uut.anomalies[0].series == uut.id("pressure", "pressure"));
}

// -- steps ---------------------------------------------------------------------------

TEST_CASE("conversions come one after another, and an event without a result goes no "
          "further",
          "[analytics]") {
  auto config = plain_config();
  config.tables.push_back({"devices", "source", make_devices()});
  config.converts.push_back({"temp*", "*", "(value - 32) / 1.8"});
  config.converts.push_back({"temp_rel", "*", "value / devices.limit * 100"});
  test_node uut{config};
  uut.feed_s(uut.id("temp", "pump-1"), 1, 212.0);
  uut.feed_s(uut.id("temp_rel", "pump-1"), 1, 104.0);
  uut.feed_s(uut.id("temp_rel", "unknown"), 1, 104.0);
  uut.feed_s(uut.id("rpm", "pump-1"), 1, 104.0);
  uut.flush();
  CHECK(uut.window(test_node::name("temp", "pump-1"), 0).sum == Approx(100.0));
  CHECK(uut.window(test_node::name("temp_rel", "pump-1"), 0).sum == Approx(50.0));
  CHECK(uut.window(test_node::name("rpm", "pump-1"), 0).sum == 104.0);
  CHECK(uut.windows.size() == 3);
  CHECK(uut.at().status().unconverted == 1);
  CHECK(uut.at().status().events == 3);
}

TEST_CASE("filters let only what is true pass, and see the converted value",
          "[analytics]") {
  auto config = plain_config();
  config.converts.push_back({"temp", "*", "value * 2"});
  config.filters.push_back({"temp", "*", "value between 0 and 100"});
  config.filters.push_back({"*", "*", "not (has(dim.rig) and dim.rig == \"test\")"});
  config.filters.push_back({"need_site", "*", "dim.site == \"north\""});
  test_node uut{config};
  auto temp = uut.id("temp", "a");
  for (double value : {40.0, 60.0, -1.0, 50.0})
    uut.feed_s(temp, 1, value);
  uut.feed_s(uut.id("temp", "a", {{"rig", "test"}}), 1, 1.0);
  uut.feed_s(uut.id("need_site", "a"), 1, 1.0); // Missing is not true.
  uut.feed_s(uut.id("need_site", "a", {{"site", "north"}}), 1, 1.0);
  uut.flush();
  CHECK(uut.window(test_node::name("temp", "a"), 0).count == 2);
  CHECK(uut.window(test_node::name("temp", "a"), 0).sum == 180.0);
  CHECK(uut.windows.size() == 2);
  CHECK(uut.at().status().filtered == 4);
}

TEST_CASE("sampling takes every n-th, one an interval, or changes beyond a band",
          "[analytics]") {
  auto config = plain_config();
  config.window->width_ns = 1000 * second_ns;
  config.samples.push_back({"nth", "*", 3});
  config.samples.push_back({"interval", "*", 1, 10 * second_ns});
  config.samples.push_back({"band", "*", 1, 0, 2.0, 30 * second_ns});
  test_node uut{config};
  for (auto metric : {"nth", "interval", "band"})
    for (int i = 0; i < 100; ++i)
      uut.feed_s(uut.id(metric, "a"), i, i < 50 ? i : 50);
  uut.flush();
  const auto& nth = uut.window(test_node::name("nth", "a"), 0);
  CHECK(nth.count == 34); // 0, 3, ... 99
  CHECK(nth.last_ns == 99 * second_ns);
  CHECK(uut.window(test_node::name("interval", "a"), 0).count == 10);
  // 0, 3, ... 48, then 50 is no change by more than 2; 78 comes after the silence.
  const auto& band = uut.window(test_node::name("band", "a"), 0);
  CHECK(band.count == 18);
  CHECK(band.last_ns == 78 * second_ns);
  CHECK(uut.at().status().sampled_out == 300 - 34 - 10 - 18);
}

// -- derivations ---------------------------------------------------------------------

TEST_CASE("a derived metric comes from the last values of one source", "[analytics]") {
  auto config = plain_config();
  config.derives.push_back({"power", "*", "voltage * current"});
  config.derives.push_back({"power_kw", "*", "power / 1000"});
  config.views.push_back(make_view("power_only"));
  config.views.back().metric = "power";
  test_node uut{config};
  auto voltage = [&](const char* source) { return uut.id("voltage", source); };
  auto current = [&](const char* source) { return uut.id("current", source); };
  uut.feed_s(voltage("a"), 1, 230.0);
  uut.feed_s(current("b"), 1, 9.0); // Of another source.
  CHECK(uut.at().status().derived == 0);
  uut.feed_s(current("a"), 2, 10.0);  // 2300
  uut.feed_s(voltage("a"), 3, 200.0); // 2000
  uut.feed_s(voltage("a"), 2, 1.0);   // Older than what is there.
  uut.feed_s(current("a"), 14, 1.0);  // The voltage is 11 s old.
  uut.flush();
  const auto& power = uut.window(test_node::name("power", "a"), 0);
  CHECK(power.count == 2);
  CHECK(power.sum == 4300.0);
  CHECK(power.last_ns == 3 * second_ns);
  CHECK(uut.window(test_node::name("power_kw", "a"), 0).sum == Approx(4.3));
  CHECK(uut.counts(test_node::name("power", "a", {{"view", "power_only"}}))
        == std::vector<std::uint64_t>{2});
  CHECK(uut.at().status().derived == 4);
}

TEST_CASE("a derivation can wait for one metric, and keep dimensions apart",
          "[analytics]") {
  auto config = plain_config();
  config.derives.push_back({.metric = "power",
                            .value = "voltage * current",
                            .by_dimensions = true,
                            .on = "current"});
  config.derives.push_back({.metric = "sum", .value = "voltage + current"});
  test_node uut{config};
  test_node::dimensions one{{"phase", "1"}};
  test_node::dimensions two{{"phase", "2"}};
  uut.feed_s(uut.id("voltage", "a", one), 1, 230.0);
  uut.feed_s(uut.id("current", "a", two), 1, 5.0); // No voltage of phase 2.
  uut.feed_s(uut.id("current", "a", one), 2, 10.0);
  uut.feed_s(uut.id("voltage", "a", one), 3, 100.0); // Not what it waits for.
  uut.feed_s(uut.id("voltage", "a", two), 3, 100.0);
  uut.feed_s(uut.id("current", "a", two), 4, 2.0);
  uut.flush();
  CHECK(uut.window(test_node::name("power", "a", one), 0).sum == 2300.0);
  CHECK(uut.window(test_node::name("power", "a", two), 0).sum == 200.0);
  // Without by_dimensions the source's last values count, whatever their dimensions.
  CHECK(uut.window(test_node::name("sum", "a"), 0).count == 5);
}

// -- views ---------------------------------------------------------------------------

TEST_CASE("a view has windows for each series that it chooses", "[analytics]") {
  auto config = plain_config();
  config.views.push_back(make_view("hot"));
  config.views.back().metric = "temp*";
  config.views.back().source = "pump-?";
  config.views.back().where = "value > 50 and dim.site == \"north\"";
  config.views.back().width_ns = 100 * second_ns;
  test_node uut{config};
  test_node::dimensions north{{"site", "north"}};
  uut.feed_s(uut.id("temp", "pump-1", north), 1, 60.0);
  uut.feed_s(uut.id("temp", "pump-1", north), 2, 40.0);
  uut.feed_s(uut.id("temp", "pump-1", {{"site", "south"}}), 2, 60.0);
  uut.feed_s(uut.id("temp", "pump-10", north), 2, 60.0);
  uut.feed_s(uut.id("rpm", "pump-1", north), 2, 60.0);
  uut.flush();
  CHECK(uut.windows.size() == 5); // Four series have events.
  auto text = test_node::name("temp", "pump-1", {{"site", "north"}, {"view", "hot"}});
  CHECK(uut.window(text, 0).count == 1);
  CHECK(uut.window(text, 0).width_ns == 100 * second_ns);
}

TEST_CASE("without default windows views, rules and derivations still work",
          "[analytics]") {
  auto config = make_config();
  config.window.reset();
  config.views.push_back(make_view("all"));
  config.derives.push_back({"double", "*", "temp * 2"});
  test_node uut{config};
  uut.feed_s(uut.id("temp", "a"), 1, 95.0, 0);
  uut.feed_s(uut.id("temp", "a"), 200, 95.0, 0);
  uut.feed_s(uut.id("temp", "a"), 2, 95.0, 0); // Late for the view.
  CHECK(uut.window(test_node::name("temp", "a", {{"view", "all"}}), 0).count == 1);
  CHECK(uut.window(test_node::name("double", "a", {{"view", "all"}}), 0).sum == 190.0);
  CHECK(uut.alerts.size() == 1);
  CHECK(uut.late() >= 1);
  uut.tick_s(5);
  CHECK(uut.windows.size() == 4);
}

TEST_CASE("groups are made of several keys, of a device table's columns too",
          "[analytics]") {
  for (std::size_t shards : {1, 2, 3}) {
    auto config = plain_config();
    config.tables.push_back({"devices", "source", make_devices()});
    auto view = make_view("by_hall");
    view.group_by = {"metric", "devices.hall"};
    view.aggregates = *parse_aggregates({"distinct(source)", "top(2, source)"});
    config.views.push_back(view);
    view = make_view("by_line");
    view.metric = "temp";
    view.group_by = {"site", "dim.line"};
    view.aggregates = {};
    config.views.push_back(view);
    test_node uut{config, shards};
    test_node::dimensions dims{{"line", "1"}, {"site", "x"}};
    uut.feed_s(uut.id("temp", "pump-1", dims), 1, 1.0);
    uut.feed_s(uut.id("temp", "pump-2", dims), 2, 2.0);
    uut.feed_s(uut.id("temp", "pump-2", dims), 3, 4.0);
    uut.feed_s(uut.id("rpm", "pump-2", dims), 3, 8.0);
    uut.feed_s(uut.id("temp", "pump-3"), 4, 16.0);
    uut.feed_s(uut.id("temp", "pump-9"), 4, 32.0);
    uut.flush();
    auto hall = [&](const char* metric, const char* name) -> const summary& {
      return uut.window(
        test_node::name(metric, "", {{"devices.hall", name}, {"view", "by_hall"}}), 0);
    };
    CHECK(hall("temp", "north").sum == 7.0);
    CHECK(hall("temp", "south").sum == 16.0);
    CHECK(hall("rpm", "north").sum == 8.0);
    auto extended = extended_aggregates::decode(hall("temp", "north").extended);
    REQUIRE(extended);
    CHECK(std::lround(extended->distinct("source")->estimate()) == 2);
    // What is not in the table is a group too, without the key.
    CHECK(uut.window(test_node::name("temp", "", {{"view", "by_hall"}}), 0).sum
          == 32.0);
    // A group of several metrics goes by the view's name.
    auto line = test_node::name(
      "by_line", "", {{"dim.line", "1"}, {"site", "x"}, {"view", "by_line"}});
    CHECK(uut.window(line, 0).count == 3);
    CHECK(uut.window(test_node::name("by_line", "", {{"view", "by_line"}}), 0).sum
          == 48.0);
    std::uint64_t routed = 0;
    for (std::size_t i = 0; i < shards; ++i)
      routed += uut.at(i).status().routed;
    CHECK((routed > 0) == (shards > 1));
  }
}

TEST_CASE("a group waits for its slowest source, and not for a silent one",
          "[analytics]") {
  for (std::size_t shards : {1, 2}) {
    auto config = plain_config();
    auto view = make_view("all");
    view.group_by = {"metric"};
    config.views.push_back(view);
    test_node uut{config, shards};
    auto group = test_node::name("temp", "", {{"view", "all"}});
    auto fast = uut.id("temp", "fast");
    auto slow = uut.id("temp", "slow");
    uut.feed_s(fast, 1, 1.0, 0);
    uut.feed_s(slow, 1, 1.0, 0);
    uut.feed_s(fast, 25, 1.0, 1);
    uut.tick_s(1);
    CHECK(uut.counts(group).empty());
    uut.feed_s(slow, 8, 1.0, 2);
    uut.feed_s(slow, 12, 1.0, 2);
    uut.tick_s(2);
    CHECK(uut.counts(group) == std::vector<std::uint64_t>{3});
    CHECK(uut.late() == 0);
    // `slow` says nothing more: after the timeout it holds nothing back.
    uut.feed_s(fast, 35, 1.0, 6);
    uut.tick_s(6);
    CHECK(uut.counts(group) == std::vector<std::uint64_t>{3});
    uut.feed_s(fast, 36, 1.0, 7);
    uut.tick_s(7);
    CHECK(uut.counts(group) == std::vector<std::uint64_t>{3, 1, 1});
    // What it sends then revises, for as long as retain_max says.
    uut.feed_s(slow, 13, 1.0, 8);
    CHECK(uut.late() == 0);
    CHECK(uut.counts(group) == std::vector<std::uint64_t>{3, 2, 1});
  }
}

TEST_CASE("a view of series without a source closes too, wherever its shard is",
          "[analytics]") {
  auto config = plain_config();
  config.views.push_back(make_view("own"));
  test_node uut{config, 3};
  for (int i = 0; i < 10; ++i) {
    auto line = std::to_string(i);
    uut.feed_s(uut.id("temp", "", {{"line", line}}), 1, 1.0, 0);
  }
  uut.tick_s(5);
  CHECK(uut.windows.size() == 20);
  for (int i = 0; i < 10; ++i) {
    auto line = std::to_string(i);
    uut.feed_s(uut.id("temp", "", {{"line", line}}), 12, 1.0, 6);
    uut.feed_s(uut.id("temp", "", {{"line", line}}), 23, 1.0, 6);
  }
  CHECK(uut.late() == 0);
  CHECK(uut.windows.size() == 40);
}

TEST_CASE("a session goes on while its source is silent for less than the gap",
          "[analytics]") {
  for (auto grouped : {false, true}) {
    auto config = plain_config();
    auto view = make_view("work");
    view.kind = window_kind::session;
    view.gap_ns = 60 * second_ns;
    if (grouped)
      view.group_by = {"metric"};
    config.views.push_back(view);
    test_node uut{config};
    auto a = uut.id("temp", "a");
    auto session = test_node::name("temp", grouped ? "" : "a", {{"view", "work"}});
    // An event every 20 s, of which the shard notices the silence each time.
    for (int i = 0; i <= 100; ++i) {
      if (i % 20 == 0)
        uut.feed_s(a, i, 1.0, i);
      uut.tick_s(i);
    }
    CHECK(uut.counts(session).empty());
    for (int i = 100; i < 160; ++i)
      uut.tick_s(i);
    CHECK(uut.counts(session).empty());
    uut.tick_s(160);
    CHECK(uut.counts(session) == std::vector<std::uint64_t>{6});
    CHECK(uut.window(session, 0).width_ns == 160 * second_ns);
  }
}

TEST_CASE("silence ends neither a state nor a count window", "[analytics]") {
  auto config = plain_config();
  auto view = make_view("on");
  view.kind = window_kind::state;
  view.open_when = "value > 0";
  config.views.push_back(view);
  view = make_view("three");
  view.kind = window_kind::count;
  view.size_events = 3;
  config.views.push_back(view);
  test_node uut{config};
  auto a = uut.id("temp", "a");
  auto on = test_node::name("temp", "a", {{"view", "on"}});
  auto three = test_node::name("temp", "a", {{"view", "three"}});
  for (int i = 0; i < 4; ++i) {
    uut.feed_s(a, i * 20, i < 3 ? 1.0 : 0.0, i * 20);
    uut.tick_s(i * 20 + 15);
    CHECK(uut.counts(on).size() == (i < 3 ? 0 : 1));
    CHECK(uut.counts(three).size() == (i < 2 ? 0 : 1));
  }
  CHECK(uut.window(on, 0).count == 3);
  CHECK(uut.window(on, 0).width_ns == 60 * second_ns);
  CHECK(uut.window(three, 0).count == 3);
  uut.flush();
  CHECK(uut.counts(three) == std::vector<std::uint64_t>{3, 1});
}

// -- change of configuration ---------------------------------------------------------

TEST_CASE("a change keeps the windows that it does not touch and sends the others",
          "[analytics]") {
  auto config = make_config();
  config.views.push_back(make_view("same"));
  config.views.push_back(make_view("wider"));
  config.views.push_back(make_view("gone"));
  test_node uut{config};
  auto a = uut.id("temp", "a");
  auto in_view = [](const char* view) {
    return test_node::name("temp", "a", {{"view", view}});
  };
  uut.feed_s(a, 1, 95.0);
  uut.feed_s(a, 2, 95.0);
  CHECK(uut.alerts.size() == 1);
  auto next = make_config();
  std::swap(next.rules[0], next.rules[1]); // Known by name, not by place.
  next.views.push_back(make_view("new"));
  next.views.push_back(make_view("wider"));
  next.views.back().width_ns = 20 * second_ns;
  next.views.push_back(make_view("same"));
  auto report = uut.change(next);
  CHECK(report.kept
        == std::vector<std::string>{"the default windows", "view \"same\""});
  CHECK(report.closed == std::vector<std::string>{"view \"wider\"", "view \"gone\""});
  CHECK(uut.windows.size() == 2);
  CHECK(uut.window(in_view("wider"), 0).count == 2);
  CHECK(uut.window(in_view("gone"), 0).count == 2);
  CHECK(uut.at().status().alerts_open == 1);
  uut.feed_s(a, 3, 20.0);
  REQUIRE(uut.alerts.size() == 2);
  CHECK(uut.alerts[1].second.state == alert_state::resolved);
  CHECK(uut.alerts[1].second.id == uut.alerts[0].second.id);
  uut.flush();
  CHECK(uut.window(uut.text(a), 0).count == 3);
  CHECK(uut.window(in_view("same"), 0).count == 3);
  CHECK(uut.window(in_view("new"), 0).count == 1);
}

TEST_CASE("a change of the default windows reaches every series", "[analytics]") {
  auto config = plain_config();
  test_node uut{config, 1, 5000};
  std::vector<series_id> ids;
  for (int i = 0; i < 3000; ++i)
    ids.push_back(uut.id("temp", std::to_string(i)));
  std::vector<event> batch;
  for (auto id : ids)
    batch.push_back({second_ns, 1.0, id, 0});
  uut.process(batch, {0});
  config.window->width_ns = 100 * second_ns;
  uut.change(config);
  CHECK(uut.windows.size() == ids.size());
  for (auto& x : batch)
    x.time_ns = 101 * second_ns;
  uut.process(batch, {0});
  config.window.reset();
  uut.change(config);
  CHECK(uut.windows.size() == 2 * ids.size());
  uut.process(batch, {0});
  config.window = view_config{};
  config.window->width_ns = second_ns;
  uut.change(config);
  uut.process(batch, {0});
  uut.flush();
  CHECK(uut.window(uut.text(ids[2999]), 101).width_ns == second_ns);
}

TEST_CASE("series that a view no longer chooses have their windows there sent",
          "[analytics]") {
  auto config = plain_config();
  config.views.push_back(make_view("v"));
  test_node uut{config};
  auto temp = uut.id("temp", "a");
  auto rpm = uut.id("rpm", "a");
  uut.feed_s(temp, 1, 1.0);
  uut.feed_s(rpm, 1, 1.0);
  config.views[0].metric = "temp";
  auto report = uut.change(config);
  CHECK(report.kept.size() == 2);
  CHECK(uut.windows.size() == 1);
  CHECK(uut.window(test_node::name("rpm", "a", {{"view", "v"}}), 0).count == 1);
  uut.feed_s(rpm, 2, 1.0);
  uut.feed_s(temp, 2, 1.0);
  uut.flush();
  CHECK(uut.window(test_node::name("temp", "a", {{"view", "v"}}), 0).count == 2);
  CHECK(uut.counts(test_node::name("rpm", "a", {{"view", "v"}})).size() == 1);
}

TEST_CASE("events on their way to another shard find their view after a change",
          "[analytics]") {
  auto config = plain_config();
  for (auto name : {"a", "b"}) {
    config.views.push_back(make_view(name));
    config.views.back().group_by = {"metric"};
  }
  test_node uut{config, 4};
  uut.hands_on = false;
  for (int i = 0; i < 20; ++i)
    uut.feed_s(uut.id("temp", std::to_string(i)), 1, 1.0);
  // "a" goes, so that "b" has another place than when the events were sent.
  config.views.erase(config.views.begin());
  uut.change(config);
  uut.hand_on_held({0});
  uut.flush();
  CHECK(uut.counts(test_node::name("temp", "", {{"view", "b"}}))
        == std::vector<std::uint64_t>{20});
}

// -- snapshot ------------------------------------------------------------------------

namespace {

/// Everything that a snapshot holds.
stream_config rich_config() {
  auto config = make_config();
  config.event_time.out_of_orderness_ns = 15 * second_ns;
  config.samples.push_back({"rpm", "*", 3});
  config.derives.push_back({"both", "*", "temp + rpm"});
  auto view = make_view("hall");
  view.group_by = {"metric", "source"};
  view.aggregates = *parse_aggregates({"p95", "distinct(site)"});
  config.views.push_back(view);
  view = make_view("work");
  view.kind = window_kind::session;
  view.gap_ns = 8 * second_ns;
  view.aggregates = *parse_aggregates({"rate"});
  config.views.push_back(view);
  view = make_view("last5");
  view.kind = window_kind::count;
  view.size_events = 5;
  view.slide_events = 2;
  config.views.push_back(view);
  view = make_view("high");
  view.kind = window_kind::state;
  view.open_when = "value > 55";
  config.views.push_back(view);
  view = make_view("around");
  view.kind = window_kind::sliding;
  view.trigger_when = "value > 58";
  view.delay_ns = 3 * second_ns;
  config.views.push_back(view);
  view = make_view("mean");
  view.aggregates = *parse_aggregates({"time_weighted_mean"});
  config.views.push_back(view);
  return config;
}

void feed_randomly(std::mt19937& random, int round,
                   const std::vector<test_node*>& nodes) {
  for (int i = 0; i < 100; ++i) {
    auto source = std::to_string(random() % 7);
    auto metric = random() % 3 == 0 ? "rpm" : "temp";
    auto time_s
      = static_cast<double>(round * 30 + i / 5) + static_cast<double>(random() % 9);
    auto value = random() % 50 == 0 ? 500.0 : 50.0 + static_cast<double>(random() % 10);
    for (auto* x : nodes)
      x->feed_s(x->id(metric, source, {{"site", "x"}}), time_s, value);
  }
}

void check_same(const window_map& found, const window_map& wanted) {
  CHECK(found.size() == wanted.size());
  for (const auto& [key, x] : wanted) {
    INFO(key.first << " at " << key.second);
    auto pos = found.find(key);
    REQUIRE(pos != found.end());
    const auto& y = pos->second;
    CHECK(y.width_ns == x.width_ns);
    CHECK(y.count == x.count);
    CHECK(y.sum == Approx(x.sum));
    CHECK(y.min == x.min);
    CHECK(y.max == x.max);
    CHECK(y.first == x.first);
    CHECK(y.last == x.last);
    CHECK(y.m2 == Approx(x.m2).margin(1e-6));
    CHECK(y.late_count == x.late_count);
    CHECK(y.revision == x.revision);
    CHECK(y.extended == x.extended);
  }
}

} // namespace

TEST_CASE("a restored shard goes on exactly as one that never stopped", "[analytics]") {
  auto shards = GENERATE(as<std::size_t>{}, 1, 2);
  test_node undisturbed{rich_config(), shards};
  auto restarted = std::make_unique<test_node>(rich_config(), shards);
  std::mt19937 random{11};
  for (int round = 0; round < 12; ++round) {
    feed_randomly(random, round, {&undisturbed, restarted.get()});
    auto next = std::make_unique<test_node>(rich_config(), shards);
    next->restore(restarted->snapshots());
    CHECK(next->restored.views.closed.empty());
    CHECK(next->restored.refused == 0);
    CHECK(next->summaries.empty());
    for (const auto& [text, x] : restarted->summaries)
      keep(next->windows, text, x);
    next->alerts = restarted->alerts;
    next->summaries = std::move(restarted->summaries);
    for (const auto& x : restarted->anomalies)
      next->anomalies.push_back(x);
    restarted = std::move(next);
  }
  undisturbed.flush();
  restarted->flush();
  check_same(restarted->windows, undisturbed.windows);
  CHECK(restarted->anomalies.size() == undisturbed.anomalies.size());
  REQUIRE(restarted->alerts.size() == undisturbed.alerts.size());
  for (std::size_t i = 0; i < undisturbed.alerts.size(); ++i) {
    CHECK(restarted->alerts[i].first == undisturbed.alerts[i].first);
    CHECK(restarted->alerts[i].second.id == undisturbed.alerts[i].second.id);
    CHECK(restarted->alerts[i].second.state == undisturbed.alerts[i].second.state);
  }
  CHECK(undisturbed.alerts.size() > 10);
}

TEST_CASE("the number of shards may change between a snapshot and its restoring",
          "[analytics]") {
  test_node undisturbed{rich_config(), 2};
  test_node before{rich_config(), 2};
  test_node after{rich_config(), 3};
  std::mt19937 random{12};
  for (int round = 0; round < 3; ++round)
    feed_randomly(random, round, {&undisturbed, &before});
  after.restore(before.snapshots());
  CHECK(after.restored.refused == 0);
  for (int round = 3; round < 6; ++round)
    feed_randomly(random, round, {&undisturbed, &after});
  undisturbed.flush();
  after.flush();
  auto windows = before.windows;
  for (const auto& [text, x] : after.summaries)
    keep(windows, text, x);
  check_same(windows, undisturbed.windows);
}

TEST_CASE("a window that silence has closed before a restart is revised after it",
          "[analytics]") {
  test_node before{plain_config()};
  before.feed_s(before.id("temp", "a"), 1, 1.0, 0);
  before.tick_s(6);
  CHECK(before.windows.size() == 1);
  test_node after{plain_config()};
  after.restore(before.snapshots(), {test_node::to_ns(6)});
  after.feed_s(after.id("temp", "a"), 2, 1.0, 7);
  REQUIRE(after.summaries.size() == 1);
  CHECK(after.summaries[0].second.count == 1);
  CHECK(after.summaries[0].second.correction);
  CHECK(after.summaries[0].second.revision == 1);
}

TEST_CASE("what a smaller table has no room for is refused and counted",
          "[analytics]") {
  test_node before{plain_config()};
  for (int i = 0; i < 50; ++i)
    before.feed_s(before.id("temp", std::to_string(i)), 1, 1.0);
  test_node after{plain_config(), 1, 30};
  after.restore(before.snapshots());
  CHECK(after.restored.series == 30);
  CHECK(after.restored.refused == 20);
  after.flush();
  CHECK(after.windows.size() == 30);
}

TEST_CASE("a group's late events are noted by the shard that cuts its windows",
          "[analytics]") {
  for (std::size_t shards : {1, 2, 3}) {
    auto config = plain_config();
    config.event_time.hold_max_ns = second_ns;
    config.event_time.retain_max_ns = 20 * second_ns;
    config.views.push_back(make_view("all"));
    config.views.back().group_by = {"metric"};
    test_node uut{config, shards};
    uut.feed_s(uut.id("temp", "fast"), 1000, 1.0, 0);
    uut.tick_s(0);
    for (int i = 0; i < 3; ++i)
      uut.feed_s(uut.id("temp", "slow"), 10 + i, 1.0, 0);
    CHECK(uut.late() == 3);
    REQUIRE(uut.late_notes.size() == 3); // Each was a batch of its own.
    CHECK(uut.late_notes[0].series == uut.id("temp", "slow"));
    std::uint64_t noted = 0;
    for (std::size_t i = 0; i < shards; ++i)
      for (const auto& [source, count] : uut.at(i).late_sources(9)) {
        CHECK(source == "slow");
        noted += count;
      }
    CHECK(noted == 3);
    uut.flush();
    // Its own windows have them all.
    CHECK(uut.window(test_node::name("temp", "slow"), 10).count == 3);
  }
}

TEST_CASE("windows of another shape are sent as far as they came", "[analytics]") {
  test_node before{rich_config()};
  std::mt19937 random{13};
  feed_randomly(random, 0, {&before});
  auto snapshots = before.snapshots();
  auto sent = before.windows;
  before.flush();
  auto config = rich_config();
  config.window->width_ns = 60 * second_ns;
  for (auto& view : config.views) {
    view.width_ns += second_ns;
    view.gap_ns += second_ns;
    view.size_events += 1;
    view.length_max_ns += second_ns;
  }
  test_node after{config};
  after.restore(snapshots);
  CHECK(after.restored.views.kept.empty());
  CHECK(after.restored.views.closed.size() == 7);
  for (const auto& [text, x] : after.summaries)
    keep(sent, text, x);
  check_same(sent, before.windows);
}

TEST_CASE("a snapshot that was damaged anywhere is refused, not believed",
          "[analytics]") {
  test_node before{rich_config()};
  std::mt19937 random{14};
  for (int i = 0; i < 40; ++i)
    before.feed_s(before.id(i % 2 == 0 ? "rpm" : "temp", "a"), i / 3, 56.0 + i % 4);
  auto bytes = before.snapshots()[0];
  shard_output out;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    auto damaged = bytes;
    damaged[i] = static_cast<char>(damaged[i] ^ (1 << random() % 8));
    test_node after{rich_config()};
    CHECK_FALSE(after.at().restore(damaged, {}, out));
  }
  for (std::size_t size = 0; size < bytes.size(); size += 1 + random() % 7) {
    test_node after{rich_config()};
    CHECK_FALSE(after.at().restore(std::string_view{bytes}.substr(0, size), {}, out));
  }
  CHECK(out.summaries.empty());
}

TEST_CASE("a snapshot in pieces has the same bytes, no piece more than a view",
          "[analytics]") {
  auto config = rich_config();
  for (const auto* name : {"x", "y", "z"})
    config.views.push_back(make_view(name));
  test_node node{config};
  for (int i = 0; i < 400; ++i)
    node.feed_s(node.id("temp", "source" + std::to_string(i % 30)), i / 3, 56.0);
  std::string joined;
  std::size_t largest = 0;
  node.at().snapshot([&](std::string_view piece) {
    joined += piece;
    largest = std::max(largest, piece.size());
  });
  CHECK(joined == node.snapshots()[0]);
  CHECK(largest < joined.size() / 3);
}

TEST_CASE("a snapshot that was cut off under a right checksum does not crash",
          "[analytics]") {
  test_node before{rich_config()};
  for (int i = 0; i < 40; ++i)
    before.feed_s(before.id(i % 2 == 0 ? "rpm" : "temp", "a"), i / 3, 56.0 + i % 4);
  auto bytes = before.snapshots()[0];
  constexpr std::size_t head = 8 + 4; // Magic, version.
  shard_output out;
  for (auto size = head; size < bytes.size() - sizeof(std::uint64_t);
       size += 1 + size % 13) {
    auto cut = bytes.substr(0, size);
    byte_writer{cut}.put(checksum(std::string_view{cut}.substr(head)));
    test_node after{rich_config()};
    CHECK_FALSE(after.at().restore(cut, {}, out));
  }
}

TEST_CASE("settings that cannot work are named", "[analytics]") {
  auto error_of = [](const stream_config& config) {
    auto made = stream_program::compile(config);
    return made ? std::string{} : made.error().at(0);
  };
  auto config = make_config();
  CHECK(error_of(config).empty());
  config.window->width_ns = 0;
  CHECK(error_of(config).find("width") != std::string::npos);
  config = make_config();
  config.rules[1].name = "hot";
  CHECK(error_of(config).find("hot") != std::string::npos);
  config = make_config();
  config.rules.resize(rules_max + 1, config.rules[0]);
  CHECK_FALSE(error_of(config).empty());
  config = make_config();
  config.views.push_back(make_view("v"));
  config.views[0].where = "valeu > 1"; // A dimension: a text.
  CHECK(error_of(config).find("view \"v\": where, column") != std::string::npos);
  config.views[0].where.clear();
  config.views[0].group_by = {"devices.hall"};
  CHECK(error_of(config).find("devices.hall") == std::string::npos); // A dimension.
}
