// The formats that `weir import` reads. Each hands samples, or windows that `weir
// export` wrote, to import_windows, and what it cannot take to import_notes with its
// place in the file. Bounded memory, whatever the size of the file.
#pragma once

#include "cli/csv_options.hpp"
#include "cli/import_windows.hpp"
#include "transport/raw_event.hpp"

#include <cstddef>
#include <cstdint>
#include <istream>
#include <string>
#include <vector>

namespace weir::cli {

enum class file_format : std::uint8_t { csv, ndjson, influx };

struct import_format {
  file_format format = file_format::csv;
  csv_options csv;
  // Of the line protocol.
  std::string source_tag = "host";
  transport::time_unit precision = transport::time_unit::nanoseconds;
};

/// What happened on the way, for the last line on the terminal.
struct import_notes {
  static constexpr std::size_t shown_max = 10;

  std::uint64_t samples = 0;
  std::uint64_t windows = 0; ///< Rows that were windows already.
  std::uint64_t texts = 0;   ///< Fields of the line protocol that are no numbers.
  std::uint64_t empty = 0;   ///< Values that are not there.
  std::uint64_t bad = 0;
  std::vector<std::string> first_bad; ///< "line 3, column 2: ...".

  void add_bad(std::string what) {
    if (bad++ < shown_max)
      first_bad.push_back(std::move(what));
  }
};

/// Reads to the end, or until `to` has stopped. The error is about the whole file (no
/// header, reading failed); what was read before it is in `to`.
///
/// A CSV file with the columns `series`, `start` and `width_ns`, a first line of JSON
/// with a `width_ns`, and points with an integer field `width_ns` are windows; all else
/// are samples. @pre `in` can be read from its start again.
expected<void, std::string> read_import(std::istream& in, const import_format& format,
                                        import_windows& to, import_notes& notes);

} // namespace weir::cli
