// SHARD where the series table is nearly full: the series that were seen longest ago
// give way, whole, and their ids come back only when nobody can mean them any more.
#include "shard_fixture.hpp"

#include <catch2/catch.hpp>

#include <random>
#include <set>

using namespace weir::analytics;

namespace {

stream_config plain_config() {
  stream_config config;
  config.event_time.out_of_orderness_ns = 0;
  config.event_time.allowed_lateness_ns = 5 * second_ns;
  config.event_time.idle_timeout_ns = 3600 * second_ns;
  config.window->width_ns = 1000 * second_ns;
  config.detector.enabled = false;
  return config;
}

std::string source_name(int i) {
  return "s" + std::to_string(i);
}

/// One event of each of `n` new series, the first the oldest.
std::vector<series_id> fill(test_node& node, int n, const char* metric = "temp") {
  std::vector<series_id> ids;
  for (int i = 0; i < n; ++i) {
    ids.push_back(node.id(metric, source_name(i)));
    node.feed_s(ids.back(), i, 1.0);
  }
  return ids;
}

bool is_known(const test_node& node, const std::string& text) {
  for (const auto& [key, x] : node.windows)
    if (key.first == text)
      return true;
  return false;
}

} // namespace

TEST_CASE("near the end of the table the oldest series are closed, sent and given up",
          "[analytics]") {
  test_node uut{plain_config(), 1, 100};
  auto ids = fill(uut, 95);
  uut.tick_s(1);
  CHECK(uut.at().status().evicted == 0); // 95 % is not above 95 %.
  ids.push_back(uut.id("temp", source_name(95)));
  uut.feed_s(ids.back(), 95, 1.0);
  uut.tick_s(2);
  auto evicted = uut.at().status().evicted;
  CHECK(evicted >= 6);
  CHECK(evicted <= 8);
  CHECK(uut.windows.empty()); // More may be on its way into them.
  uut.tick_s(3);
  uut.tick_s(4);
  CHECK(uut.windows.size() == evicted);
  for (std::size_t i = 0; i < evicted; ++i)
    CHECK(is_known(uut, test_node::name("temp", source_name(static_cast<int>(i)))));
  CHECK(uut.table().size() == 96 - evicted);
  CHECK(uut.at().status().series == 96); // Their ids are not free yet.
  uut.tick_s(5);
  CHECK(uut.at().status().series == 96 - evicted);
  // A new series takes the place of an old one, with nothing of it.
  auto id = uut.id("temp", "new");
  CHECK(uut.table().local_of(id) < evicted);
  uut.feed_s(id, 5, 7.0);
  uut.flush();
  CHECK(uut.late() == 0);
  CHECK(uut.window(test_node::name("temp", "new"), 0).sum == 7.0);
  CHECK(uut.windows.size() == 97);
}

TEST_CASE("a series that alerts is not given up", "[analytics]") {
  auto config = plain_config();
  config.rules.push_back({.name = "hot", .metric = "temp", .limit = 90.0});
  test_node uut{config, 1, 100};
  uut.feed_s(uut.id("temp", "hot"), 0, 95.0);
  for (int i = 1; i < 97; ++i)
    uut.feed_s(uut.id("temp", source_name(i)), i, 1.0);
  uut.tick_s(1);
  CHECK(uut.at().status().evicted > 0);
  CHECK_FALSE(is_known(uut, test_node::name("temp", "hot")));
  uut.feed_s(uut.id("temp", "hot"), 100, 1.0);
  REQUIRE(uut.alerts.size() == 2);
  CHECK(uut.alerts[1].second.state == alert_state::resolved);
}

TEST_CASE("ids stay taken until all readers have passed and all output is handed on",
          "[analytics]") {
  test_node uut{plain_config(), 1, 100};
  series_table::reader reader{uut.table()};
  reader.enter();
  fill(uut, 96);
  uut.tick_s(1);
  auto evicted = uut.at().status().evicted;
  REQUIRE(evicted > 0);
  for (int i = 2; i < 10; ++i)
    uut.tick_s(i); // The reader may still hold ids from before.
  CHECK(uut.at().status().series == 96);
  reader.leave();
  for (int i = 10; i < 20; ++i)
    uut.tick_s(i, false); // What was sent has not arrived.
  CHECK(uut.at().status().series == 96);
  for (int i = 20; i < 25; ++i)
    uut.tick_s(i);
  CHECK(uut.at().status().series == 96 - evicted);
}

TEST_CASE("an event on its way during an eviction goes where its series' events go",
          "[analytics]") {
  auto config = plain_config();
  config.converts.push_back({"temp", "*", "value * 10"});
  config.filters.push_back({"temp", "*", "value < 1000"});
  view_config view;
  view.name = "v";
  view.width_ns = 1000 * second_ns;
  config.views.push_back(view);
  test_node uut{config, 1, 200};
  series_table::reader reader{uut.table()};
  reader.enter();
  auto ids = fill(uut, 96); // With the view's, 192 names.
  uut.tick_s(1);
  REQUIRE(uut.at().status().evicted > 0);
  // Held by a reader since before: the id still means s0, and nothing else.
  uut.feed_s(ids[0], 50, 7.0);
  uut.feed_s(ids[0], 51, 700.0); // Filtered.
  auto fresh = uut.id("temp", "fresh");
  CHECK(fresh != ids[0]);
  uut.feed_s(fresh, 50, 9.0);
  reader.leave();
  for (int i = 2; i < 8; ++i)
    uut.tick_s(i);
  uut.flush();
  auto sums_of = [&](const std::string& text) {
    std::vector<double> sums;
    for (const auto& [name, x] : uut.summaries)
      if (name == text)
        sums.push_back(x.sum);
    return sums;
  };
  // Each window is sent once: a second summary of the same revision has no effect.
  CHECK(sums_of(test_node::name("temp", "s0")) == std::vector<double>{80.0});
  CHECK(sums_of(test_node::name("temp", "s0", {{"view", "v"}}))
        == std::vector<double>{80.0});
  CHECK(sums_of(test_node::name("temp", "fresh")) == std::vector<double>{90.0});
  CHECK(uut.at().status().filtered == 1);
}

TEST_CASE("an alert raised by an event on its way is not that of the id's next series",
          "[analytics]") {
  auto config = plain_config();
  config.rules.push_back({.name = "hot", .metric = "temp", .limit = 90.0});
  test_node uut{config, 1, 100};
  auto ids = fill(uut, 96);
  uut.tick_s(1);
  uut.feed_s(ids[0], 50, 95.0);
  CHECK(uut.alerts.size() == 1);
  for (int i = 2; i < 8; ++i)
    uut.tick_s(i);
  CHECK(uut.at().status().alerts_open == 0);
  for (int i = 0; i < 6; ++i)
    uut.feed_s(uut.id("temp", "new" + std::to_string(i)), 100, 1.0);
  CHECK(uut.alerts.size() == 1); // Nothing of theirs has ended.
}

TEST_CASE("a change or a restart during an eviction loses nothing", "[analytics]") {
  auto config = plain_config();
  config.converts.push_back({"temp", "*", "value * 10"});
  for (auto name : {"gone", "v"}) {
    view_config view;
    view.name = name;
    view.width_ns = 1000 * second_ns;
    config.views.push_back(view);
  }
  for (auto restarts : {false, true}) {
    test_node uut{config, 1, 300};
    series_table::reader reader{uut.table()};
    reader.enter();
    auto ids = fill(uut, 96); // With the views', 288 names.
    uut.tick_s(1);
    REQUIRE(uut.at().status().evicted > 0);
    if (restarts) {
      test_node after{config, 1, 300};
      after.restore(uut.snapshots());
      after.flush();
      CHECK(after.windows.size() == 288);
      reader.leave();
      continue;
    }
    auto next = config;
    next.views.erase(next.views.begin());
    uut.change(next);
    uut.feed_s(ids[0], 50, 7.0);
    reader.leave();
    for (int i = 2; i < 8; ++i)
      uut.tick_s(i);
    CHECK(uut.window(test_node::name("temp", "s0"), 0).sum == 80.0);
    CHECK(uut.window(test_node::name("temp", "s0", {{"view", "v"}}), 0).sum == 80.0);
    CHECK(uut.window(test_node::name("temp", "s0", {{"view", "gone"}}), 0).sum == 10.0);
  }
}

TEST_CASE("a derived series that was given up comes back under an id of its own",
          "[analytics]") {
  auto config = plain_config();
  config.derives.push_back({.metric = "power", .value = "voltage * current"});
  test_node uut{config, 1, 100};
  auto voltage = uut.id("voltage", "a");
  auto current = uut.id("current", "a");
  uut.feed_s(voltage, 1, 230.0);
  uut.feed_s(current, 1, 2.0); // power 460
  // `power` becomes the oldest series: the voltage goes on, the current is stale.
  for (int i = 2; i < 97; ++i) {
    uut.feed_s(uut.id("temp", source_name(i)), 20 + i, 1.0);
    uut.feed_s(voltage, 20 + i, 230.0);
  }
  uut.feed_s(current, 200, 1.0);
  for (int i = 1; i < 8; ++i)
    uut.tick_s(i);
  REQUIRE(is_known(uut, test_node::name("power", "a")));
  // Whoever comes next takes the free ids.
  for (int i = 0; i < 5; ++i)
    uut.feed_s(uut.id("new", source_name(i)), 200, 1.0);
  uut.feed_s(voltage, 201, 100.0);
  uut.flush();
  for (int i = 0; i < 5; ++i)
    CHECK(uut.window(test_node::name("new", source_name(i)), 0).sum == 1.0);
  std::vector<double> sums;
  for (const auto& [name, x] : uut.summaries)
    if (name == test_node::name("power", "a"))
      sums.push_back(x.sum);
  CHECK(sums.back() == 100.0);
}

TEST_CASE("derivations of sources that come and go do not mix", "[analytics]") {
  auto config = plain_config();
  config.derives.push_back({.metric = "power", .value = "voltage * current"});
  test_node uut{config, 1, 100};
  for (int i = 0; i < 200; ++i) {
    uut.feed_s(uut.id("voltage", source_name(i)), i, 2.0);
    CHECK(uut.at().status().derived == static_cast<std::uint64_t>(i));
    uut.feed_s(uut.id("current", source_name(i)), i, i);
    for (int k = 0; k < 4; ++k)
      uut.tick_s(i);
  }
  CHECK(uut.at().status().evicted > 400);
  uut.flush();
  for (int i = 0; i < 200; ++i)
    CHECK(uut.window(test_node::name("power", source_name(i)), 0).sum == 2.0 * i);
}

TEST_CASE("a group counts the sources that there are, not those an id stood for before",
          "[analytics]") {
  auto config = plain_config();
  view_config view;
  view.name = "all";
  view.width_ns = 100'000 * second_ns;
  view.group_by = {"metric"};
  view.aggregates = *parse_aggregates({"distinct(source)"});
  config.views.push_back(view);
  test_node uut{config, 4, 100};
  std::size_t sources = 0;
  for (int round = 0; round < 60; ++round) {
    for (int i = 0; i < 4; ++i, ++sources)
      uut.feed_s(uut.id("temp", std::to_string(round) + "/" + std::to_string(i)),
                 round * 10 + i, 1.0);
    for (int i = 0; i < 6; ++i)
      uut.tick_s(round * 10 + i);
  }
  uut.flush();
  std::uint64_t evicted = 0;
  for (std::size_t i = 0; i < 4; ++i)
    evicted += uut.at(i).status().evicted;
  CHECK(evicted > 50);
  const auto& x = uut.window(test_node::name("temp", "", {{"view", "all"}}), 0);
  CHECK(x.count == sources);
  auto extended = extended_aggregates::decode(x.extended);
  REQUIRE(extended);
  CHECK(extended->distinct("source")->estimate()
        == Approx(static_cast<double>(sources)).epsilon(0.05));
}

TEST_CASE("whatever comes and goes, every event is in one window of its own series",
          "[analytics]") {
  for (std::uint32_t seed = 0; seed < 60; ++seed) {
    INFO("seed " << seed);
    std::mt19937 random{seed};
    auto config = plain_config();
    config.window->width_ns = 10 * second_ns;
    config.event_time.out_of_orderness_ns = 10 * second_ns;
    if (seed % 2 == 1) {
      view_config view;
      view.name = "v";
      view.width_ns = 20 * second_ns;
      config.views.push_back(view);
    }
    auto shards = 1 + random() % 3;
    test_node uut{config, shards, 120};
    // Values say which series sent them; ids are held over ticks as a reader does.
    std::map<std::string, double> wanted;
    series_table::reader reader{uut.table()};
    std::vector<std::tuple<series_id, std::string, int>> held;
    reader.enter();
    for (int step = 0; step < 600; ++step) {
      auto number = static_cast<int>(step / 3 + static_cast<int>(random() % 60));
      auto text = test_node::name("temp", source_name(number));
      if (auto id = uut.table().intern(text))
        held.emplace_back(*id, text, number);
      if (random() % 8 == 0) {
        std::vector<event> batch;
        for (const auto& [id, name, value] : held) {
          batch.push_back({step * second_ns, static_cast<double>(value), id, 0});
          wanted[name] += value;
        }
        uut.process(batch, {step * second_ns});
        held.clear();
        reader.leave();
        reader.enter();
      }
      if (random() % 5 == 0)
        uut.tick_s(step, random() % 3 != 0);
    }
    reader.leave();
    uut.flush();
    std::map<std::string, double> found;
    for (const auto& [name, x] : uut.summaries)
      if (x.width_ns == 10 * second_ns && x.revision == 0) {
        found[name] += x.sum;
        CHECK(x.min == x.max); // Of one series, so of one value.
        CHECK(name == test_node::name("temp", source_name(static_cast<int>(x.min))));
      }
    CHECK(uut.late() == 0);
    CHECK(found == wanted);
    std::uint64_t evicted = 0;
    for (std::size_t i = 0; i < shards; ++i)
      evicted += uut.at(i).status().evicted;
    CHECK(evicted > 20);
  }
}
