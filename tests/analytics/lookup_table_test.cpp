// LOOKUP TABLE: cells with their types, keys, limits, and errors that say where.
#include "analytics/lookup_table.hpp"

#include <catch2/catch.hpp>

using namespace weir::analytics;

namespace {

using row = std::vector<std::string>;

/// Rows stand on lines 2, 3, ... below a header.
weir::expected<lookup_table, std::string> build(const row& names,
                                                const std::vector<row>& rows,
                                                const lookup_limits& limits = {}) {
  auto builder = lookup_table_builder::start(names, "source", limits);
  if (!builder)
    return weir::unexpected(builder.error());
  std::size_t line = 2;
  for (const auto& x : rows)
    if (auto added = builder->add_row(line++, x); !added)
      return weir::unexpected(added.error());
  return builder->finish();
}

} // namespace

TEST_CASE("rows are found by key and cells come with their type", "[analytics]") {
  auto uut = build({"location", "source", "limit"},
                   {{"Hall 3", "pump-1", "80"}, {"", "pump-2", " -1.5e1 "}});
  REQUIRE(uut);
  CHECK(uut->rows() == 2);
  CHECK(uut->key_name() == "source");
  CHECK(uut->columns()
        == std::vector<lookup_column>{{"location", column_type::text},
                                      {"limit", column_type::number}});
  CHECK(uut->find("pump-1") == std::size_t{0});
  CHECK(uut->find("pump-2") == std::size_t{1});
  CHECK_FALSE(uut->find("pump"));
  CHECK(uut->key(1) == "pump-2");
  CHECK(uut->find_column("limit") == std::size_t{1});
  CHECK_FALSE(uut->find_column("source"));
  CHECK(uut->cell(0, 0) == lookup_cell{std::string_view{"Hall 3"}});
  CHECK(uut->cell(0, 1) == lookup_cell{80.0});
  CHECK(uut->cell(1, 0) == lookup_cell{});
  CHECK(uut->cell(1, 1) == lookup_cell{-15.0});
}

TEST_CASE("what is not in the table is nothing", "[analytics]") {
  auto uut = build({"source", "a"}, {{"x", "1"}});
  REQUIRE(uut);
  CHECK(uut->cell(1, 0) == lookup_cell{});
  CHECK(uut->cell(0, 1) == lookup_cell{});
  CHECK(uut->text(7, 7).empty());
  lookup_table empty;
  CHECK_FALSE(empty.find(""));
  CHECK(empty.cell(0, 0) == lookup_cell{});
}

TEST_CASE("one cell that is no finite number makes a column of text", "[analytics]") {
  for (auto text : {"x", "nan", "inf", "1e999", "0x10", "1,5", "1 2", "+-1", "+"}) {
    CAPTURE(text);
    auto uut = build({"source", "a"}, {{"x", "1"}, {"y", text}});
    REQUIRE(uut);
    CHECK(uut->columns()[0].type == column_type::text);
    CHECK(uut->cell(0, 0) == lookup_cell{std::string_view{"1"}});
  }
  auto plus = build({"source", "a"}, {{"x", "+1"}, {"y", "  "}});
  REQUIRE(plus);
  CHECK(plus->cell(0, 0) == lookup_cell{1.0});
  CHECK(plus->cell(1, 0) == lookup_cell{});
}

TEST_CASE("a number keeps how it was written", "[analytics]") {
  auto uut = build({"source", "serial"}, {{"x", "007"}});
  REQUIRE(uut);
  CHECK(uut->cell(0, 0) == lookup_cell{7.0});
  CHECK(uut->text(0, 0) == "007");
}

TEST_CASE("a moved table is whole", "[analytics]") {
  auto built = build({"source", "a"}, {{"x", "y"}});
  REQUIRE(built);
  auto uut = std::move(*built);
  CHECK(uut.find("x") == std::size_t{0});
  CHECK(uut.text(0, 0) == "y");
}

TEST_CASE("bad rows say line and column", "[analytics]") {
  CHECK(build({"source", "a"}, {{"x", "1"}, {"y"}}).error()
        == "line 3: found 1 cells, accepted: 2, as the header has: column \"a\" is "
           "missing");
  CHECK(build({"source", "a"}, {{"x", "1", "2"}}).error()
        == "line 2: found 3 cells, accepted: 2, as the header has: there is more "
           "behind column \"a\"");
  CHECK(build({"source", "a"}, {{" ", "1"}}).error()
        == "line 2, column \"source\": found an empty key, accepted: a text");
  CHECK(build({"source", "a"}, {{"x", "1"}, {"y", "1"}, {"x", "2"}}).error()
        == "line 4, column \"source\": found \"x\" again (first on line 2), accepted: "
           "each key once");
}

TEST_CASE("a bad header says what it lacks", "[analytics]") {
  CHECK(build({"device", "a"}, {}).error()
        == "column \"source\", the key, is missing; found \"device\", \"a\"");
  CHECK(build({"source", "a", "a"}, {}).error()
        == "column \"a\" occurs twice, accepted: each name once");
  CHECK(build({"source", ""}, {}).error()
        == "column 2: found a name of 0 bytes, accepted: 1 to 1024");
}

TEST_CASE("rows, columns and cells have limits", "[analytics]") {
  lookup_limits limits{2, 1, 8};
  CHECK(build({"source", "a"}, {{"12345678", "12345678"}, {"y", ""}}, limits));
  CHECK(build({"source", "a"}, {{"x", "1"}, {"y", "1"}, {"z", "1"}}, limits).error()
        == "line 4, column \"source\": found more rows, accepted: at most 2");
  CHECK(build({"source", "a", "b"}, {}, limits).error()
        == "found 2 columns beside the key, accepted: at most 1");
  CHECK(build({"source", "a"}, {{"x", "123456789"}}, limits).error()
        == "line 2, column \"a\": found 9 bytes, accepted: at most 8");
}
