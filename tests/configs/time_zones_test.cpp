// TIME ZONES of the machine's tz database, and calendar windows over all of them.
#include "configs/time_zones.hpp"

#include "analytics/window_calendar.hpp"
#include "transport/timestamp.hpp"

#include <catch2/catch.hpp>

#include <random>
#include <utility>

using namespace weir::analytics;
using weir::configs::load_time_zone;
using weir::configs::time_zone_names;

namespace {

constexpr std::int64_t s = 1'000'000'000;
constexpr std::int64_t day = 86'400 * s;

std::int64_t at(std::string_view text) {
  auto result = weir::transport::time_from_iso8601(text);
  REQUIRE(result);
  return *result;
}

std::shared_ptr<const time_zone> load(const std::string& name) {
  auto result = load_time_zone(name);
  INFO((result ? std::string{} : result.error()));
  REQUIRE(result);
  return *result;
}

/// One window: any time in it, its ends.
struct expected_window {
  const char* time;
  const char* start;
  const char* end;
};

void check(const window_calendar& uut, const std::vector<expected_window>& windows) {
  for (const auto& x : windows) {
    CAPTURE(uut.zone().name(), x.time);
    time_span wanted{at(x.start), at(x.end)};
    CHECK(uut.window_at(at(x.time)) == wanted);
    CHECK(uut.window_at(wanted.start_ns) == wanted);
    CHECK(uut.window_at(wanted.end_ns - 1) == wanted);
    CHECK(uut.window_at(wanted.end_ns).start_ns == wanted.end_ns);
    CHECK(uut.window_at(wanted.start_ns - 1).end_ns == wanted.start_ns);
  }
}

void check_days(const std::string& zone, const std::vector<expected_window>& windows) {
  check(window_calendar{calendar_unit::day, 1, 0, load(zone)}, windows);
}

} // namespace

TEST_CASE("days of zones whose clocks change by an hour", "[configs]") {
  check_days(
    "Europe/Berlin",
    {{"2026-03-29T12:00:00Z", "2026-03-29T00:00:00+01:00", "2026-03-30T00:00:00+02:00"},
     {"2026-10-25T12:00:00Z", "2026-10-25T00:00:00+02:00", "2026-10-26T00:00:00+01:00"},
     {"2026-07-01T12:00:00Z", "2026-07-01T00:00:00+02:00",
      "2026-07-02T00:00:00+02:00"}});
  check_days("America/New_York", {{"2026-03-08T12:00:00Z", "2026-03-08T00:00:00-05:00",
                                   "2026-03-09T00:00:00-04:00"},
                                  {"2026-11-01T12:00:00Z", "2026-11-01T00:00:00-04:00",
                                   "2026-11-02T00:00:00-05:00"}});
}

TEST_CASE("clocks still change after the last year that files list", "[configs]") {
  check_days("Europe/Berlin", {{"2040-03-25T12:00:00Z", "2040-03-25T00:00:00+01:00",
                                "2040-03-26T00:00:00+02:00"},
                               {"2100-10-31T12:00:00Z", "2100-10-31T00:00:00+02:00",
                                "2100-11-01T00:00:00+01:00"}});
  check_days("America/New_York", {{"2099-03-08T12:00:00Z", "2099-03-08T00:00:00-05:00",
                                   "2099-03-09T00:00:00-04:00"}});
}

TEST_CASE("days of a zone whose clocks change by half an hour", "[configs]") {
  check_days(
    "Australia/Lord_Howe",
    {{"2026-04-05T00:00:00Z", "2026-04-05T00:00:00+11:00", "2026-04-06T00:00:00+10:30"},
     {"2026-10-04T00:00:00Z", "2026-10-04T00:00:00+10:30",
      "2026-10-05T00:00:00+11:00"}});
}

TEST_CASE("days whose midnight does not exist begin when clocks have changed",
          "[configs]") {
  check_days(
    "America/Sao_Paulo",
    {{"2018-11-04T12:00:00Z", "2018-11-04T01:00:00-02:00", "2018-11-05T00:00:00-02:00"},
     {"2018-02-17T12:00:00Z", "2018-02-17T00:00:00-02:00",
      "2018-02-18T00:00:00-03:00"}}); // 25 hours: 23:xx twice.
  check_days("Asia/Beirut", {{"2024-03-31T12:00:00Z", "2024-03-31T01:00:00+03:00",
                              "2024-04-01T00:00:00+03:00"},
                             {"2024-10-26T12:00:00Z", "2024-10-26T00:00:00+03:00",
                              "2024-10-27T00:00:00+02:00"}});
  check_days("Africa/Cairo", {{"2024-04-26T12:00:00Z", "2024-04-26T01:00:00+03:00",
                               "2024-04-27T00:00:00+03:00"},
                              {"2024-10-31T12:00:00Z", "2024-10-31T00:00:00+03:00",
                               "2024-11-01T00:00:00+02:00"}});
}

TEST_CASE("days of odd zones: Kathmandu, Apia, St. John's", "[configs]") {
  check_days("Asia/Kathmandu", {{"2026-03-29T12:00:00Z", "2026-03-29T00:00:00+05:45",
                                 "2026-03-30T00:00:00+05:45"},
                                // From +5:30 to +5:45 at midnight.
                                {"1986-01-01T00:00:00Z", "1986-01-01T00:15:00+05:45",
                                 "1986-01-02T00:00:00+05:45"}});
  check_days("Pacific/Apia", {{"2011-12-29T12:00:00-10:00", "2011-12-29T00:00:00-10:00",
                               "2011-12-30T00:00:00-10:00"}, // The 30th was left out.
                              {"2011-12-31T12:00:00+14:00", "2011-12-31T00:00:00+14:00",
                               "2012-01-01T00:00:00+14:00"}});
  check_days("America/St_Johns", {{"2010-11-07T12:00:00Z", "2010-11-07T00:00:00-02:30",
                                   "2010-11-08T00:00:00-03:30"}});
}

TEST_CASE("weeks, months, quarters and shifts of Berlin", "[configs]") {
  auto zone = load("Europe/Berlin");
  check(window_calendar{calendar_unit::week, 1, 0, zone},
        {{"2026-03-25T12:00:00Z", "2026-03-23T00:00:00+01:00",
          "2026-03-30T00:00:00+02:00"}});
  check(window_calendar{calendar_unit::month, 1, 0, zone},
        {{"2026-10-25T12:00:00Z", "2026-10-01T00:00:00+02:00",
          "2026-11-01T00:00:00+01:00"}});
  check(window_calendar{calendar_unit::month, 3, 0, zone},
        {{"2026-02-01T12:00:00Z", "2026-01-01T00:00:00+01:00",
          "2026-04-01T00:00:00+02:00"}});
  check(window_calendar{calendar_unit::day, 1, 6 * 3600 * s, zone},
        {{"2026-03-29T03:00:00Z", "2026-03-28T06:00:00+01:00",
          "2026-03-29T06:00:00+02:00"}});
}

TEST_CASE("windows of every zone cover all time once", "[configs]") {
  auto names = time_zone_names();
  REQUIRE(names.size() > 400);
  std::mt19937_64 random{7};
  for (const auto& name : names) {
    auto zone = load(name);
    auto unit = static_cast<calendar_unit>(random() % 5);
    auto every = 1 + static_cast<int>(random() % 4);
    const window_calendar days{calendar_unit::day, 1, 0, zone};
    const window_calendar uut{unit, every, 0, zone};
    for (int i = 0; i < 300; ++i) {
      // Half of them on the days on which something happens.
      const auto& changes = zone->transitions();
      auto time_ns = static_cast<std::int64_t>(random() % (131 * 365 * day));
      if (i % 2 == 0 && changes.size() > 1)
        time_ns = changes[1 + random() % (changes.size() - 1)].from_ns
                  + static_cast<std::int64_t>(random() % (2 * day)) - day;
      CAPTURE(name, time_ns, static_cast<int>(unit), every);
      for (const auto* calendar : {&days, &uut}) {
        auto window = calendar->window_at(time_ns);
        REQUIRE(window.contains(time_ns));
        REQUIRE(calendar->window_at(window.start_ns) == window);
        REQUIRE(calendar->window_at(window.end_ns - 1) == window);
        REQUIRE(calendar->window_at(window.end_ns).start_ns == window.end_ns);
        REQUIRE(calendar->window_at(window.start_ns - 1).end_ns == window.start_ns);
      }
      // A day begins where the local clock first passes a midnight.
      auto start_ns = days.window_at(time_ns).start_ns;
      auto before = zone->to_local(start_ns - 1);
      auto midnight = (zone->to_local(start_ns) / day) * day;
      REQUIRE(before < midnight);
    }
  }
}

TEST_CASE("an unknown zone gets the nearest names", "[configs]") {
  CHECK(load_time_zone("Europe/Berln").error()
        == "time zone: found \"Europe/Berln\", which is unknown, did you mean "
           "\"Europe/Berlin\"?");
  CHECK(load_time_zone("berlin").error().find("\"Europe/Berlin\"")
        != std::string::npos);
  CHECK(load_time_zone("the moon").error()
        == "time zone: found \"the moon\", which is unknown, accepted: a name of the "
           "tz database such as \"Europe/Berlin\" or \"UTC\"");
  for (auto name : {"", "localtime", "../../../etc/passwd", "right/UTC", "zone.tab"}) {
    CAPTURE(name);
    CHECK_FALSE(load_time_zone(name));
  }
}

TEST_CASE("UTC has no changes", "[configs]") {
  CHECK(load("UTC") == time_zone::utc());
  CHECK(load("Etc/UTC")->transitions().size() == 1);
}
