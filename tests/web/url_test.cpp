// Walks the edges of URL: escapes, parameters, and times in milliseconds.
#include "web/url.hpp"

#include <catch2/catch.hpp>

using namespace weir::web;

TEST_CASE("escapes are decoded and broken ones refused", "[web]") {
  CHECK(percent_decode("a%20b+c%7B") == "a b c{");
  for (auto broken : {"%", "%4", "%zz", "a%f"})
    CHECK_FALSE(percent_decode(broken));
}

TEST_CASE("parameters are found by name, the first of two counts", "[web]") {
  auto params = query_params::parse("series=7&&series=8&empty=&search=a%26b");
  REQUIRE(params);
  CHECK(params->find("series") == "7");
  CHECK(params->find("search") == "a&b");
  CHECK_FALSE(params->find("empty"));
  CHECK_FALSE(params->find("missing"));
}

TEST_CASE("a name may come more than once", "[web]") {
  auto params = query_params::parse("m%5B%5D=a&x=1&m[]=&m[]=b");
  REQUIRE(params);
  CHECK(params->all("m[]") == std::vector<std::string_view>{"a", "", "b"});
  CHECK(params->all("y").empty());
  CHECK(params->has("x"));
  CHECK_FALSE(params->has("y"));
}

TEST_CASE("more than 32 parameters are refused", "[web]") {
  std::string query;
  for (int i = 0; i < 32; ++i)
    query += "a=1&";
  CHECK(query_params::parse(query));
  CHECK_FALSE(query_params::parse(query + "a=1"));
}

TEST_CASE("numbers have digits only and do not overflow", "[web]") {
  CHECK(parse_unsigned("18446744073709551615") == 18446744073709551615ull);
  for (auto wrong : {"", "-1", "+1", "1 ", "0x1", "18446744073709551616"})
    CHECK_FALSE(parse_unsigned(wrong));
}

TEST_CASE("milliseconds become nanoseconds exactly", "[web]") {
  CHECK(parse_ms("1700000000123") == 1700000000123000000);
  CHECK(parse_ms("1700000000123.000001") == 1700000000123000001);
  CHECK(parse_ms("-1.5") == -1500000);
  CHECK(parse_ms("0.0000009") == 0);
  for (auto wrong : {"", "-", "1.", ".5", "1e3", "nan", "9300000000000", "1.2.3"})
    CHECK_FALSE(parse_ms(wrong));
}

TEST_CASE("milliseconds in a double saturate", "[web]") {
  CHECK(ms_to_ns(1700000000123.25) == 1700000000123250000);
  CHECK(ms_to_ns(-0.5) == -500000);
  CHECK(ms_to_ns(1e300) == 9200000000000000000);
  CHECK(ms_to_ns(-1e300) == -9200000000000000000);
}
