// RFC 4180 and what real files do beside it.
#include "transport/csv_reader.hpp"

#include <catch2/catch.hpp>

#include <sstream>

using weir::transport::csv_reader;
using rows = std::vector<std::vector<std::string>>;

namespace {

struct parsed {
  rows records;
  std::string error;
};

parsed parse(const std::string& text, char separator = ',') {
  std::istringstream in{text};
  csv_reader uut{in, separator};
  parsed result;
  std::vector<std::string> fields;
  auto how = uut.next(fields);
  for (; how == csv_reader::result::row; how = uut.next(fields))
    result.records.push_back(fields);
  if (how == csv_reader::result::error)
    result.error = uut.error();
  return result;
}

} // namespace

TEST_CASE("plain records end with LF, CRLF or the file", "[transport]") {
  CHECK(parse("a,b\n1,2\n").records == rows{{"a", "b"}, {"1", "2"}});
  CHECK(parse("a,b\r\n1,2\r\n").records == rows{{"a", "b"}, {"1", "2"}});
  CHECK(parse("a,b\n1,2").records == rows{{"a", "b"}, {"1", "2"}});
  CHECK(parse("").records.empty());
  CHECK(parse("a\r").records == rows{{"a"}});
}

TEST_CASE("quoted fields hold separators, quotes and line breaks", "[transport]") {
  CHECK(parse("\"a,b\",\"say \"\"hi\"\"\",\"two\r\nlines\"\n").records
        == rows{{"a,b", "say \"hi\"", "two\r\nlines"}});
  CHECK(parse("\"\",x\n").records == rows{{"", "x"}});
  CHECK(parse("\"\"\"\"\n").records == rows{{"\""}});
}

TEST_CASE("empty fields are kept, empty lines are not", "[transport]") {
  CHECK(parse(",\n\n,,x\n").records == rows{{"", ""}, {"", "", "x"}});
  CHECK(parse("\r\n\r\na\r\n").records == rows{{"a"}});
  CHECK(parse("a,").records == rows{{"a", ""}});
}

TEST_CASE("a byte order mark is passed over and other separators are possible",
          "[transport]") {
  CHECK(parse("\xef\xbb\xbf"
              "a;b\n",
              ';')
          .records
        == rows{{"a", "b"}});
  CHECK(parse("a\tb\n", '\t').records == rows{{"a", "b"}});
}

TEST_CASE("errors name the line and the column", "[transport]") {
  CHECK(parse("a,b\n1,x\"y\n").error.starts_with("line 2, column 2: a quote"));
  CHECK(parse("a\n\"b\"c\n").error.starts_with("line 2, column 1: text behind"));
  CHECK(parse("a\n1\n\"open\n\n").error.starts_with("line 3, column 1: the file ends"));
  CHECK(parse("a\rb\n").error.starts_with("line 1, column 1: a carriage return"));
}

TEST_CASE("lines are counted through quoted line breaks", "[transport]") {
  std::istringstream in{"h\n\"1\n2\n3\"\nlast\n"};
  csv_reader uut{in};
  std::vector<std::string> fields;
  uut.next(fields);
  uut.next(fields);
  CHECK(uut.line() == 2);
  uut.next(fields);
  CHECK(fields == std::vector<std::string>{"last"});
  CHECK(uut.line() == 5);
}

TEST_CASE("fields and columns have limits", "[transport]") {
  CHECK(parse(std::string(csv_reader::field_bytes_max + 1, 'x')).error.find("1 MB")
        != std::string::npos);
  CHECK(parse(std::string(csv_reader::columns_max, ',')).error.find("columns")
        != std::string::npos);
  CHECK(parse(std::string(csv_reader::columns_max - 1, ',')).error.empty());
}
