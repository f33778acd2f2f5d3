// Names and values for the tests of expressions, and short ways to compile and
// evaluate.
#pragma once

#include "analytics/expression.hpp"

#include <catch2/catch.hpp>

#include <array>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace weir::analytics::test {

/// Numbers x, y, gone and time and booleans on and lost vary (gone and lost are
/// missing); dim.site, dim.none (missing), limit and dim.active are constants.
struct expression_fixture {
  std::vector<std::string_view> known{
    "x",     "y",        "gone",     "time",       "on",          "lost",
    "limit", "dim.site", "dim.none", "dim.active", "motor-temp/1"};
  std::vector<double> slots{7.0, 2.5, missing_value, 0.0, 1.0, missing_value, 42.0};
  std::map<std::uint32_t, constant_value> constants{
    {0, "North-1"}, {1, std::monostate{}}, {2, 90.0}, {3, 1.0}};

  static std::optional<symbol> resolve(std::string_view name) {
    using enum value_type;
    static const std::map<std::string_view, symbol> names{
      {"x", {number, true, 0}},
      {"y", {number, true, 1}},
      {"gone", {number, true, 2}},
      {"time", {number, true, 3}},
      {"on", {boolean, true, 4}},
      {"lost", {boolean, true, 5}},
      {"motor-temp/1", {number, true, 6}},
      {"dim.site", {text, false, 0}},
      {"dim.none", {text, false, 1}},
      {"limit", {number, false, 2}},
      {"dim.active", {boolean, false, 3}},
      {"spoken", {text, true, 9}}};
    auto found = names.find(name);
    if (found == names.end())
      return std::nullopt;
    return found->second;
  }

  constant_source source() const {
    return [this](std::uint32_t index) { return constants.at(index); };
  }

  expected<expression, expression_error>
  compile(std::string_view text, value_type wanted = value_type::number) const {
    return expression::compile(text, wanted, resolve, known);
  }

  specialised_expression specialise(std::string_view text, value_type wanted) const {
    INFO(text);
    auto compiled = compile(text, wanted);
    INFO((compiled ? "" : compiled.error().message));
    REQUIRE(compiled);
    return compiled->specialise(source());
  }

  double number(std::string_view text) const {
    return specialise(text, value_type::number).evaluate(slots);
  }

  /// "true", "false" or "missing".
  std::string truth(std::string_view text) const {
    auto result = specialise(text, value_type::boolean).evaluate(slots);
    INFO(text);
    CHECK((is_missing(result) || result == 0.0 || result == 1.0));
    return is_missing(result) ? "missing" : result == 1.0 ? "true" : "false";
  }

  std::string text(std::string_view text) const {
    auto result = specialise(text, value_type::text);
    CHECK(result.is_constant());
    return std::string{result.constant_text().value_or("missing")};
  }

  /// The error as "column: message".
  std::string error(std::string_view text,
                    value_type wanted = value_type::number) const {
    INFO(text);
    auto compiled = compile(text, wanted);
    REQUIRE_FALSE(compiled);
    return std::to_string(compiled.error().column) + ": " + compiled.error().message;
  }
};

} // namespace weir::analytics::test
