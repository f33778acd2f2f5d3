// One line of InfluxDB's line protocol:
//
//   measurement[,tag=value...] field=value[,field=value...] [timestamp]
//
// Spaces, commas and (in tags and field names) equals signs are escaped by `\`; a
// backslash before anything else is itself. Field values are floats, integers (`3i`),
// unsigned integers (`3u`), booleans (t, T, true, True, TRUE, f, ...) and texts in
// double quotes, in which `\"` and `\\` are escapes; no name or text holds a line break.
// Lines that begin with `#` are comments. As InfluxDB 1.8 and 2 document it.
#pragma once

#include "analytics/expected.hpp"

#include <cstddef>
#include <cstdint>
#include <istream>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace weir::transport {

/// What is wrong, and where.
struct influx_error {
  std::size_t column = 0; ///< From 1, in bytes.
  std::string message;    ///< What was found there and what would be right.
};

enum class influx_kind : std::uint8_t {
  real,
  integer,
  unsigned_integer,
  boolean,
  text
};

struct influx_field {
  std::string name;
  influx_kind kind = influx_kind::real;
  double value = 0.0;       ///< Of all but texts; booleans are 0 and 1.
  std::int64_t integer = 0; ///< Of `integer`, exactly.
  std::string text{};       ///< Of texts, without quotes and escapes.
};

struct influx_point {
  std::string measurement;
  std::vector<std::pair<std::string, std::string>> tags; ///< In the order of the line.
  std::vector<influx_field> fields;                      ///< At least one.
  std::optional<std::int64_t> time;                      ///< In the file's precision.
};

struct influx_limits {
  static constexpr std::size_t tags_max = 256;
  static constexpr std::size_t fields_max = 10'000;
  static constexpr std::size_t line_bytes_max = 1 << 20;
};

/// Reads one point into `out`, whose memory is used again. False: the line is empty or
/// a comment. `line` has no line break at its end. Numbers must be finite and fit.
expected<bool, influx_error> parse_influx_line(std::string_view line,
                                               influx_point& out);

/// Appends a measurement, or a name or value of tags and names of fields, escaped. What
/// the protocol cannot carry becomes `_`: line breaks, and a backslash at the end.
void append_influx_measurement(std::string& out, std::string_view text);
void append_influx_tag(std::string& out, std::string_view text);

/// The points of a file, of any size, one after another. Not thread-safe.
class influx_reader {
public:
  enum class result { point, end, error };

  /// `in` must outlive the reader.
  explicit influx_reader(std::istream& in) : in_(in) {
  }

  /// After an error the next call goes on behind the bad line.
  result next(influx_point& out);

  /// Of the last point or error, from 1.
  std::uint64_t line() const {
    return line_;
  }
  /// "line 3, column 2: ...".
  const std::string& error() const {
    return error_;
  }

private:
  bool read_line(std::string& out);

  std::istream& in_;
  std::string buffer_;
  std::uint64_t line_ = 0;
  bool too_long_ = false;
  std::string error_;
};

} // namespace weir::transport
