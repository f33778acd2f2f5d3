// EXPRESSION: what each operator and function means; docs/expressions.md as a test.
#include "tests/analytics/expression_fixture.hpp"

#include <cmath>

using namespace weir::analytics;
using namespace weir::analytics::test;

namespace {

struct fixture : expression_fixture {
  bool misses(std::string_view text) const {
    return is_missing(number(text));
  }
};

} // namespace

TEST_CASE_METHOD(fixture, "operators bind as in the manual",
                 "[analytics][expression]") {
  CHECK(number("1 + 2 * 3") == 7.0);
  CHECK(number("(1 + 2) * 3") == 9.0);
  CHECK(number("10 - 4 - 3") == 3.0);
  CHECK(number("100 / 10 / 5") == 2.0);
  CHECK(number("7 - 7 % 4") == 4.0);
  CHECK(number("2 ^ 3 ^ 2") == 512.0);
  CHECK(number("-2 ^ 2") == -4.0);
  CHECK(number("(-2) ^ 2") == 4.0);
  CHECK(number("2 ^ -1") == 0.5);
  CHECK(number("2 * -x") == -14.0);
  CHECK(number("--x") == 7.0);
  CHECK(truth("1 + 1 == 2") == "true");
  CHECK(truth("true or false and false") == "true");
  CHECK(truth("(true or false) and false") == "false");
  CHECK(truth("not false and false") == "false");
  CHECK(truth("not 1 == 2") == "true");
  CHECK(truth("! x > 8 && on") == "true");
  CHECK(truth("true == not false") == "true");
  CHECK(truth("not x in (1, 2)") == "true");
  CHECK(number("false ? 1 : true ? 2 : 3") == 2.0);
  CHECK(number("x > 5 or gone > 1 ? x + 1 : 0") == 8.0);
  CHECK(truth("x between 1 + 5 and 2 * 4 and on") == "true");
}

TEST_CASE_METHOD(fixture, "signs and words are the same operators",
                 "[analytics][expression]") {
  CHECK(truth("true && !false || false") == "true");
  CHECK(truth("x = 7") == "true");
  CHECK(truth("x == 7") == "true");
  CHECK(truth("x != 7") == "false");
}

TEST_CASE_METHOD(fixture, "arithmetic is that of double", "[analytics][expression]") {
  CHECK(number("x + y") == 9.5);
  CHECK(number("x - y") == 4.5);
  CHECK(number("x * y") == 17.5);
  CHECK(number("x / y") == 7.0 / 2.5);
  CHECK(number("x % y") == 2.0);
  CHECK(number("-x % 4") == -3.0);
  CHECK(number("x ^ y") == std::pow(7.0, 2.5));
  CHECK(number("y ^ 2") == 6.25);
  CHECK(number("1e-3 + 1.5E2") == 0.001 + 150.0);
  CHECK(number("(x - 32) / 1.8") == (7.0 - 32.0) / 1.8);
  CHECK(number("`motor-temp/1` / 2") == 21.0);
}

TEST_CASE_METHOD(fixture, "numbers and texts compare", "[analytics][expression]") {
  CHECK(truth("x < 8") == "true");
  CHECK(truth("x < 7") == "false");
  CHECK(truth("x <= 7") == "true");
  CHECK(truth("x > 7") == "false");
  CHECK(truth("8 > x") == "true");
  CHECK(truth("x >= 7") == "true");
  CHECK(truth("'a' < 'b'") == "true");
  CHECK(truth("'b' <= 'a'") == "false");
  CHECK(truth("'Z' > 'a'") == "false"); // By bytes.
  CHECK(truth("'ä' > 'z'") == "true");
  CHECK(truth("'a' >= 'a'") == "true");
  CHECK(truth("dim.site != \"North-1\"") == "false");
  CHECK(truth("on == true") == "true");
  CHECK(truth("on != true") == "false");
}

TEST_CASE_METHOD(fixture, "lists and ranges hold what they name",
                 "[analytics][expression]") {
  CHECK(truth("x in (1, 7)") == "true");
  CHECK(truth("x in (1)") == "false");
  CHECK(truth("x not in (1, 2, 3)") == "true");
  CHECK(truth("dim.site in ('a', 'North-1', 'b')") == "true");
  CHECK(truth("x in (1, gone, 7)") == "true");
  CHECK(truth("x in (1, gone)") == "missing");
  CHECK(truth("x + 1 in (8)") == "true");
  CHECK(truth("x between 7 and 8") == "true");
  CHECK(truth("x between 1 and 7") == "true");
  CHECK(truth("x between 8 and 1") == "false");
  CHECK(truth("x not between 1 and 2") == "true");
  CHECK(truth("x between gone and 2") == "false");
  CHECK(truth("x between gone and 8") == "missing");
  CHECK(truth("dim.site between 'M' and 'O'") == "true");
}

TEST_CASE_METHOD(fixture, "and, or and not know three values",
                 "[analytics][expression]") {
  // `lost` is missing at run time, `m` becomes a constant that is missing.
  const std::string m = "(dim.none == 'a')";
  for (const auto& [t, f, u] : {std::array<std::string, 3>{"true", "false", m},
                                {"on", "not on", "lost"},
                                {"true", "not on", "lost"},
                                {"on", "false", m},
                                {"on", "false", "lost"}}) {
    CAPTURE(t, f, u);
    CHECK(truth(t + " and " + t) == "true");
    CHECK(truth(t + " and " + f) == "false");
    CHECK(truth(f + " and " + t) == "false");
    CHECK(truth(f + " and " + f) == "false");
    CHECK(truth(u + " and " + t) == "missing");
    CHECK(truth(t + " and " + u) == "missing");
    CHECK(truth(u + " and " + f) == "false");
    CHECK(truth(f + " and " + u) == "false");
    CHECK(truth(u + " and " + u) == "missing");
    CHECK(truth(t + " or " + t) == "true");
    CHECK(truth(t + " or " + f) == "true");
    CHECK(truth(f + " or " + t) == "true");
    CHECK(truth(f + " or " + f) == "false");
    CHECK(truth(u + " or " + t) == "true");
    CHECK(truth(t + " or " + u) == "true");
    CHECK(truth(u + " or " + f) == "missing");
    CHECK(truth(f + " or " + u) == "missing");
    CHECK(truth(u + " or " + u) == "missing");
    CHECK(truth("not " + t) == "false");
    CHECK(truth("not (" + f + ")") == "true");
    CHECK(truth("not " + u) == "missing");
  }
}

TEST_CASE_METHOD(fixture, "what is missing stays missing until it is asked for",
                 "[analytics][expression]") {
  for (auto text : {"gone",
                    "gone + 1",
                    "1 / 0",
                    "0 / 0",
                    "x / (x - 7)",
                    "sqrt(-x)",
                    "ln(0)",
                    "ln(x - 7)",
                    "1e308 * 10",
                    "x * 1e308",
                    "exp(1000)",
                    "exp(x * 1000)",
                    "x % 0",
                    "gone ^ 0",
                    "1 ^ gone",
                    "(-x) ^ 0.5",
                    "1 / (1 / (x - 7))",
                    "sign(gone)",
                    "min(1, gone)",
                    "max(gone, x)",
                    "clamp(gone, 1, 2)",
                    "clamp(x, gone, 2)",
                    "round(gone)",
                    "-gone",
                    "hypot(gone, 1)",
                    "atan2(x, gone)",
                    "lost ? 1 : 2",
                    "number(dim.none)",
                    "length(dim.none)",
                    "hour(gone)",
                    "weekday(gone)"}) {
    CAPTURE(text);
    CHECK(misses(text));
  }
  for (auto text : {"gone > 1", "gone == gone", "gone != 1", "lost == false",
                    "dim.none == 'a'", "dim.none != dim.none", "dim.none < 'a'",
                    "starts_with(dim.none, 'a')", "matches(dim.site, dim.none)"})
    CHECK(truth(text) == "missing");
  CHECK(text("upper(dim.none)") == "missing");
  CHECK(truth("has(gone)") == "false");
  CHECK(truth("has(x)") == "true");
  CHECK(truth("has(lost)") == "false");
  CHECK(truth("has(dim.site) and not has(dim.none)") == "true");
  CHECK(truth("has(x / 0)") == "false");
  CHECK(number("coalesce(gone, 1 / 0, x, 5)") == 7.0);
  CHECK(number("coalesce(gone, limit, x)") == 90.0);
  CHECK(misses("coalesce(gone, 1 / 0)"));
  CHECK(truth("coalesce(lost, gone > 1, true)") == "true");
  CHECK(text("coalesce(dim.none, 'nowhere')") == "nowhere");
}

TEST_CASE_METHOD(fixture, "a condition chooses", "[analytics][expression]") {
  CHECK(number("on ? 1 : 2") == 1.0);
  CHECK(number("not on ? 1 : 2") == 2.0);
  CHECK(number("if(x > 1, x + 1, y)") == 8.0);
  CHECK(number("if(x > 8, x + 1, y)") == 2.5);
  CHECK(number("1 + (x > 8 ? gone : y > 2 ? x * y : 0) * 2") == 36.0);
  CHECK(number("x - (on ? (lost ? 1 : 2) : 3)") != 5.0);
  CHECK(number("on ? x : gone") == 7.0);
  CHECK(truth("on ? lost or on : lost") == "true");
}

TEST_CASE_METHOD(fixture, "long operands are jumped over without a difference",
                 "[analytics][expression]") {
  const std::string costly = "(x + y * 2 - 3 > x * x - y / 4 + x)"; // 9 > 55.4
  CHECK(truth("x > 8 and " + costly) == "false");
  CHECK(truth("x > 1 and not " + costly) == "true");
  CHECK(truth("gone > 1 and " + costly) == "false");
  CHECK(truth("gone > 1 and not " + costly) == "missing");
  CHECK(truth("x > 1 or " + costly) == "true");
  CHECK(truth("x > 8 or " + costly) == "false");
  CHECK(truth("gone > 8 or not " + costly) == "true");
  CHECK(number("coalesce(x + 1, x + y * 2 - 3 + x * x - y / 4 + x)") == 8.0);
  CHECK(number("coalesce(gone + 1, x + y * 2 - 3 + x * x)") == 58.0);
}

TEST_CASE_METHOD(fixture, "functions of numbers", "[analytics][expression]") {
  CHECK(number("abs(-x)") == 7.0);
  CHECK(number("min(x, 3, y)") == 2.5);
  CHECK(number("max(1, x, y, 2)") == 7.0);
  CHECK(number("sqrt(x + 2)") == 3.0);
  CHECK(number("exp(y)") == std::exp(2.5));
  CHECK(number("ln(x)") == std::log(7.0));
  CHECK(number("log10(x)") == std::log10(7.0));
  CHECK(number("log2(x + 1)") == 3.0);
  CHECK(number("pow(x, y)") == std::pow(7.0, 2.5));
  CHECK(number("floor(-y)") == -3.0);
  CHECK(number("ceil(-y)") == -2.0);
  CHECK(number("round(y)") == 3.0);
  CHECK(number("round(-y)") == -3.0);
  CHECK(number("trunc(-y)") == -2.0);
  CHECK(number("sign(-x)") == -1.0);
  CHECK(number("sign(x - 7)") == 0.0);
  CHECK(number("sign(x)") == 1.0);
  CHECK(number("clamp(x, 1, 3)") == 3.0);
  CHECK(number("clamp(x, 8, 9)") == 8.0);
  CHECK(number("clamp(x, 1, 9)") == 7.0);
  CHECK(number("clamp(x, 9, 1)") == 1.0);
  CHECK(number("sin(x)") == std::sin(7.0));
  CHECK(number("cos(x)") == std::cos(7.0));
  CHECK(number("tan(x)") == std::tan(7.0));
  CHECK(number("atan2(x, y)") == std::atan2(7.0, 2.5));
  CHECK(number("hypot(x - 4, 4)") == 5.0);
}

TEST_CASE_METHOD(fixture, "functions of texts", "[analytics][expression]") {
  CHECK(truth("starts_with(dim.site, 'North')") == "true");
  CHECK(truth("starts_with(dim.site, 'orth')") == "false");
  CHECK(truth("ends_with(dim.site, '-1')") == "true");
  CHECK(truth("ends_with(dim.site, '-2')") == "false");
  CHECK(truth("contains(dim.site, 'rth-')") == "true");
  CHECK(truth("contains(dim.site, 'x')") == "false");
  CHECK(truth("matches(dim.site, 'N?rth-*')") == "true");
  CHECK(truth("matches(dim.site, 'N?th-*')") == "false");
  CHECK(text("lower(dim.site)") == "north-1");
  CHECK(text("upper(dim.site)") == "NORTH-1");
  CHECK(text("upper('ä')") == "ä"); // Only a to z.
  CHECK(number("length(dim.site)") == 7.0);
  CHECK(number("length('äöü')") == 3.0);
  CHECK(number("number('12.5') + x") == 19.5);
  CHECK(number("number('-1e3')") == -1000.0);
  for (auto text : {"number('')", "number('12 V')", "number(' 1')", "number('inf')",
                    "number('nan')", "number('1e999')", "number('0x10')"})
    CHECK(misses(text));
  CHECK(text("'a\\\\\\'\\\"\\n\\tb'") == "a\\'\"\n\tb");
  CHECK(text("\"it's\"") == "it's");
}

TEST_CASE_METHOD(fixture, "the clock is UTC and the week begins on Monday",
                 "[analytics][expression]") {
  CHECK(number("hour(time)") == 0.0);
  CHECK(number("weekday(time)") == 4.0); // 1970-01-01 was a Thursday.
  slots[3] = 1709251199.75;              // 2024-02-29 23:59:59.75, a Thursday.
  CHECK(number("hour(time)") == 23.0);
  CHECK(number("minute(time)") == 59.0);
  CHECK(number("weekday(time)") == 4.0);
  CHECK(number("weekday(time + 0.25)") == 5.0);
  CHECK(number("weekday(time + 2 * 86400)") == 6.0);
  CHECK(number("weekday(time + 3 * 86400)") == 7.0);
  CHECK(number("weekday(time + 4 * 86400)") == 1.0);
  slots[3] = -0.5; // 1969-12-31 23:59:59.5, a Wednesday.
  CHECK(number("hour(time)") == 23.0);
  CHECK(number("minute(time)") == 59.0);
  CHECK(number("weekday(time)") == 3.0);
  slots[3] = 1e17;
  CHECK(misses("hour(time)"));
  CHECK(misses("weekday(time)"));
}
