// DEVICE TABLE: from CSV and TOML, and following a file that people edit.
#include "configs/device_table.hpp"

#include "tests/support/temp_dir.hpp"

#include <catch2/catch.hpp>

#include <filesystem>

using namespace weir::configs;
using weir::analytics::column_type;
using weir::analytics::lookup_cell;
using weir::analytics::lookup_table;
using weir::test::write_file;

namespace {

std::string cell(const lookup_table& table, std::string_view key,
                 std::string_view column) {
  auto row = table.find(key);
  auto index = table.find_column(column);
  REQUIRE(row);
  REQUIRE(index);
  return std::string{table.text(*row, *index)};
}

struct file_fixture {
  weir::test::temp_dir folder;
  std::filesystem::path file = folder / "devices.csv";
  device_table_file uut{file};

  void write(std::string_view text) {
    write_file(file, text);
  }

  device_table poll() {
    auto result = uut.poll();
    INFO((result ? std::string{} : result.error()));
    REQUIRE(result);
    return *result;
  }
};

constexpr auto one_pump = "source,location\npump-1,Hall 3\n";
constexpr auto two_pumps = "source,location\npump-1,Hall 3\npump-2,Hall 4\n";

} // namespace

TEST_CASE("devices from CSV with quoted cells over lines", "[configs]") {
  auto uut = parse_device_csv("location,source,limit\r\n"
                              "\"Hall 3, \"\"east\"\"\nupstairs\",pump-1,80\r\n"
                              ",pump-2,\r\n",
                              "devices.csv");
  REQUIRE(uut);
  CHECK(cell(**uut, "pump-1", "location") == "Hall 3, \"east\"\nupstairs");
  CHECK((*uut)->cell(0, 1) == lookup_cell{80.0});
  CHECK((*uut)->cell(1, 1) == lookup_cell{});
}

TEST_CASE("wrong CSV says file, line and column", "[configs]") {
  auto error = [](std::string text) {
    auto result = parse_device_csv(std::move(text), "d.csv");
    REQUIRE_FALSE(result);
    return result.error();
  };
  CHECK(error("")
        == "d.csv: found nothing, accepted: a header line with \"source\" among its "
           "columns, then rows");
  CHECK(error("device,a\n")
        == "d.csv: line 1: column \"source\", the key, is missing; found \"device\", "
           "\"a\"");
  CHECK(error("source,a\nx,1\nx,2\n")
        == "d.csv: line 3, column \"source\": found \"x\" again (first on line 2), "
           "accepted: each key once");
  CHECK(error("source,a\nx,\xff\n")
        == "d.csv: line 2, column \"a\": found bytes that are no UTF-8, accepted: "
           "UTF-8 without exception");
  CHECK(error("source,a\nx,\"1\n").find("d.csv: line 2, column 2: the file ends") == 0);
}

TEST_CASE("devices from an array of TOML tables", "[configs]") {
  auto uut = parse_device_toml("[[device]]\nsource = \"pump-1\"\nlimit = 80\n"
                               "[[device]]\nsource = \"pump-2\"\nlimit = 0.5\n"
                               "critical = true\n",
                               "d.toml");
  REQUIRE(uut);
  CHECK((*uut)->rows() == 2);
  CHECK(cell(**uut, "pump-1", "limit") == "80");
  CHECK(cell(**uut, "pump-2", "limit") == "0.5");
  CHECK((*uut)->columns()[1].type == column_type::number);
  CHECK(cell(**uut, "pump-2", "critical") == "true");
  CHECK(cell(**uut, "pump-1", "critical").empty());
}

TEST_CASE("devices from a TOML table for each", "[configs]") {
  for (auto text : {"[pump-1]\nlocation = \"Hall 3\"\n[pump-2]\nlocation = \"x\"\n",
                    "[pump-1]\nlocation = \"Hall 3\"\n",
                    "[devices.pump-1]\nlocation = \"Hall 3\"\n[devices.\"2\"]\n"}) {
    CAPTURE(text);
    auto uut = parse_device_toml(text, "d.toml");
    REQUIRE(uut);
    CHECK(cell(**uut, "pump-1", "location") == "Hall 3");
  }
  auto none = parse_device_toml("device = []\n", "d.toml");
  REQUIRE(none);
  CHECK((*none)->rows() == 0);
}

TEST_CASE("wrong TOML says file and line", "[configs]") {
  auto error = [](std::string_view text) {
    auto result = parse_device_toml(text, "d.toml");
    REQUIRE_FALSE(result);
    return result.error();
  };
  CHECK(error("[[device]]\nsource = \"x\"\na = 1979-05-27\n")
        == "d.toml: line 3, column \"a\": found a value of another kind, accepted: a "
           "text, a finite number, true or false");
  CHECK(error("[x]\na = inf\n").find("d.toml: line 2, column \"a\"") == 0);
  CHECK(error("[x]\nsource = \"y\"\n")
          .find("d.toml: line 2, column \"source\": found a key beside")
        == 0);
  CHECK(error("[[device]]\nsource = \"x\"\n[[device]]\na = 1\n")
        == "d.toml: line 3, column \"source\": found an empty key, accepted: a text");
  for (auto text : {"", "x = 1\n", "device = [1]\n", "[a]\n[[b]]\n"}) {
    CAPTURE(text);
    CHECK(error(text).find("accepted: tables only") != std::string::npos);
  }
  CHECK(error("[[device]\n").find("d.toml:1:") == 0);
}

TEST_CASE("a file is read by its ending and up to its limit", "[configs]") {
  weir::test::temp_dir folder;
  write_file(folder / "a.toml", "[x]\na = 1\n");
  CHECK(load_device_table(folder / "a.toml"));
  write_file(folder / "a.txt", "source\n");
  CHECK(load_device_table(folder / "a.txt").error().find("accepted: .csv or .toml")
        != std::string::npos);
  CHECK(load_device_table(folder / "none.csv").error().find("is no file")
        != std::string::npos);
  std::filesystem::create_directory(folder / "b.csv");
  CHECK(load_device_table(folder / "b.csv").error().find("is no file")
        != std::string::npos);
  device_table_options options;
  options.file_bytes_max = 12;
  write_file(folder / "c.csv", "source\nabcde"); // 12 bytes.
  CHECK(load_device_table(folder / "c.csv", options));
  write_file(folder / "c.csv", "source\nabcdef");
  CHECK(load_device_table(folder / "c.csv", options).error().find("more than 12 bytes")
        != std::string::npos);
}

TEST_CASE_METHOD(file_fixture, "a table follows its file", "[configs]") {
  write(one_pump);
  auto first = poll();
  REQUIRE(first);
  CHECK(first == uut.table());
  CHECK(poll() == nullptr);
  write(two_pumps);
  CHECK(poll() == nullptr); // Maybe still being written.
  auto second = poll();
  REQUIRE(second);
  CHECK(second->rows() == 2);
  CHECK(first->rows() == 1); // Who holds the old one still can.
  CHECK(poll() == nullptr);
}

TEST_CASE_METHOD(file_fixture, "a file that is replaced by another is noticed",
                 "[configs]") {
  write(one_pump);
  poll();
  auto time = std::filesystem::last_write_time(file);
  write_file(folder / "new", "source,location\npump-1,Hall 9\n");
  std::filesystem::last_write_time(folder / "new", time);
  std::filesystem::rename(folder / "new", file);
  poll();
  auto table = poll();
  REQUIRE(table);
  CHECK(cell(*table, "pump-1", "location") == "Hall 9");
}

TEST_CASE_METHOD(file_fixture, "a wrong file is told once and the old table stays",
                 "[configs]") {
  write(one_pump);
  auto first = poll();
  write("source,location\npump-1\n");
  CHECK(poll() == nullptr);
  auto wrong = uut.poll();
  REQUIRE_FALSE(wrong);
  CHECK(wrong.error().find("line 2") != std::string::npos);
  CHECK(poll() == nullptr);
  CHECK(uut.table() == first);
  write("source,location\npump-1,\"\n"); // Wrong in another way.
  CHECK(poll() == nullptr);
  CHECK_FALSE(uut.poll());
  CHECK(poll() == nullptr);
  write(two_pumps);
  poll();
  auto mended = poll();
  REQUIRE(mended);
  CHECK(mended->rows() == 2);
}

TEST_CASE_METHOD(file_fixture, "a file may come late, go and come back", "[configs]") {
  CHECK_FALSE(uut.poll());
  CHECK(poll() == nullptr);
  CHECK(uut.table() == nullptr);
  write(one_pump);
  CHECK(poll() == nullptr);
  auto first = poll();
  REQUIRE(first);
  std::filesystem::remove(file);
  CHECK(poll() == nullptr);
  CHECK_FALSE(uut.poll());
  CHECK(poll() == nullptr);
  CHECK(uut.table() == first);
  write(two_pumps);
  poll();
  CHECK(poll() != nullptr);
}
