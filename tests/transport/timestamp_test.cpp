#include "transport/timestamp.hpp"

#include <catch2/catch.hpp>

#include <cmath>
#include <limits>

using namespace weir::transport;

namespace {

constexpr std::int64_t s = 1'000'000'000;

std::optional<std::int64_t> integer(std::int64_t t,
                                    time_unit unit = time_unit::automatic) {
  return time_from_integer(t, unit);
}

std::optional<std::int64_t> real(double t, time_unit unit = time_unit::automatic) {
  return time_from_real(t, unit);
}

} // namespace

TEST_CASE("ISO 8601 is read with and without its optional parts") {
  auto noon = 1772366400 * s; // 2026-03-01T12:00:00Z
  CHECK(time_from_iso8601("2026-03-01T12:00:00Z") == noon);
  CHECK(time_from_iso8601("2026-03-01t12:00:00z") == noon);
  CHECK(time_from_iso8601("2026-03-01 12:00:00") == noon);
  CHECK(time_from_iso8601("2026-03-01T12:00Z") == noon);
  CHECK(time_from_iso8601("2026-03-01T12:00") == noon);
  CHECK(time_from_iso8601("2026-03-01") == noon - 43200 * s);
  CHECK(time_from_iso8601("1970-01-01T00:00:00Z") == 0);
  CHECK(time_from_iso8601("1969-12-31T23:59:59.5Z") == -s / 2);
  CHECK(time_from_iso8601("2024-02-29") == 1709164800 * s);
}

TEST_CASE("ISO 8601 offsets move the time") {
  auto noon = 1772366400 * s;
  CHECK(time_from_iso8601("2026-03-01T13:30:00+01:30") == noon);
  CHECK(time_from_iso8601("2026-03-01T13:30:00+0130") == noon);
  CHECK(time_from_iso8601("2026-03-01T07:00:00-05") == noon);
  CHECK(time_from_iso8601("2026-03-02T02:00:00+14:00") == noon);
  CHECK(time_from_iso8601("2026-03-01T12:00+00:00") == noon);
}

TEST_CASE("ISO 8601 fractions are read to the nanosecond and cut behind it") {
  auto noon = 1772366400 * s;
  CHECK(time_from_iso8601("2026-03-01T12:00:00.1Z") == noon + 100'000'000);
  CHECK(time_from_iso8601("2026-03-01T12:00:00,25Z") == noon + 250'000'000);
  CHECK(time_from_iso8601("2026-03-01T12:00:00.123456789Z") == noon + 123'456'789);
  CHECK(time_from_iso8601("2026-03-01T12:00:00.1234567899999+00:00")
        == noon + 123'456'789);
}

TEST_CASE("a leap second is the start of the next minute") {
  CHECK(time_from_iso8601("2016-12-31T23:59:60Z") == 1483228800 * s);
}

TEST_CASE("what is not ISO 8601 is not read") {
  for (auto text : {"",
                    "2026",
                    "2026-3-1",
                    "2026-02-29",
                    "2026-13-01",
                    "2026-00-01",
                    "2026-03-01T",
                    "2026-03-01T12",
                    "2026-03-01T24:00:00Z",
                    "2026-03-01T12:60:00Z",
                    "2026-03-01T12:00:61Z",
                    "2026-03-01T12:00:00.Z",
                    "2026-03-01T12:00:00ZZ",
                    "2026-03-01T12:00:00+1",
                    "2026-03-01T12:00:00+24:00",
                    "2026-03-01T12:00:00+01:3",
                    "2026-03-01T12:00:00 Z",
                    "2026-03-01x",
                    "-2026-03-01",
                    "2026-03-01T12:00:00+01:30x"}) {
    INFO(text);
    CHECK_FALSE(time_from_iso8601(text).has_value());
  }
}

TEST_CASE("years that nanoseconds do not reach are not read") {
  CHECK(time_from_iso8601("2262-04-11T23:47:16.854775807Z")
        == std::numeric_limits<std::int64_t>::max());
  CHECK_FALSE(time_from_iso8601("2262-04-11T23:47:16.854775808Z").has_value());
  CHECK_FALSE(time_from_iso8601("9999-12-31").has_value());
  CHECK_FALSE(time_from_iso8601("0000-01-01").has_value());
}

TEST_CASE("the unit of a bare number is recognised by its magnitude") {
  CHECK(integer(0) == 0);
  CHECK(integer(99'999'999'999) == std::nullopt); // Seconds of the year 5138.
  CHECK(integer(1'700'000'000) == 1'700'000'000 * s);
  CHECK(integer(100'000'000'000) == 100'000'000 * s);
  CHECK(integer(1'700'000'000'123) == 1'700'000'000'123'000'000);
  CHECK(integer(99'999'999'999'999) == std::nullopt); // Milliseconds, the same.
  CHECK(integer(100'000'000'000'000) == 100'000'000 * s);
  CHECK(integer(1'700'000'000'123'456) == 1'700'000'000'123'456'000);
  CHECK(integer(100'000'000'000'000'000) == 100'000'000 * s);
  CHECK(integer(1'700'000'000'123'456'789) == 1'700'000'000'123'456'789);
  CHECK(integer(-1'700'000'000) == -1'700'000'000 * s);
  CHECK(integer(-1'700'000'000'123) == -1'700'000'000'123'000'000);
}

TEST_CASE("a stated unit is taken as stated") {
  CHECK(integer(5, time_unit::seconds) == 5 * s);
  CHECK(integer(5, time_unit::milliseconds) == 5'000'000);
  CHECK(integer(5, time_unit::microseconds) == 5'000);
  CHECK(integer(5, time_unit::nanoseconds) == 5);
  CHECK(integer(1'700'000'000'000, time_unit::seconds) == std::nullopt);
  auto max = std::numeric_limits<std::int64_t>::max();
  CHECK(integer(max, time_unit::nanoseconds) == max);
  CHECK(integer(max, time_unit::microseconds) == std::nullopt);
  CHECK(integer(-max - 1, time_unit::milliseconds) == std::nullopt);
}

TEST_CASE("fractions of a double come back as they were sent, to the microsecond") {
  CHECK(real(1700000000.123456) == 1'700'000'000'123'456'000);
  CHECK(real(1700000000123.25) == 1'700'000'000'123'250'000);
  CHECK(real(-0.5) == -s / 2);
  CHECK(real(1.5, time_unit::milliseconds) == 1'500'000);
  CHECK(real(1.7e18) == 1'700'000'000 * s);
}

TEST_CASE("a double that is no time is not read") {
  for (double t :
       {std::nan(""), HUGE_VAL, -HUGE_VAL, 1e19, -1e19, 9223372036854775808.0})
    CHECK_FALSE(real(t).has_value());
  CHECK_FALSE(real(9.9e10).has_value());
  CHECK_FALSE(real(1e18, time_unit::seconds).has_value());
}

TEST_CASE("numbers as text are read like numbers") {
  CHECK(time_from_text("1700000000", time_unit::automatic) == 1'700'000'000 * s);
  CHECK(time_from_text("1700000000.5", time_unit::automatic)
        == 1'700'000'000 * s + s / 2);
  CHECK(time_from_text("17", time_unit::milliseconds) == 17'000'000);
  CHECK(time_from_text("2026-03-01", time_unit::milliseconds)
        == (1772366400 - 43200) * s);
  for (auto text : {"", "nan", "inf", "12x", "1e3", " 5", "now"})
    CHECK_FALSE(time_from_text(text, time_unit::automatic).has_value());
}
