// Spans and times as people write them.
#include "cli/time_text.hpp"

#include <catch2/catch.hpp>

using namespace weir::cli;

namespace {

constexpr std::int64_t second_ns = 1'000'000'000;
constexpr std::int64_t now_ns = 1'700'000'000 * second_ns;

} // namespace

TEST_CASE("spans take units, fractions and signs", "[cli]") {
  CHECK(parse_span_ns("250ms") == 250'000'000);
  CHECK(parse_span_ns("10s") == 10 * second_ns);
  CHECK(parse_span_ns("90") == 90 * second_ns);
  CHECK(parse_span_ns("1.5h") == 5400 * second_ns);
  CHECK(parse_span_ns("-24h") == -86'400 * second_ns);
  CHECK(parse_span_ns("+5m") == 300 * second_ns);
  CHECK(parse_span_ns("7d") == 604'800 * second_ns);
  CHECK(parse_span_ns("2w") == 1'209'600 * second_ns);
}

TEST_CASE("what is no span is refused with what would be right", "[cli]") {
  for (auto text : {"", "s", "10 s", "ten", "10sec", "1e400", "nan", "inf", "-",
                    "10h30m", "99999999999999w"}) {
    INFO(text);
    auto span = parse_span_ns(text);
    REQUIRE(!span);
    CHECK(span.error().find("250ms") != std::string::npos);
  }
}

TEST_CASE("times are now, relative, ISO 8601 or Unix times", "[cli]") {
  CHECK(parse_time_ns("now", now_ns) == now_ns);
  CHECK(parse_time_ns("-1h", now_ns) == now_ns - 3600 * second_ns);
  CHECK(parse_time_ns("+1h", now_ns) == now_ns + 3600 * second_ns);
  CHECK(parse_time_ns("2023-11-14T22:13:20Z", now_ns) == now_ns);
  CHECK(parse_time_ns("2023-11-14", now_ns) == now_ns - 80'000 * second_ns);
  CHECK(parse_time_ns("1700000000", now_ns) == now_ns);
  CHECK(parse_time_ns("1700000000000", now_ns) == now_ns);
  CHECK_FALSE(parse_time_ns("yesterday", now_ns));
  CHECK_FALSE(parse_time_ns("-1x", now_ns));
}

TEST_CASE("times are written with milliseconds, rounded down", "[cli]") {
  CHECK(iso_ms(now_ns) == "2023-11-14T22:13:20.000Z");
  CHECK(iso_ms(now_ns + 1'999'999) == "2023-11-14T22:13:20.001Z");
  CHECK(iso_ms(-1) == "1969-12-31T23:59:59.999Z");
  CHECK(parse_time_ns(iso_ms(now_ns + 123'000'000), 0) == now_ns + 123'000'000);
}
