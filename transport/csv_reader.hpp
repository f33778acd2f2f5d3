// Reads comma-separated values as RFC 4180 has them: quoted fields with doubled
// quotes and line breaks, CRLF or LF, with or without a last line break. A byte
// order mark at the start and empty lines are passed over.
#pragma once

#include <cstddef>
#include <istream>
#include <string>
#include <vector>

namespace weir::transport {

class csv_reader {
public:
  static constexpr std::size_t field_bytes_max = 1 << 20;
  static constexpr std::size_t columns_max = 10'000;

  enum class result { row, end, error };

  /// `in` must outlive the reader.
  explicit csv_reader(std::istream& in, char separator = ',');

  /// Reads the next record into `fields` (its strings are reused). After an
  /// error nothing more can be read.
  result next(std::vector<std::string>& fields);

  /// The line on which the last record began, counted from 1.
  std::size_t line() const {
    return record_line_;
  }

  /// What is wrong and where: "line 3, column 2: ...".
  const std::string& error() const {
    return error_;
  }

private:
  enum class ending { field, record, file, error };

  int take();
  ending read_field(std::string& out);
  ending read_quoted(std::string& out);
  ending ending_of(int c);
  ending fail(const char* what);

  std::streambuf& in_;
  char separator_;
  std::size_t line_ = 1;
  std::size_t record_line_ = 1;
  std::size_t column_ = 0;
  std::string error_;
};

} // namespace weir::transport
