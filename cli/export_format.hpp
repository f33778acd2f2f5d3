// Windows as lines of CSV, JSON or InfluxDB's line protocol. `weir import` reads them
// back. Pure.
#pragma once

#include "analytics/expected.hpp"
#include "analytics/records.hpp"
#include "analytics/series.hpp"
#include "cli/import_readers.hpp"

#include <string>
#include <vector>

namespace weir::cli {

struct export_options {
  file_format format = file_format::csv;
  std::vector<std::string> columns; ///< Of window_column_names().
  bool unix_times = false;          ///< Nanoseconds instead of RFC 3339; not of Influx.
  std::string source_tag = "host";  ///< Of the line protocol.
};

class export_format {
public:
  explicit export_format(export_options options) : options_(std::move(options)) {
  }

  /// The first line, if the format has one.
  void append_header(std::string& out) const;

  /// Windows that follow are of this series; `canonical` is its text. The error says why
  /// the format cannot hold it.
  expected<void, std::string> begin(const std::string& canonical);

  void append(std::string& out, const analytics::summary& window) const;

private:
  expected<void, std::string> begin_influx(const analytics::series_name& name);

  export_options options_;
  std::string head_; ///< Of each line of the series.
};

/// "2026-11-22T15:00:00Z" with as many digits behind the second as it takes.
void append_rfc3339_ns(std::string& out, std::int64_t time_ns);

} // namespace weir::cli
