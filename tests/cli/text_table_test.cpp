#include "cli/text_table.hpp"

#include <catch2/catch.hpp>

using weir::cli::text_table;

TEST_CASE("columns are as wide as their widest cell, numbers to the right", "[cli]") {
  text_table uut{{"NAME", ">N"}};
  uut.add({"a", "5"});
  uut.add({"größer", "123"});
  CHECK(uut.text() == "NAME      N\na         5\ngrößer  123\n");
}

TEST_CASE("missing cells are empty, further ones are left out", "[cli]") {
  text_table uut{{"A", "B"}};
  uut.add({"1"});
  uut.add({"1", "2", "3"});
  CHECK(uut.text() == "A  B\n1\n1  2\n");
}

TEST_CASE("control characters cannot steer the terminal", "[cli]") {
  text_table uut{{"A"}};
  uut.add({"\x1b[31mred\n"});
  CHECK(uut.text() == "A\n?[31mred?\n");
}
