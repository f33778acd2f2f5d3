// LINE PROTOCOL: what InfluxDB documents is read, and what is wrong is told with its
// column.
#include "transport/influx_lines.hpp"

#include <catch2/catch.hpp>

#include <sstream>

using weir::transport::influx_kind;
using weir::transport::influx_point;
using weir::transport::influx_reader;
using weir::transport::parse_influx_line;

namespace {

/// A point in one text: measurement|tag=value|...|field:kind=value|...@time.
std::string read(std::string_view line) {
  influx_point x;
  auto parsed = parse_influx_line(line, x);
  if (!parsed)
    return "error at " + std::to_string(parsed.error().column);
  if (!*parsed)
    return "nothing";
  std::ostringstream out;
  out.precision(17);
  out << x.measurement;
  for (const auto& [name, value] : x.tags)
    out << '|' << name << '=' << value;
  for (const auto& f : x.fields) {
    out << '|' << f.name << ':' << "fiubs"[static_cast<int>(f.kind)] << '=';
    if (f.kind == influx_kind::text)
      out << f.text;
    else if (f.kind == influx_kind::integer)
      out << f.integer;
    else
      out << f.value;
  }
  if (x.time)
    out << '@' << *x.time;
  return out.str();
}

struct read_case {
  const char* line;
  const char* expected;
};

} // namespace

TEST_CASE("points of the line protocol are read", "[transport]") {
  auto [line, expected] = GENERATE(values<read_case>({
    {"cpu value=1", "cpu|value:f=1"},
    {"cpu,host=a value=1.5 1700000000000000000",
     "cpu|host=a|value:f=1.5@1700000000000000000"},
    {"cpu,host=a,line=3 a=1i,b=2u,c=t,d=FALSE,e=-1e-3 -5",
     "cpu|host=a|line=3|a:i=1|b:u=2|c:b=1|d:b=0|e:f=-0.001@-5"},
    {"cpu v=9223372036854775807i", "cpu|v:i=9223372036854775807"},
    {"cpu v=18446744073709551615u", "cpu|v:u=1.8446744073709552e+19"},
    {"cpu v=+1.", "cpu|v:f=1"},
    {R"(my\ cpu\,x=y,a\=b=c\ d\,e\=f g\ h=1)", "my cpu,x=y|a=b=c d,e=f|g h:f=1"},
    {R"(c\pu,a\b=c\d v=1)", R"(c\pu|a\b=c\d|v:f=1)"},
    {R"(cpu text="a \"b\" \\ c, d=e",v=1)", R"(cpu|text:s=a "b" \ c, d=e|v:f=1)"},
    {R"(cpu v="",w=1)", "cpu|v:s=|w:f=1"},
    {"cpu   v=1   5   ", "cpu|v:f=1@5"},
    {"  cpu v=1\r", "cpu|v:f=1"},
    {"# cpu v=1", "nothing"},
    {"  # cpu", "nothing"},
    {"", "nothing"},
    {" \t", "nothing"},
  }));
  INFO(line);
  CHECK(read(line) == expected);
}

TEST_CASE("what is no point is told with its column", "[transport]") {
  auto [line, expected] = GENERATE(values<read_case>({
    {"cpu", "error at 4"},
    {"cpu ", "error at 5"},
    {",a=b v=1", "error at 1"},
    {"cpu,a v=1", "error at 6"},
    {"cpu,a= v=1", "error at 7"},
    {"cpu,=b v=1", "error at 5"},
    {"cpu,a=b=c v=1", "error at 8"},
    {"cpu,a=b,a=c v=1", "error at 12"},
    {"cpu v", "error at 6"},
    {"cpu v=", "error at 7"},
    {"cpu v=1,", "error at 9"},
    {"cpu v=abc", "error at 7"},
    {"cpu v=nan", "error at 7"},
    {"cpu v=inf", "error at 7"},
    {"cpu v=1e999", "error at 7"},
    {"cpu v=0x10", "error at 7"},
    {"cpu v=1.5i", "error at 7"},
    {"cpu v=-1u", "error at 7"},
    {"cpu v=9223372036854775808i", "error at 7"},
    {"cpu v=\"abc", "error at 7"},
    {"cpu v=\"abc\"d", "error at 12"},
    {"cpu v=1 now", "error at 9"},
    {"cpu v=1 1.5", "error at 9"},
    {"cpu v=1 5 6", "error at 11"},
    {"   cpu v=x", "error at 10"},
  }));
  INFO(line);
  CHECK(read(line) == expected);
}

TEST_CASE("names are written so that they read back", "[transport]") {
  for (std::string name : {"cpu", "a b,c=d", R"(a\b)", R"(a\ b)", "\"quoted\""}) {
    std::string line;
    weir::transport::append_influx_measurement(line, name);
    line += ',';
    weir::transport::append_influx_tag(line, name);
    line += '=';
    weir::transport::append_influx_tag(line, name);
    line += " v=1";
    INFO(line);
    CHECK(read(line) == name + '|' + name + '=' + name + "|v:f=1");
  }
}

TEST_CASE("the reader goes on behind a bad line and knows its number", "[transport]") {
  std::istringstream in{
    "# head\ncpu v=1\n\ncpu v=x\r\n"
    + std::string(weir::transport::influx_limits::line_bytes_max + 9, 'x')
    + "\ncpu v=2"};
  influx_reader uut{in};
  influx_point x;
  REQUIRE(uut.next(x) == influx_reader::result::point);
  CHECK(uut.line() == 2);
  REQUIRE(uut.next(x) == influx_reader::result::error);
  CHECK(uut.error().find("line 4, column 7: ") == 0);
  REQUIRE(uut.next(x) == influx_reader::result::error);
  CHECK(uut.error().find("line 5") == 0);
  REQUIRE(uut.next(x) == influx_reader::result::point);
  CHECK(uut.line() == 6);
  CHECK(x.fields.at(0).value == 2.0);
  CHECK(uut.next(x) == influx_reader::result::end);
}
