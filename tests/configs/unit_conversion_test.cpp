// UNIT CONVERSIONS: the expressions that they are, and what those make of values.
#include "configs/unit_conversion.hpp"

#include "analytics/expression.hpp"

#include <catch2/catch.hpp>

#include <array>

using namespace weir;
using configs::unit_conversion;

namespace {

double converted(const char* from, const char* to, double value) {
  auto text = unit_conversion(from, to);
  REQUIRE(text);
  auto code = analytics::expression::compile(
    *text, analytics::value_type::number,
    [](std::string_view) { return analytics::symbol{}; });
  CAPTURE(*text);
  REQUIRE(code);
  std::array<double, 1> slots{value};
  return code->specialise([](std::uint32_t) { return analytics::constant_value{}; })
    .evaluate(slots);
}

} // namespace

TEST_CASE("a conversion is the expression that one would write", "[configs]") {
  CHECK(unit_conversion("degF", "degC") == "(value - 32) / 1.8");
  CHECK(unit_conversion("degC", "degF") == "value * 1.8 + 32");
  CHECK(unit_conversion("degC", "K") == "value + 273.15");
  CHECK(unit_conversion("K", "degC") == "value - 273.15");
  CHECK(unit_conversion("km/h", "m/s") == "value / 3.6");
  CHECK(unit_conversion("psi", "bar") == "value * 6894.757293168 / 100000");
  CHECK(unit_conversion("ratio", "percent") == "value * 100");
  CHECK(unit_conversion("MWh", "J") == "value * 3600000000");
  CHECK(unit_conversion("m", "m") == "value");
}

TEST_CASE("conversions give the values that tables of units have", "[configs]") {
  CHECK(converted("degF", "degC", 212.0) == Approx(100.0));
  CHECK(converted("degF", "K", 32.0) == Approx(273.15));
  CHECK(converted("K", "degF", 0.0) == Approx(-459.67));
  CHECK(converted("psi", "kPa", 1.0) == Approx(6.894757293168));
  CHECK(converted("inHg", "hPa", 29.92) == Approx(1013.2).epsilon(1e-4));
  CHECK(converted("mi", "km", 1.0) == 1.609344);
  CHECK(converted("kn", "km/h", 1.0) == Approx(1.852));
  CHECK(converted("gal", "L", 1.0) == Approx(3.785411784));
  CHECK(converted("m3/h", "L/min", 6.0) == Approx(100.0));
  CHECK(converted("hp", "kW", 1.0) == Approx(0.7457).epsilon(1e-4));
  CHECK(converted("kWh", "MJ", 1.0) == Approx(3.6));
  CHECK(converted("rpm", "Hz", 3000.0) == Approx(50.0));
  CHECK(converted("deg", "rad", 180.0) == Approx(3.14159265358979));
}

TEST_CASE("wrong units are told with those that are accepted", "[configs]") {
  auto unknown = unit_conversion("fahrenheit", "degC");
  REQUIRE_FALSE(unknown);
  CHECK(unknown.error().starts_with(
    "found \"fahrenheit\", accepted: temperature: degC, degF, K; pressure: Pa,"));
  auto other_kind = unit_conversion("degC", "bar");
  REQUIRE_FALSE(other_kind);
  CHECK(other_kind.error()
        == "found \"bar\", which is no temperature as \"degC\" is, accepted: degC, "
           "degF, K");
}
