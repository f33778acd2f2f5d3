// CALENDAR TEXTS: what people write, and the canonical text that is read back.
#include "configs/calendar_text.hpp"

#include "configs/time_zones.hpp"

#include <catch2/catch.hpp>

#include <algorithm>

using namespace weir::configs;
using weir::analytics::calendar_unit;

namespace {

constexpr std::int64_t hour_ns = 3'600'000'000'000;

bool has_zone(const std::string& name) {
  auto names = time_zone_names();
  return std::find(names.begin(), names.end(), name) != names.end();
}

} // namespace

TEST_CASE("every: a unit, with or without a number", "[configs]") {
  CHECK(parse_every("minute") == calendar_every{calendar_unit::minute, 1});
  CHECK(parse_every("15 minutes") == calendar_every{calendar_unit::minute, 15});
  CHECK(parse_every("6 hours") == calendar_every{calendar_unit::hour, 6});
  CHECK(parse_every(" day ") == calendar_every{calendar_unit::day, 1});
  CHECK(parse_every("2 weeks") == calendar_every{calendar_unit::week, 2});
  CHECK(parse_every("1 month") == calendar_every{calendar_unit::month, 1});
}

TEST_CASE("every: what is no calendar is told with what is accepted", "[configs]") {
  for (auto text : {"", "15", "fortnight", "1.5 hours", "hour 2", "days days", "-"}) {
    CAPTURE(text);
    auto wrong = parse_every(text);
    REQUIRE_FALSE(wrong);
    CHECK(wrong.error().find("such as \"15 minutes\" or \"day\"") != std::string::npos);
  }
  for (auto text : {"0 days", "-1 day", "400 days"}) {
    auto wrong = parse_every(text);
    REQUIRE_FALSE(wrong);
    CHECK(wrong.error()
          == "found \"" + std::string{text} + "\", accepted: from 1 to 366 days");
  }
}

TEST_CASE("equal calendars have equal texts, which are read back", "[configs]") {
  calendar_every day{calendar_unit::day, 1};
  CHECK(calendar_text(day, 0, "UTC") == "1 day");
  CHECK(calendar_text(day, 6 * hour_ns, "Europe/Berlin")
        == "1 day offset 21600000 ms zone Europe/Berlin");
  // A zone has no say in hours.
  CHECK(calendar_text({calendar_unit::hour, 6}, 0, "Europe/Berlin") == "6 hour");
  auto back = calendar_from_text("6 hour offset -3600000 ms");
  REQUIRE(back);
  CHECK((*back)->unit() == calendar_unit::hour);
  CHECK((*back)->every() == 6);
  CHECK((*back)->offset_ns() == -hour_ns);
  if (!has_zone("Europe/Berlin"))
    return; // A machine without tzdata.
  auto shift = calendar_from_text("1 day offset 21600000 ms zone Europe/Berlin");
  REQUIRE(shift);
  CHECK((*shift)->offset_ns() == 6 * hour_ns);
  CHECK((*shift)->zone().name() == "Europe/Berlin");
}

TEST_CASE("a text that names no calendar is an error", "[configs]") {
  for (auto text : {"", "1 day offset", "1 day offset 5", "1 day offset 90000000 ms",
                    "1 day zone Nowhere/Land", "1 day at noon",
                    "1 day offset 99999999999999999 ms"})
    CHECK_FALSE(calendar_from_text(text));
}
