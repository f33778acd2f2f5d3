// CSV rows as events.
#include "cli/replay_rows.hpp"

#include <catch2/catch.hpp>

#include <sstream>

using namespace weir::cli;

namespace {

constexpr std::int64_t second_ns = 1'000'000'000;

replay_columns two_values() {
  replay_columns result;
  result.time = "t";
  result.values = {"temp", "rpm"};
  result.source_column = "machine";
  result.dimensions = {"line"};
  return result;
}

} // namespace

TEST_CASE("a row gives time, source, dimensions and the values that are there",
          "[cli]") {
  std::istringstream in{"line,machine,t,temp,rpm\n"
                        "A,m-1,2023-11-14 22:13:20, 1.5 ,1e3\n"
                        "B,m-2,1700000001000,,7\n"};
  auto uut = replay_rows::open(in, two_values(), ',');
  REQUIRE(uut);
  auto first = uut->next();
  REQUIRE((first && *first));
  CHECK((*first)->time_ns == 1'700'000'000 * second_ns);
  CHECK((*first)->source == "m-1");
  CHECK((*first)->dimensions == std::vector<std::string>{"A"});
  REQUIRE((*first)->values.size() == 2);
  CHECK((*first)->values[0].value == 1.5);
  CHECK((*first)->values[1].value == 1000.0);
  auto second = uut->next();
  REQUIRE((second && *second));
  CHECK((*second)->time_ns == 1'700'000'001 * second_ns);
  REQUIRE((*second)->values.size() == 1);
  CHECK((*second)->values[0].column == 1);
  CHECK(uut->empty_values() == 1);
  auto end = uut->next();
  REQUIRE(end);
  CHECK_FALSE(*end);
}

TEST_CASE("a missing column is named together with those that are there", "[cli]") {
  std::istringstream in{"time,machine,temp,rpm,line\n"};
  auto uut = replay_rows::open(in, two_values(), ',');
  REQUIRE(!uut);
  CHECK(uut.error()
        == "there is no column \"t\"; the header has time, machine, temp, rpm, "
           "line");
  std::istringstream empty{""};
  CHECK_FALSE(replay_rows::open(empty, two_values(), ','));
}

TEST_CASE("bad rows are named by line and column, and can be passed over", "[cli]") {
  std::istringstream in{"line,machine,t,temp,rpm\n"
                        "A,m-1,noon,1,1\n"
                        "A,m-1,1700000000,warm,1\n"
                        "A,m-1,1700000000,nan,1\n"
                        "A,,1700000000,1,1\n"
                        "A,m-1,1700000000,1\n"
                        "A,m-1,1700000000,1,1\n"};
  auto uut = replay_rows::open(in, two_values(), ',');
  REQUIRE(uut);
  for (auto expected :
       {"line 2, column t: \"noon\" is no time", "line 3, column temp: \"warm\"",
        "line 4, column temp: \"nan\"", "line 5, column machine: the source is empty",
        "line 6: 4 fields, but the header has 5"}) {
    auto row = uut->next();
    REQUIRE(!row);
    CHECK(row.error().starts_with(expected));
    CHECK(uut->bad_row());
  }
  auto good = uut->next();
  CHECK((good && *good));
}

TEST_CASE("a broken file is no bad row: nothing can follow", "[cli]") {
  std::istringstream in{"line,machine,t,temp,rpm\nA,\"m"};
  auto uut = replay_rows::open(in, two_values(), ',');
  REQUIRE(uut);
  CHECK_FALSE(uut->next());
  CHECK_FALSE(uut->bad_row());
}
