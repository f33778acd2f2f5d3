// Any bytes into the line protocol: no crash, every error has its place, and names that
// were read are written so that they read back as themselves.
#include "transport/influx_lines.hpp"

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <sstream>
#include <string>

namespace {

using namespace weir::transport;

bool can_be_written(const std::string& text) {
  return text.find_first_of("\r\n") == text.npos && text.back() != '\\';
}

void check_names(const influx_point& x) {
  auto first = x.measurement.find_first_not_of(" \t");
  bool can = can_be_written(x.measurement) && first == 0 && x.measurement[0] != '#';
  std::string line;
  append_influx_measurement(line, x.measurement);
  for (const auto& [name, value] : x.tags) {
    can = can && can_be_written(name) && can_be_written(value);
    line += ',';
    append_influx_tag(line, name);
    line += '=';
    append_influx_tag(line, value);
  }
  if (!can || line.size() > influx_limits::line_bytes_max / 2)
    return;
  influx_point again;
  auto parsed = parse_influx_line(line + " v=1", again);
  if (!parsed || !*parsed || again.measurement != x.measurement || again.tags != x.tags)
    std::abort();
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::istringstream in{{reinterpret_cast<const char*>(data), size}};
  influx_reader reader{in};
  influx_point point;
  std::uint64_t line = 0;
  for (;;) {
    auto how = reader.next(point);
    if (how == influx_reader::result::end)
      return 0;
    if (reader.line() <= line)
      std::abort();
    line = reader.line();
    if (how == influx_reader::result::error) {
      if (reader.error().find("line " + std::to_string(line)) != 0)
        std::abort();
      continue;
    }
    if (point.measurement.empty() || point.fields.empty())
      std::abort();
    for (const auto& x : point.fields)
      if (x.name.empty() || !std::isfinite(x.value))
        std::abort();
    check_names(point);
  }
}
