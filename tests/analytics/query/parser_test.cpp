// What the parser makes of a query, and what it says when it is none.
#include "analytics/query/parser.hpp"

#include "analytics/query/functions.hpp"
#include "promtool_fixture.hpp"

#include <catch2/catch.hpp>

#include <string>

using namespace weir::analytics::query;

namespace {

std::string printed(std::string_view text) {
  auto tree = parse(text);
  return tree ? to_string(*tree) : "error: " + tree.error().message;
}

/// `column: message`.
std::string error_of(std::string_view text) {
  auto tree = parse(text);
  if (tree)
    return "no error";
  return std::to_string(tree.error().column) + ": " + tree.error().message;
}

const binary& root(const weir::expected<node, query_error>& tree) {
  return std::get<binary>(tree.value().form);
}

} // namespace

TEST_CASE("a tree prints as a text that parses to the same tree", "[query][parser]") {
  for (const auto& known : read_answer_table().answers) {
    auto tree = parse(known.expression);
    if (!tree)
      continue;
    CAPTURE(known.expression, to_string(*tree));
    auto again = parse(to_string(*tree));
    REQUIRE(again);
    CHECK(*again == *tree);
    CHECK(to_string(*again) == to_string(*tree));
  }
}

TEST_CASE("operators bind as in Prometheus", "[query][parser]") {
  CHECK(root(parse("a + b * c")).op == binary_op::add);
  CHECK(root(parse("a * b + c")).op == binary_op::add);
  CHECK(root(parse("a or b and c")).op == binary_op::set_or);
  CHECK(root(parse("a == b + c")).op == binary_op::equal);
  CHECK(root(parse("a and b > c")).op == binary_op::set_and);
  // From the left, but powers from the right.
  CHECK(to_string(*root(parse("a - b - c")).left) == "a - b");
  CHECK(to_string(*root(parse("a ^ b ^ c")).right) == "b ^ c");
  CHECK(std::holds_alternative<negation>(parse("-a ^ b").value().form));
  CHECK(root(parse("-a * b")).op == binary_op::multiply);
}

TEST_CASE("a query is printed in one form", "[query][parser]") {
  CHECK(printed("a{ x = \"1\" , y=~'2|3',}") == "a{x=\"1\", y=~\"2|3\"}");
  CHECK(printed("{__name__=\"a\"}") == "a");
  CHECK(printed("{__name__=\"bool\"}") == "{__name__=\"bool\"}");
  CHECK(printed("{\"motor.temp\", \"dim.site\"=`n`}")
        == "{__name__=\"motor.temp\", \"dim.site\"=\"n\"}");
  CHECK(printed("sum(a)by(b,c)") == "sum by (b, c) (a)");
  CHECK(printed("SUM without() (a)") == "sum without () (a)");
  CHECK(printed("topk(3,a)") == "topk(3, a)");
  CHECK(printed("a[90m] offset 1w @ 1.5") == "a[1h30m] @ 1.500 offset 7d");
  CHECK(printed("rate(a[1m])[1h:] @ end()") == "rate(a[1m])[1h:] @ end()");
  CHECK(printed("a offset -90s") == "a offset -1m30s");
  CHECK(printed("a<bool on(x)group_left(y,z)b")
        == "a < bool on (x) group_left (y, z) b");
  CHECK(printed("a # a remark\n + b") == "a + b");
  CHECK(printed("0x10 + .5 + 1e3 + iNf") == "16 + 0.5 + 1000 + Inf");
  CHECK(printed("'\\x41\\u00e9\\n\\'' ") == "\"A\xc3\xa9\\n'\"");
  CHECK(printed("\"\\xff\"") == "\"\\xff\"");
  CHECK(printed("sum") == "sum");
  CHECK(printed("rate") == "rate");
}

TEST_CASE("an error says where, what was found and what would be right",
          "[query][parser]") {
  CHECK(error_of("sum(a")
        == "6: found the end of the query where an operator, `,` or "
           "`)` was expected");
  CHECK(error_of("a b") == "3: found `b` where an operator or the end was expected");
  CHECK(error_of("(a + 1")
        == "7: found the end of the query where an operator or the "
           "`)` of the `(` at character 1 was expected");
  CHECK(error_of("a{x}") == "4: found `}` where one of = != =~ !~ was expected");
  CHECK(error_of("a{x=1}") == "5: found `1` where a text in quotes was expected");
  CHECK(error_of("rate(a)")
        == "6: argument 1 of `rate` has to be of type range vector; "
           "this is of type instant vector; a range is missing, as "
           "in [5m]");
  CHECK(error_of("ratee(a[5m])")
        == "1: there is no function `ratee`; did you mean `rate`?");
  CHECK(error_of("1 < 2")
        == "5: a comparison of two scalars needs `bool`, as in `1 < bool 2`");
  CHECK(error_of("a{x=~\"(\"}").find("6: in the pattern, at character 2") == 0);
  // Characters count, not bytes.
  CHECK(error_of("\"\xc3\xa9\" b").substr(0, 3) == "5: ");
}

TEST_CASE("what is no query is refused", "[query][parser]") {
  for (auto text : {"",
                    "  ",
                    "a[5m",
                    "a[5]",
                    "a[0s]",
                    "a[5m:0s]",
                    "a[1m2h]",
                    "a[1m1m]",
                    "a[200y]",
                    "a[5m][5m]",
                    "1[5m:1m]",
                    "(a + b)[5m]",
                    "a offset 1m offset 1m",
                    "a @ 1 @ 2",
                    "a @ b",
                    "a @ 1e300",
                    "(a) offset 1m",
                    "{}",
                    "{a=\"\"}",
                    "{a=~\".*\"}",
                    "a{__name__=\"b\"}",
                    "a{\"b\"}",
                    "a and 1",
                    "a + bool b",
                    "a on (x) b",
                    "1 + on (x) 2",
                    "a and on (x) group_left b",
                    "a + group_left b",
                    "a + on (x) group_left (x) b",
                    "sum()",
                    "sum(a, b)",
                    "topk(a)",
                    "topk(\"x\", a)",
                    "count_values(a, \"x\")",
                    "count_values(\"\", a)",
                    "sum(1)",
                    "sum(a[5m])",
                    "-a[5m]",
                    "-\"x\"",
                    "a[5m] + 1",
                    "rate(a[5m], 1)",
                    "time(1)",
                    "label_join(a, \"x\")",
                    "a + ",
                    "+",
                    "by",
                    "a &&",
                    "!a",
                    "5m",
                    "1x",
                    "1e",
                    "1.2.3",
                    "\"x",
                    "\"\\q\"",
                    "`x",
                    "a\xff",
                    "a{1=\"x\"}",
                    "a{a:b=\"x\"}",
                    "hour(a, b)"}) {
    CAPTURE(text);
    auto tree = parse(text);
    CHECK_FALSE(tree);
    if (!tree) {
      CHECK(tree.error().code == query_errc::syntax);
      CHECK(tree.error().column >= 1);
      CHECK_FALSE(tree.error().message.empty());
    }
  }
}

TEST_CASE("length and depth of a query are bounded", "[query][parser]") {
  CHECK(error_of(std::string(query_bytes_max + 1, 'a')).find("bytes")
        != std::string::npos);
  CHECK(parse("sum(" + std::string(100, '(') + "a" + std::string(101, ')')));
  CHECK_FALSE(parse(std::string(5000, '(')));
  CHECK_FALSE(parse(std::string(5000, '-') + "a"));
  std::string chain = "a";
  for (int i = 0; i < 150; ++i)
    chain += " + a";
  CHECK(parse(chain));
  CHECK(parse(chain + chain.substr(1)).has_value() == false);
}

TEST_CASE("a selector alone can be read", "[query][parser]") {
  auto found = parse_selector("a{b!=\"c\"}");
  REQUIRE(found);
  CHECK(found->matchers.size() == 2);
  CHECK_FALSE(parse_selector("a[5m]"));
  CHECK_FALSE(parse_selector("sum(a)"));
  CHECK_FALSE(parse_selector("a offset 1m"));
}

TEST_CASE("every function can be called", "[query][parser]") {
  REQUIRE(all_functions().size() > 60);
  memory_source source;
  source.add("a{x=\"1\"}", "1+1x20", 30'000);
  for (const auto& x : all_functions()) {
    std::string text;
    for (auto type : x.arguments) {
      text += text.empty() ? "" : ", ";
      text += type == value_type::vector   ? "a"
              : type == value_type::matrix ? "a[5m]"
              : type == value_type::scalar ? "0.5"
                                           : "\"x\"";
    }
    text = std::string{x.name} + "(" + text + ")";
    CAPTURE(text);
    auto tree = parse(text);
    REQUIRE(tree);
    auto found = evaluate_at(*tree, 600'000, source, {});
    REQUIRE(found);
    CHECK(found->series.size() == (x.name.starts_with("absent") ? 0 : 1));
  }
}
