// EXPRESSION: errors, limits, names and what is constant for a series.
#include "tests/analytics/expression_fixture.hpp"

#include <limits>

using namespace weir::analytics;
using namespace weir::analytics::test;
using Catch::Contains;
using Catch::StartsWith;

namespace {

struct fixture : expression_fixture {};

std::string repeat(std::string_view text, int count) {
  std::string result;
  for (int i = 0; i < count; ++i)
    result += text;
  return result;
}

constexpr auto boolean = value_type::boolean;

} // namespace

TEST_CASE_METHOD(fixture, "an operand of the wrong type is pointed at",
                 "[analytics][expression]") {
  CHECK(error("x + \"a\"") == "5: `+` takes numbers, but this is a text");
  CHECK(error("dim.site * 2") == "1: `*` takes numbers, but this is a text");
  CHECK(error("x and on", boolean) == "1: `and` takes booleans, but this is a number");
  CHECK(error("on or  x", boolean) == "8: `or` takes booleans, but this is a number");
  CHECK(error("not x", boolean) == "5: `not` takes a boolean, but this is a number");
  CHECK(error("!(x)", boolean) == "2: `!` takes a boolean, but this is a number");
  CHECK(error("1 + -on") == "6: `-` takes a number, but this is a boolean");
  CHECK(error("x == 'a'", boolean)
        == "6: `==` compares values of one type, but left is a number and this is a "
           "text");
  CHECK(error("on < true", boolean)
        == "1: `<` compares numbers or texts, but this is a boolean");
  CHECK(error("x in (1, 'a')", boolean)
        == "10: `in` compares values of one type, but left is a number and this is a "
           "text");
  CHECK_THAT(error("x between 1 and 'b'", boolean), StartsWith("17: "));
  CHECK_THAT(error("on between 1 and 2", boolean), StartsWith("1: "));
  CHECK(error("sqrt(on)")
        == "6: argument 1 of `sqrt(x)` is a number, but this is a boolean");
  CHECK_THAT(error("clamp(x, 1, 'b')"), StartsWith("13: argument 3 of `clamp("));
  CHECK_THAT(error("coalesce(x, 1, 'b')"), StartsWith("16: argument 3 of `coalesce("));
  CHECK_THAT(error("if(x, 1, 2)"), StartsWith("4: argument 1 of `if("));
  CHECK_THAT(error("x ? 1 : 2"), StartsWith("1: the condition of `?` is a boolean"));
  CHECK_THAT(error("on ? 1 : 'b'"),
             StartsWith("10: both results of `?` have one type"));
}

TEST_CASE_METHOD(fixture, "the type that is wanted is checked",
                 "[analytics][expression]") {
  CHECK(error(" x + 1", boolean)
        == "2: the expression gives a number, but a boolean is needed here");
  CHECK_THAT(error("dim.site"), StartsWith("1: the expression gives a text"));
  CHECK(compile("x + 1")->type() == value_type::number);
  CHECK(compile("lower(dim.site)", value_type::text)->type() == value_type::text);
}

TEST_CASE_METHOD(fixture, "a name that is not there brings the nearest one to mind",
                 "[analytics][expression]") {
  CHECK(error("1 + limti") == "5: there is no name `limti`; did you mean `limit`?");
  CHECK_THAT(error("dim.sit == 'a'", boolean), Contains("did you mean `dim.site`?"));
  CHECK_THAT(error("Limit"), Contains("did you mean `limit`?"));
  CHECK(error("2 * sqr(x)")
        == "5: there is no function `sqr`; did you mean `sqrt(x)`?");
  CHECK_THAT(error("MAX(1, 2)"), Contains("did you mean `max(a, b, ...)`?"));
  CHECK(error("wholly_other(1)") == "1: there is no function `wholly_other`");
  CHECK(error("dim.site == north", boolean)
        == "13: there is no name `north`; a text stands in quotes");
  CHECK_THAT(error("sqrt + 1"), Contains("the function is written `sqrt(x)`"));
  CHECK_THAT(error("on AND on", boolean), Contains("did you mean `and`?"));
  CHECK_THAT(error("`a b`"), StartsWith("1: there is no name `a b`"));
  auto unhelped = expression::compile("limti", value_type::number, resolve);
  CHECK(unhelped.error().message
        == "there is no name `limti`; a text stands in quotes");
  CHECK_THAT(error(repeat("abcdefghij", 10)), Contains("...`"));
}

TEST_CASE_METHOD(fixture, "bad literals are pointed at", "[analytics][expression]") {
  for (auto text :
       {"1.", "1.x", "1e", "1e+", "12abc", "1_000", "1.2.3", "1e400", "1e-400"})
    CHECK_THAT(error(text), StartsWith("1: this "));
  CHECK_THAT(error("x + .5"), StartsWith("5: a `.` stands inside"));
  CHECK_THAT(error("dim.site == 'abc", boolean),
             StartsWith("13: this text has no closing '"));
  CHECK_THAT(error("'a\\q'", value_type::text), StartsWith("3: a `\\` in a text"));
  CHECK_THAT(error("'a\\"), StartsWith("3: "));
  CHECK_THAT(error("1 + `abc"), StartsWith("5: this name has no closing backtick"));
  CHECK_THAT(error("``"), StartsWith("1: there is no name between"));
  CHECK_THAT(error("`a\nb`"), StartsWith("1: a name holds no control characters"));
}

TEST_CASE_METHOD(fixture, "what the grammar misses is said",
                 "[analytics][expression]") {
  CHECK(error("")
        == "1: the expression ends where a name, a number, a text or `(` is "
           "missing");
  CHECK(error("  ")
        == "3: the expression ends where a name, a number, a text or `(` is "
           "missing");
  CHECK_THAT(error("1 + "), StartsWith("5: the expression ends"));
  CHECK(error("2 * (x + 1")
        == "11: the expression ends where the `)` for the `(` in column 5 is missing");
  CHECK(error("x + 1)") == "6: expected an operator or the end, but here is `)`");
  CHECK_THAT(error("x y"), StartsWith("3: expected an operator or the end, but here"));
  CHECK_THAT(error("on ? 1"), Contains("the `:` of `condition ? a : b` is missing"));
  CHECK_THAT(error("x between 1", boolean), Contains("the `and` of `x between"));
  CHECK_THAT(error("x in 1", boolean), StartsWith("6: expected the `(` of a list"));
  CHECK_THAT(error("x in ()", boolean), StartsWith("7: "));
  CHECK_THAT(error("x not 1", boolean), StartsWith("7: expected `in` or `between`"));
  CHECK_THAT(error("1 < x < 3", boolean), StartsWith("7: comparisons do not chain"));
  CHECK_THAT(error("on == on in (on)", boolean), StartsWith("10: comparisons do not"));
  CHECK_THAT(error("on & on", boolean), StartsWith("4: write `and` or `&&`"));
  CHECK_THAT(error("on | on", boolean), StartsWith("4: write `or` or `||`"));
  CHECK_THAT(error("x <> 1", boolean), StartsWith("3: write `!=`"));
  CHECK_THAT(error("x # 1"), StartsWith("3: the sign `#` has no meaning"));
  CHECK_THAT(error("x + +1"), StartsWith("5: expected a name"));
  CHECK(error("sqrt()") == "6: there are too few arguments for `sqrt(x)`");
  CHECK(error("atan2(1)") == "8: there are too few arguments for `atan2(y, x)`");
  CHECK_THAT(error("max(1)"), StartsWith("6: there are too few arguments"));
  CHECK(error("sqrt(1, 2)")
        == "9: there is one argument too many from here on for `sqrt(x)`");
  CHECK_THAT(error("max(1, 2"), StartsWith("9: the expression ends where `,` or `)`"));
  CHECK_THAT(error("max(1, )"), StartsWith("8: there are too few arguments"));
}

TEST_CASE_METHOD(fixture, "columns count characters, not bytes",
                 "[analytics][expression]") {
  CHECK_THAT(error("'äöü€😀' == 1", boolean), StartsWith("12: `==`"));
  CHECK_THAT(error("'ä' § 1", boolean), StartsWith("5: this character has no meaning"));
}

TEST_CASE_METHOD(fixture, "bytes that are not UTF-8 are refused where they begin",
                 "[analytics][expression]") {
  for (auto bad : {"\x80", "\xc3", "\xc0\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80",
                   "\xf0\x80\x80\x80", "\xe0\x80\x80", "\xff", "\xc3("})
    CHECK(error("'ä" + std::string{bad} + "'")
          == "3: the text is not UTF-8 from here on");
}

TEST_CASE_METHOD(fixture, "a text that is too long is refused",
                 "[analytics][expression]") {
  auto blanks = [](std::size_t size) { return "x" + std::string(size - 1, ' '); };
  CHECK(compile(blanks(expression_bytes_max)));
  CHECK(error(blanks(expression_bytes_max + 1))
        == "1: the expression has 4097 bytes; at most 4096 are taken");
}

TEST_CASE_METHOD(fixture, "an expression that nests too deep is refused",
                 "[analytics][expression]") {
  auto nested = [](std::string_view open, std::string_view inner,
                   std::string_view close, int depth) {
    return repeat(open, depth) + std::string{inner} + repeat(close, depth);
  };
  CHECK(compile(nested("(", "x", ")", 64)));
  CHECK(error(nested("(", "x", ")", 65))
        == "65: this is nested deeper than 64 levels; split the expression");
  CHECK(compile(nested("abs(", "x", ")", 64)));
  CHECK_THAT(error(nested("abs(", "x", ")", 65)), Contains("nested deeper"));
  CHECK(compile(nested("-", "x", "", 64)));
  CHECK_THAT(error(nested("-", "x", "", 65)), Contains("nested deeper"));
  CHECK_THAT(error(nested("not ", "on", "", 65), boolean), Contains("nested deeper"));
  CHECK_THAT(error(nested("x ^ ", "x", "", 65)), Contains("nested deeper"));
  CHECK_THAT(error(nested("on ? x : ", "x", "", 65)), Contains("nested deeper"));
  CHECK_THAT(error(nested("on in (", "on", ")", 65), boolean),
             Contains("nested deeper"));
  CHECK_THAT(error(nested("(", "", "", 4096)), Contains("nested deeper"));
}

TEST_CASE_METHOD(fixture, "long chains are no nesting", "[analytics][expression]") {
  CHECK(number("x" + repeat(" + 1", 255)) == 262.0);
  CHECK(truth("x == 0" + repeat(" or x == 7", 127)) == "true");
}

TEST_CASE_METHOD(fixture, "an expression of too many parts is refused",
                 "[analytics][expression]") {
  CHECK(compile("-x" + repeat(" + 1", 255)));
  CHECK(error("-(-x)" + repeat(" + 1", 255))
        == "1026: the expression has more than 512 names, literals and operators up to "
           "here; split it");
  // Each `in` repeats what is left of it.
  CHECK_THAT(
    error("(((on in (on, on, on, on)) in (on, on, on, on)) in (on, on, on, on)) "
          "in (on, on, on, on)",
          boolean),
    Contains("more than 512"));
}

TEST_CASE_METHOD(fixture, "a text does not change from event to event",
                 "[analytics][expression]") {
  CHECK_THAT(error("spoken == 'a'", boolean),
             StartsWith("1: `spoken` is a text that changes from event to event"));
  CHECK_THAT(error("(x > 1 ? 'a' : 'b') == 'a'", boolean),
             StartsWith("2: a text cannot be chosen by a condition that changes"));
  CHECK_THAT(error("if(on, 'a', 'b')", value_type::text), StartsWith("4: "));
  CHECK(text("limit > 80 ? 'high' : 'low'") == "high");
}

TEST_CASE_METHOD(fixture, "an expression tells its text and the names that it reads",
                 "[analytics][expression]") {
  auto compiled
    = compile("x > limit and x < `motor-temp/1` and dim.site == 'a'", boolean);
  REQUIRE(compiled);
  CHECK(compiled->text() == "x > limit and x < `motor-temp/1` and dim.site == 'a'");
  std::vector<expression::used_name> names{
    {"x", {value_type::number, true, 0}},
    {"limit", {value_type::number, false, 2}},
    {"motor-temp/1", {value_type::number, true, 6}},
    {"dim.site", {value_type::text, false, 0}}};
  CHECK(compiled->names() == names);
}

TEST_CASE_METHOD(fixture, "what a series decides is constant for it",
                 "[analytics][expression]") {
  auto folds_to = [this](std::string_view text, double result) {
    auto folded = specialise(text, boolean);
    INFO(text);
    CHECK(folded.is_constant());
    CHECK((folded.constant() == result
           || (is_missing(folded.constant()) && is_missing(result))));
  };
  folds_to("dim.site == 'North-1'", 1.0);
  folds_to("dim.site == 'South' and x > 1", 0.0);
  folds_to("x > 1 and dim.site == 'South'", 0.0);
  folds_to("x > 1 or true", 1.0);
  folds_to("true or x > 1", 1.0);
  folds_to("x > 0 / 0", missing_value);
  folds_to("has(limit)", 1.0);
  folds_to("has(dim.none)", 0.0);
  folds_to("false ? x > 1 : limit > 1", 1.0);
  folds_to("dim.none == 'a' ? on : on", missing_value);
  folds_to("coalesce(dim.active, x > 1)", 1.0);
  auto varies = [this](std::string_view text) {
    INFO(text);
    CHECK_FALSE(specialise(text, boolean).is_constant());
    CHECK(is_missing(specialise(text, boolean).constant()));
  };
  varies("true and x > 1");
  varies("dim.none == 'a' and x > 1"); // False if x <= 1, otherwise missing.
  varies("x * 0 == 0");                // Missing if x is.
}

TEST_CASE_METHOD(fixture, "a constant of another type is missing",
                 "[analytics][expression]") {
  constants = {{0, 1.0}, {1, "a"}, {2, "90"}, {3, std::monostate{}}};
  CHECK(text("dim.site") == "missing");
  CHECK(text("dim.none") == "a");
  CHECK(is_missing(number("limit")));
  CHECK(truth("dim.active") == "missing");
  constants = {{2, std::numeric_limits<double>::infinity()}, {3, 5.0}};
  CHECK(is_missing(number("limit")));
  CHECK(truth("dim.active == true") == "true");
  auto unsourced = compile("limit")->specialise({});
  CHECK(unsourced.is_constant());
  CHECK(is_missing(unsourced.constant()));
}

TEST_CASE_METHOD(fixture, "slots that are not there or not finite are missing",
                 "[analytics][expression]") {
  auto sum = specialise("x + y", value_type::number);
  CHECK(sum.evaluate(slots) == 9.5);
  CHECK(is_missing(sum.evaluate(std::span{slots}.first(1))));
  CHECK(is_missing(sum.evaluate({})));
  slots[0] = std::numeric_limits<double>::infinity();
  CHECK(is_missing(sum.evaluate(slots)));
  CHECK(truth("x > 1") == "missing");
  CHECK(number("coalesce(1 / x, 5)") == 5.0);
  slots[4] = -3.0; // Any other number than 0 is true.
  CHECK(truth("on") == "true");
  CHECK(truth("on == true") == "true");
}

TEST_CASE_METHOD(fixture, "only what is true passes", "[analytics][expression]") {
  CHECK(specialise("x > 5", boolean).passes(slots));
  CHECK_FALSE(specialise("x > 8", boolean).passes(slots));
  CHECK_FALSE(specialise("gone > 8", boolean).passes(slots));
  CHECK(specialise("dim.site == 'North-1'", boolean).passes(slots));
  CHECK_FALSE(specialised_expression{}.passes(slots));
}

TEST_CASE_METHOD(fixture, "an expression of values alone asks for no constants",
                 "[expression]") {
  int asked = 0;
  auto count = [&asked](std::uint32_t) {
    ++asked;
    return constant_value{5.0};
  };
  slots = {7.0, 1.0};
  auto of_values = compile("x > 5 and x < 900", value_type::boolean);
  CHECK(of_values->specialise(count).passes(slots));
  CHECK(of_values->specialise(count).passes(slots));
  CHECK(asked == 0);
  CHECK(compile("x > limit", value_type::boolean)->specialise(count).passes(slots));
  CHECK(asked == 1);
}
