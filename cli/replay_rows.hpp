// The rows of a CSV file as events: which columns are time, values, source and
// dimensions.
#pragma once

#include "analytics/expected.hpp"
#include "cli/event_encoder.hpp"
#include "transport/csv_reader.hpp"

#include <cstdint>
#include <istream>
#include <optional>
#include <string>
#include <vector>

namespace weir::cli {

struct replay_columns {
  std::string time;
  std::vector<std::string> values; ///< Each is a metric of its name.
  std::string metric;              ///< Instead of the name of the only value column.
  std::string source;              ///< Name of the source, if there is no column.
  std::string source_column;
  std::vector<std::string> dimensions;
  std::string arrival; ///< Column of the time of arrival; empty: there is none.
};

struct replay_value {
  std::size_t column = 0; ///< Index into replay_columns::values.
  double value = 0.0;
};

struct replay_row {
  std::int64_t time_ns = 0;
  std::optional<std::int64_t> arrival_ns{};
  std::string source{};
  std::vector<std::string> dimensions; ///< As replay_columns::dimensions.
  std::vector<replay_value> values;    ///< Those that are not empty.
};

class replay_rows {
public:
  /// Reads the header. `in` must outlive the object.
  static expected<replay_rows, std::string>
  open(std::istream& in, const replay_columns& columns, char separator);

  /// The next row; nothing at the end of the file; an error names line and
  /// column. After bad_row() the next call goes on with the following row.
  expected<std::optional<replay_row>, std::string> next();

  /// The same into a row that is used again, for files of any size. False at the end.
  expected<bool, std::string> next(replay_row& row);

  /// Whether the last error concerned one row only, not the file.
  bool bad_row() const {
    return bad_row_;
  }

  std::uint64_t empty_values() const {
    return empty_values_;
  }

private:
  explicit replay_rows(transport::csv_reader reader, const replay_columns& columns)
    : reader_(std::move(reader)), columns_(columns) {
  }

  expected<std::size_t, std::string> index_of(const std::string& name) const;
  expected<bool, std::string> read_row(replay_row& row);
  expected<std::int64_t, std::string> read_time(std::size_t index,
                                                const std::string& column);
  tl::unexpected<std::string> row_error(const std::string& column,
                                        const std::string& what);

  transport::csv_reader reader_;
  replay_columns columns_;
  std::vector<std::string> header_;
  std::vector<std::string> fields_;
  std::size_t time_ = 0;
  std::optional<std::size_t> arrival_;
  std::optional<std::size_t> source_;
  std::vector<std::size_t> values_;
  std::vector<std::size_t> dimensions_;
  std::uint64_t empty_values_ = 0;
  bool bad_row_ = false;
};

} // namespace weir::cli
