// CONFIG TREE: strict reading, and errors that a person can act on.
#include "configs/config_tree.hpp"

#include <catch2/catch.hpp>

using namespace weir::configs;

namespace {

struct fixture {
  config_value tree;
  config_errors errors;

  table_reader read(std::string_view text) {
    auto parsed = parse_toml(text, "test.toml");
    REQUIRE(parsed);
    tree = *parsed;
    return {tree, "test.toml", "", errors};
  }
};

} // namespace

TEST_CASE_METHOD(fixture, "values come as they stand, defaults where nothing does",
                 "[configs]") {
  auto root = read("a = 5\nb = \"x\"\nc = true\nd = 2\n[t]\ne = [\"p\", \"q\"]\n");
  CHECK(root.integer("a", 1, 0, 10) == 5);
  CHECK(root.text("b", "") == "x");
  CHECK(root.boolean("c", false));
  CHECK(root.number("d", 0.0, 0.0, 10.0) == 2.0);
  CHECK(root.integer("missing", 7, 0, 10) == 7);
  auto table = root.table("t");
  CHECK(table.texts("e", {}) == std::vector<std::string>{"p", "q"});
  table.finish();
  root.finish();
  CHECK(errors.empty());
}

TEST_CASE_METHOD(fixture,
                 "an error names file, line, key, what was found and what "
                 "is accepted",
                 "[configs]") {
  auto root = read("\n[window]\nwidth_ms = \"ten\"\n");
  root.table("window").integer("width_ms", 1, 1, 100);
  REQUIRE(errors.size() == 1);
  CHECK(errors[0]
        == "test.toml:3: window.width_ms: found \"ten\", accepted: a whole number "
           "from 1 to 100");
}

TEST_CASE_METHOD(fixture, "an unknown key is an error with a guess", "[configs]") {
  auto root = read("witdh_ms = 5\n");
  root.integer("width_ms", 1, 1, 100);
  root.finish();
  REQUIRE(errors.size() == 1);
  CHECK(errors[0] == "test.toml:1: witdh_ms: unknown key, did you mean \"width_ms\"?");
}

TEST_CASE_METHOD(fixture, "all errors of a file come at once", "[configs]") {
  auto root = read("a = 200\nb = 1\nc = \"no\"\nd = 1979-05-27\nz = 0\n");
  root.integer("a", 1, 0, 100);
  root.text("b", "");
  root.one_of("c", "yes", {"yes", "maybe"});
  root.boolean("d", false);
  root.required_text("e");
  root.finish();
  CHECK(errors.size() == 6);
}

TEST_CASE_METHOD(fixture, "tables where values belong are errors, and the reverse",
                 "[configs]") {
  auto root = read("a = 5\n[b]\nx = 1\n");
  root.table("a").finish();
  CHECK(root.tables("b").empty());
  root.integer("b", 1, 0, 10);
  CHECK(errors.size() == 3);
}

TEST_CASE("broken TOML is told with line and column", "[configs]") {
  auto parsed = parse_toml("a = \n", "broken.toml");
  REQUIRE_FALSE(parsed);
  CHECK(parsed.error().find("broken.toml:1:") == 0);
  CHECK_FALSE(parse_toml(std::filesystem::path{"/no/such/file.toml"}));
  CHECK_FALSE(parse_toml(std::filesystem::path{"/"}));
}
