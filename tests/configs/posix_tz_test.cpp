// POSIX TZ: the rule at the end of a time zone file.
#include "configs/posix_tz.hpp"

#include "transport/timestamp.hpp"

#include <catch2/catch.hpp>

using namespace weir::configs;
using weir::analytics::zone_transition;

namespace {

std::int64_t at(std::string_view text) {
  auto result = weir::transport::time_from_iso8601(text);
  REQUIRE(result);
  return *result;
}

std::vector<zone_transition> changes(std::string_view rule, std::string_view after,
                                     int year_last) {
  auto parsed = parse_posix_tz(rule);
  REQUIRE(parsed);
  std::vector<zone_transition> result;
  append_changes(result, *parsed, at(after), year_last);
  return result;
}

} // namespace

TEST_CASE("a zone without summer time has an offset only", "[configs]") {
  auto kathmandu = parse_posix_tz("<+0545>-5:45");
  REQUIRE(kathmandu);
  CHECK(kathmandu->offset_s == 5 * 3600 + 45 * 60);
  CHECK_FALSE(kathmandu->summer_time);
  CHECK(parse_posix_tz("EST5")->offset_s == -5 * 3600);
  CHECK(changes("EST5", "2030-01-01", 2040).empty());
}

TEST_CASE("summer time by the week of a month", "[configs]") {
  CHECK(changes("CET-1CEST,M3.5.0,M10.5.0/3", "2037-12-31", 2039)
        == std::vector<zone_transition>{{at("2038-03-28T02:00:00+01:00"), 7200},
                                        {at("2038-10-31T03:00:00+02:00"), 3600},
                                        {at("2039-03-27T02:00:00+01:00"), 7200},
                                        {at("2039-10-30T03:00:00+02:00"), 3600}});
  // South of the equator, by half an hour.
  CHECK(
    changes("<+1030>-10:30<+11>-11,M10.1.0,M4.1.0", "2037-12-31", 2038)
    == std::vector<zone_transition>{{at("2038-04-04T02:00:00+11:00"), 10 * 3600 + 1800},
                                    {at("2038-10-03T02:00:00+10:30"), 11 * 3600}});
}

TEST_CASE("summer time before midnight and beyond the day", "[configs]") {
  CHECK(changes("<-02>2<-01>,M3.5.0/-1,M10.5.0/0", "2037-12-31", 2038)
        == std::vector<zone_transition>{{at("2038-03-27T23:00:00-02:00"), -3600},
                                        {at("2038-10-31T00:00:00-01:00"), -7200}});
  CHECK(changes("EET-2EEST,M3.4.4/50,M10.4.4/50", "2037-12-31", 2038).front()
        == zone_transition{at("2038-03-27T02:00:00+02:00"), 3 * 3600});
}

TEST_CASE("winter time that is called summer time, as in Dublin", "[configs]") {
  CHECK(changes("IST-1GMT0,M10.5.0,M3.5.0/1", "2037-12-31", 2038)
        == std::vector<zone_transition>{{at("2038-03-28T01:00:00Z"), 3600},
                                        {at("2038-10-31T01:00:00Z"), 0}});
}

TEST_CASE("days of the year, with and without February 29", "[configs]") {
  CHECK(changes("A5B,J60/0,59/0", "2039-12-31", 2040)
        == std::vector<zone_transition>{{at("2040-02-29T00:00:00-04:00"), -5 * 3600},
                                        {at("2040-03-01T00:00:00-05:00"), -4 * 3600}});
}

TEST_CASE("what holds already is not told again", "[configs]") {
  auto found = changes("CET-1CEST,M3.5.0,M10.5.0/3", "2038-03-28T01:00:00Z", 2038);
  REQUIRE(found.size() == 1);
  CHECK(found[0].offset_s == 3600);
}

TEST_CASE("a rule that cannot be read names the character", "[configs]") {
  for (auto text : {"", "5", "CET", "CET-", "CET-1CEST", "CET-1CEST,M3.5.0",
                    "CET-1CEST,M13.5.0,M10.5.0", "CET-1CEST,M3.6.0,M10.5.0", "<+01-1",
                    "CET-1CEST,M3.5.0,M10.5.0/3x", "CET-999", "CET-1:60", "CET-1,x"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_posix_tz(text));
  }
  CHECK(parse_posix_tz("CET-1CEST,X").error()
        == "the time zone rule \"CET-1CEST,X\" is wrong at character 11; right would "
           "be, for example, CET-1CEST,M3.5.0,M10.5.0/3");
}
