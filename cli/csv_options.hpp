// The options of commands that read events from the columns of a CSV file.
#pragma once

#include "analytics/expected.hpp"
#include "cli/replay_rows.hpp"

#include <string>

namespace CLI {
class App;
}

namespace weir::cli {

struct csv_options {
  replay_columns columns;
  std::string separator = ",";
};

/// `required`: the command reads nothing but CSV.
void add_csv_options(CLI::App& command, csv_options& x, bool required);

/// The error is a sentence about the command line.
expected<void, std::string> check_csv(const csv_options& x);

} // namespace weir::cli
