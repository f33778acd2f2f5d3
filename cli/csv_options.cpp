#include "cli/csv_options.hpp"

#include <CLI/CLI.hpp>

namespace weir::cli {

void add_csv_options(CLI::App& command, csv_options& x, bool required) {
  constexpr auto group = "Columns";
  command.add_option("--time", x.columns.time, "Column of the time.")
    ->required(required)
    ->type_name("COL")
    ->group(group);
  command.add_option("--value", x.columns.values, "Column of values; may be repeated.")
    ->required(required)
    ->allow_extra_args(false)
    ->type_name("COL")
    ->group(group);
  command.add_option("--metric", x.columns.metric, "Name of the metric.")
    ->type_name("NAME")
    ->group(group);
  auto* source
    = command.add_option("--source", x.columns.source, "Source of all rows.");
  source->type_name("NAME")->group(group);
  command.add_option("--source-col", x.columns.source_column, "Column of the source.")
    ->type_name("COL")
    ->group(group)
    ->excludes(source);
  command
    .add_option("--dimension", x.columns.dimensions,
                "Column of a dimension; may be repeated.")
    ->allow_extra_args(false)
    ->type_name("COL")
    ->group(group);
  command.add_option("--separator", x.separator, "Between fields.")
    ->type_name("C")
    ->capture_default_str()
    ->group(group);
}

expected<void, std::string> check_csv(const csv_options& x) {
  if (x.columns.values.size() > 1 && !x.columns.metric.empty())
    return unexpected(std::string{"--metric names one --value column; with several, "
                                  "each is a metric of its own name"});
  if (x.separator.size() != 1)
    return unexpected(std::string{"--separator is one character"});
  if (x.columns.source.empty() && x.columns.source_column.empty())
    return unexpected(
      std::string{"say whose events these are, with --source or --source-col"});
  return {};
}

} // namespace weir::cli
