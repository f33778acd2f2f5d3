// Patterns match as RE2 and Go match them, and never take more than linear time.
#include "analytics/query/pattern.hpp"

#include <catch2/catch.hpp>

#include <chrono>
#include <string>

using namespace weir::analytics::query;

namespace {

bool matches(std::string_view pattern_text, std::string_view text) {
  auto compiled = pattern::compile(pattern_text);
  INFO(pattern_text << ": " << (compiled ? "" : compiled.error()));
  REQUIRE(compiled);
  // Both ways through the machine have to agree.
  CHECK(compiled->matches(text) == compiled->groups(text).has_value());
  return compiled->matches(text);
}

std::string groups(std::string_view pattern_text, std::string_view text) {
  auto found = pattern::compile(pattern_text).value().groups(text);
  std::string result;
  for (auto x : found.value())
    result += "<" + std::string{x} + ">";
  return result;
}

std::string error_of(std::string_view pattern_text) {
  auto compiled = pattern::compile(pattern_text);
  return compiled ? "" : compiled.error();
}

} // namespace

TEST_CASE("a pattern is tried on the whole text", "[query][pattern]") {
  CHECK(matches("abc", "abc"));
  CHECK_FALSE(matches("abc", "abcd"));
  CHECK_FALSE(matches("b", "abc"));
  CHECK(matches(".*b.*", "abc"));
  CHECK(matches("", ""));
  CHECK_FALSE(matches("", "a"));
  CHECK(matches("^abc$", "abc"));
  CHECK(matches("a|bc|d", "bc"));
  CHECK_FALSE(matches("a|bc|d", "ac"));
  CHECK(matches("a|", ""));
}

TEST_CASE("repetitions, classes, groups and escapes mean what they mean in RE2",
          "[query][pattern]") {
  CHECK(matches("a*b+c?", "bbb"));
  CHECK(matches("a{2}", "aa"));
  CHECK_FALSE(matches("a{2}", "aaa"));
  CHECK(matches("a{2,}", "aaaa"));
  CHECK(matches("(ab){1,2}", "abab"));
  CHECK_FALSE(matches("(ab){1,2}", "ababab"));
  CHECK(matches("a{,2}", "a{,2}"));
  CHECK(matches("[a-c]+[^a-c]", "abcd"));
  CHECK_FALSE(matches("[^a-c]", "b"));
  CHECK(matches("[]a]+", "]a"));
  CHECK(matches("[a-]+", "a-"));
  CHECK(matches("[[:digit:]x]+", "1x2"));
  CHECK(matches("\\d+\\.\\d\\s\\w", "10.5 z"));
  CHECK(matches("\\D\\S\\W", "ab-"));
  CHECK(matches("[^\\d]", "a"));
  CHECK(matches("\\x41\\x{1f600}", "A\xf0\x9f\x98\x80"));
  CHECK(matches("(?i)north-\\d", "NoRTH-1"));
  CHECK(matches("(?i:n)orth", "North"));
  CHECK_FALSE(matches("(?i:n)orth", "NORTH"));
  CHECK(matches("(?i)[a-c]+", "aBC"));
  CHECK(matches("caf.", "caf\xc3\xa9")); // One character, two bytes.
  CHECK_FALSE(matches("a.c", "a\nc"));
  CHECK(matches("(?s)a.c", "a\nc"));
  CHECK(matches("(?:a|b)*?c", "ababc"));
  CHECK(matches("\\bab\\b \\Bcd|ab\\b.*", "ab cd"));
  CHECK(matches("()*", ""));
  CHECK(matches("(a*)*", "aaa"));
  CHECK(matches("(a|b*)*c", "abbac"));
}

TEST_CASE("groups follow the earlier alternative and the greedy repetition",
          "[query][pattern]") {
  CHECK(groups("(a+)(a*)", "aaa") == "<aaa><aaa><>");
  CHECK(groups("(a+?)(a*)", "aaa") == "<aaa><a><aa>");
  CHECK(groups("(a|ab)(c|bcd)?", "abcd") == "<abcd><a><bcd>");
  CHECK(groups("(x)?b", "b") == "<b><>");
  CHECK(groups("(?P<site>\\w+)-(?<line>\\d)", "north-1") == "<north-1><north><1>");
  auto named = pattern::compile("(?P<site>\\w+)-(\\d)").value();
  CHECK(named.group_number("site") == 1);
  CHECK(named.group_number("2") == 2);
  CHECK_FALSE(named.group_number("3"));
  CHECK_FALSE(named.group_number("line"));
  CHECK_FALSE(named.group_number(""));
}

TEST_CASE("plain alternatives are known as such", "[query][pattern]") {
  auto plain = pattern::compile("b|a|c").value();
  CHECK(plain.literals() == std::vector<std::string>{"a", "b", "c"});
  CHECK_FALSE(pattern::compile("a.b").value().literals());
  CHECK_FALSE(pattern::compile("(?i)a").value().literals());
  CHECK(pattern{}.literals() == std::vector<std::string>{""});
}

TEST_CASE("a pattern that is none is an error with its place", "[query][pattern]") {
  CHECK(error_of("a(b").find("character 4") != std::string::npos);
  CHECK(error_of("a)b").find("character 2") != std::string::npos);
  for (auto text : {"[a", "[b-a]", "*a", "a**", "a{3,2}", "a{2000}", "\\", "\\p{L}",
                    "(?x)a", "(?P<a", "[[:no:]]", "\\x4", "\\x{110000}", "a\\"})
    CHECK(error_of(text) != "");
}

TEST_CASE("patterns that hold up a backtracking matcher take linear time",
          "[query][pattern]") {
  std::string text(3000, 'a');
  CHECK_FALSE(matches("(a+)+b", text));
  CHECK_FALSE(matches("(a|aa)+b", text));
  CHECK_FALSE(matches("(.*)*(.*)*(.*)*b", text));
  CHECK_FALSE(matches("a{0,900}b", text));
}

TEST_CASE("a pattern cannot grow without bounds", "[query][pattern]") {
  CHECK(error_of("((a{1000}){1000}){1000}").find("too large") != std::string::npos);
  CHECK(error_of(std::string(200, '(')).find("too deep") != std::string::npos);
  CHECK(matches("(?:(?:(?:){1000}){1000}){1000}a", "a"));
}
