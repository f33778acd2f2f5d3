// CALENDAR WINDOWS through the real shard: days of 23, 23.5, 24.5 and 25 hours have the
// events of as many hours, in five zones, for each series and for a group.
#include "shard_fixture.hpp"

#include <catch2/catch.hpp>

#include <chrono>

using namespace weir::analytics;

namespace {

constexpr std::int64_t minute_ns = 60 * second_ns;
constexpr std::int64_t hour_ns = 60 * minute_ns;
constexpr std::int64_t day_ns = 24 * hour_ns;

std::int64_t utc(int y, unsigned m, unsigned d, int h = 0, int min = 0) {
  using namespace std::chrono;
  auto days = sys_days{year{y} / month{m} / d}.time_since_epoch().count();
  return days * day_ns + h * hour_ns + min * minute_ns;
}

constexpr std::int32_t hours(double x) {
  return static_cast<std::int32_t>(x * 3600);
}

/// A zone in 2026 and its two odd days.
struct zone_year {
  const char* name;
  std::vector<zone_transition> changes;
  std::int64_t short_day_ns; ///< Where it begins.
  std::int64_t short_ns;
  std::int64_t long_day_ns;
  std::int64_t long_ns;
};

std::vector<zone_year> make_zones() {
  return {
    {"Europe/Berlin",
     {{0, hours(1)}, {utc(2026, 3, 29, 1), hours(2)}, {utc(2026, 10, 25, 1), hours(1)}},
     utc(2026, 3, 28, 23),
     23 * hour_ns,
     utc(2026, 10, 24, 22),
     25 * hour_ns},
    {"America/New_York",
     {{0, hours(-5)},
      {utc(2026, 3, 8, 7), hours(-4)},
      {utc(2026, 11, 1, 6), hours(-5)}},
     utc(2026, 3, 8, 5),
     23 * hour_ns,
     utc(2026, 11, 1, 4),
     25 * hour_ns},
    {"Australia/Sydney",
     {{0, hours(11)},
      {utc(2026, 4, 4, 16), hours(10)},
      {utc(2026, 10, 3, 16), hours(11)}},
     utc(2026, 10, 3, 14),
     23 * hour_ns,
     utc(2026, 4, 4, 13),
     25 * hour_ns},
    {"Australia/Lord_Howe", // Half an hour.
     {{0, hours(11)},
      {utc(2026, 4, 4, 15), hours(10.5)},
      {utc(2026, 10, 3, 15, 30), hours(11)}},
     utc(2026, 10, 3, 13, 30),
     23 * hour_ns + 30 * minute_ns,
     utc(2026, 4, 4, 13),
     24 * hour_ns + 30 * minute_ns},
    {"Africa/Cairo", // At midnight, which then does not exist, or almost occurs twice.
     {{0, hours(2)},
      {utc(2026, 4, 23, 22), hours(3)},
      {utc(2026, 10, 29, 21), hours(2)}},
     utc(2026, 4, 23, 22),
     23 * hour_ns,
     utc(2026, 10, 28, 21),
     25 * hour_ns},
  };
}

stream_config make_config(const zone_year& x, calendar_unit unit) {
  stream_config config;
  config.detector.enabled = false;
  config.window->kind = window_kind::calendar;
  config.window->calendar = std::make_shared<const window_calendar>(
    unit, 1, 0, std::make_shared<const time_zone>(x.name, x.changes));
  config.window->calendar_text = x.name;
  auto view = *config.window;
  view.name = "all";
  view.group_by = {"metric"};
  view.aggregates = *parse_aggregates({"p50", "rate"});
  config.views.push_back(view);
  return config;
}

/// One event every ten minutes from two days before `around_ns` to three days after.
void feed_days(test_node& node, std::int64_t around_ns) {
  for (auto t = around_ns - 2 * day_ns; t < around_ns + 4 * day_ns; t += 10 * minute_ns)
    for (auto source : {"a", "b"})
      node.feed(node.id("temp", source), t, 1.0, {t});
}

void check_day(const test_node& node, std::int64_t start_ns, std::int64_t wanted_ns) {
  auto events = static_cast<std::uint64_t>(wanted_ns / (10 * minute_ns));
  auto check = [&](const std::string& text, std::uint64_t count) {
    INFO(text);
    auto pos = node.windows.find({text, start_ns});
    REQUIRE(pos != node.windows.end());
    CHECK(pos->second.width_ns == wanted_ns);
    CHECK(pos->second.count == count);
    // The days around it have 24 hours, and there is no gap.
    auto next = std::next(pos);
    auto before = std::prev(pos);
    CHECK(next->first == window_key{text, start_ns + wanted_ns});
    CHECK(next->second.width_ns == day_ns);
    CHECK(before->second.width_ns == day_ns);
    CHECK(before->first.second + day_ns == start_ns);
  };
  check(test_node::name("temp", "a"), events);
  check(test_node::name("temp", "b"), events);
  check(test_node::name("temp", "", {{"view", "all"}}), 2 * events);
}

} // namespace

TEST_CASE("days on which clocks change have the events of their hours", "[analytics]") {
  for (const auto& zone : make_zones()) {
    INFO(zone.name);
    for (auto is_short : {true, false}) {
      auto start_ns = is_short ? zone.short_day_ns : zone.long_day_ns;
      test_node uut{make_config(zone, calendar_unit::day)};
      feed_days(uut, start_ns);
      CHECK(uut.late() == 0);
      check_day(uut, start_ns, is_short ? zone.short_ns : zone.long_ns);
    }
  }
}

TEST_CASE("hours stay hours on the day on which clocks change", "[analytics]") {
  for (const auto& zone : make_zones()) {
    INFO(zone.name);
    test_node uut{make_config(zone, calendar_unit::hour)};
    feed_days(uut, zone.long_day_ns);
    uut.flush();
    // The outermost ones may be cut where the events begin and end.
    auto a = uut.counts(test_node::name("temp", "a"));
    CHECK(a.size() >= 6 * 24);
    CHECK(std::all_of(a.begin() + 1, a.end() - 1, [](auto n) { return n == 6; }));
  }
}

TEST_CASE("a late event finds the day that it belongs to, on both sides of a change",
          "[analytics]") {
  auto berlin = make_zones()[0];
  auto config = make_config(berlin, calendar_unit::day);
  config.event_time.allowed_lateness_ns = 2 * day_ns;
  test_node uut{config};
  auto a = uut.id("temp", "a");
  auto change_ns = utc(2026, 10, 25, 1);
  uut.feed(a, change_ns - 6 * hour_ns, 1.0, {0}); // The day before.
  uut.feed(a, change_ns + 30 * hour_ns, 1.0, {0});
  // Local time is 02:30 twice.
  uut.feed(a, change_ns - hour_ns / 2, 2.0, {0});
  uut.feed(a, change_ns + hour_ns / 2, 4.0, {0});
  uut.feed(a, utc(2026, 10, 25, 22, 59), 8.0, {0}); // 23:59.
  uut.feed(a, utc(2026, 10, 25, 23), 16.0, {0});    // The next day.
  uut.flush();
  CHECK(uut.late() == 0);
  const auto& x = uut.windows.at({uut.text(a), berlin.long_day_ns});
  CHECK(x.count == 3);
  CHECK(x.sum == 14.0);
  CHECK(x.width_ns == 25 * hour_ns);
  CHECK(x.revision == 3);
}

TEST_CASE("a day that is open over a restart has its hours afterwards", "[analytics]") {
  auto berlin = make_zones()[0];
  auto config = make_config(berlin, calendar_unit::day);
  config.make_calendar = [&](const std::string&) { return config.window->calendar; };
  auto before = std::make_unique<test_node>(config);
  auto t = berlin.long_day_ns;
  for (; t < berlin.long_day_ns + 12 * hour_ns; t += minute_ns)
    before->feed(before->id("temp", "a"), t, 1.0, {t});
  test_node after{config};
  after.restore(before->snapshots(), {t});
  for (; t < berlin.long_day_ns + 26 * hour_ns; t += minute_ns)
    after.feed(after.id("temp", "a"), t, 1.0, {t});
  CHECK(after.windows.at({test_node::name("temp", "a"), berlin.long_day_ns}).count
        == 25 * 60);
  // With other windows configured the old day is sent as far as it came.
  auto other = config;
  other.window = view_config{};
  other.views.clear();
  test_node changed{other};
  changed.restore(before->snapshots(), {t});
  const auto& x
    = changed.windows.at({test_node::name("temp", "a"), berlin.long_day_ns});
  CHECK(x.count == 12 * 60);
  CHECK(x.width_ns == 25 * hour_ns);
}
