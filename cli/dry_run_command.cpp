// weir dry-run --config FILE --in FILE
#include "cli/commands.hpp"

#include "cli/csv_options.hpp"
#include "cli/dry_run.hpp"
#include "cli/dry_run_report.hpp"
#include "cli/recorded_json.hpp"
#include "cli/time_text.hpp"
#include "transport/utf8.hpp"

#include <CLI/CLI.hpp>

#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

namespace weir::cli {

namespace {

using analytics::reject_reason;

constexpr auto manual_text
  = "run recorded events through a draft config\n\n"
    "Cuts the windows, finds the anomalies and raises the alerts that an edge with\n"
    "this config would have, by the same code, in the time of the events: a day is\n"
    "done in seconds. Nothing is sent or stored. It reads the stream tables and\n"
    "[ingest] of the config; the device tables that those name must be there.\n\n"
    "Events come as NDJSON (an object or an array a line, the fields as the edge "
    "takes\n"
    "them) or, with --time and --value, as CSV. They are taken in the order of the\n"
    "file, as if each arrived at the largest time so far; where a column tells when\n"
    "they did arrive, name it with --arrival, and times from the future are found,\n"
    "too.\n\n"
    "Prints windows, late events, anomalies, alerts and what was rejected, and a\n"
    "summary on standard error. A config that is wrong ends it with exit status 2, "
    "and\n"
    "with all that is wrong with it.";

constexpr auto examples
  = "EXAMPLES\n"
    "  weir dry-run --config draft.toml --in events.ndjson\n"
    "  weir dry-run --config draft.toml --in plant.csv --time t --value temp --value "
    "rpm \\\n"
    "      --source-col machine --only alerts,late\n"
    "  zcat day.ndjson.gz | weir dry-run --config draft.toml --in - --format csv "
    "--out day.csv";

struct dry_run_options {
  std::string config;
  std::string in;
  csv_options csv;
  std::string format;
  std::vector<std::string> only;
  std::uint64_t limit = 0; // 0: all.
  std::string out;

  bool is_csv() const {
    return !csv.columns.time.empty();
  }
};

constexpr std::array<const char*, report_kinds> kind_names{
  "windows", "late", "anomalies", "alerts", "rejected"};

report_options report_of(const dry_run_options& options) {
  report_options result;
  auto to_terminal = options.out.empty() && ::isatty(STDOUT_FILENO) == 1;
  auto format = !options.format.empty() ? options.format
                : to_terminal           ? "table"
                                        : "ndjson";
  result.format = format == "table" ? report_format::table
                  : format == "csv" ? report_format::csv
                                    : report_format::ndjson;
  if (options.limit > 0)
    result.lines_max = options.limit;
  if (!options.only.empty())
    for (std::size_t i = 0; i < report_kinds; ++i)
      result.shown[i]
        = std::find(options.only.begin(), options.only.end(), kind_names[i])
          != options.only.end();
  return result;
}

// -- CSV -----------------------------------------------------------------------------

/// What the edge's decoder would say of the row's names, sent as JSON.
const char* bad_name(const replay_row& row, const transport::decode_limits& limits) {
  auto is_long = [&](const std::string& x) { return x.size() > limits.text_bytes_max; };
  if (row.dimensions.size() > limits.dimensions_max)
    return "more dimensions than ingest.dimensions_max";
  if (is_long(row.source)
      || std::any_of(row.dimensions.begin(), row.dimensions.end(), is_long))
    return "a name of more bytes than ingest.text_bytes_max";
  return nullptr;
}

class csv_events {
public:
  csv_events(const csv_options& options, const transport::decode_limits& limits,
             dry_run& to)
    : options_(options), limits_(limits), to_(to) {
    metrics_ = options.columns.values;
    if (!options.columns.metric.empty())
      metrics_ = {options.columns.metric};
  }

  /// The error is one of the file, not of a row.
  expected<void, std::string> read_all(std::istream& in) {
    auto rows = replay_rows::open(in, options_.columns, options_.separator.front());
    if (!rows)
      return unexpected(rows.error());
    replay_row row;
    for (;;) {
      auto is_there = rows->next(row);
      if (!is_there && rows->bad_row())
        to_.on_reject(reject_reason::malformed, is_there.error(), {});
      else if (!is_there)
        return unexpected(is_there.error());
      else if (!*is_there)
        return {};
      else
        take(row);
    }
  }

private:
  void take(const replay_row& row) {
    if (const auto* wrong = bad_name(row, limits_)) {
      to_.on_reject(reject_reason::too_large, wrong, row.source);
      return;
    }
    dimensions_.clear();
    auto is_text = transport::is_utf8(row.source);
    for (std::size_t i = 0; i < row.dimensions.size(); ++i) {
      is_text = is_text && transport::is_utf8(row.dimensions[i]);
      if (!row.dimensions[i].empty())
        dimensions_.push_back({options_.columns.dimensions[i], row.dimensions[i]});
    }
    if (!is_text) {
      to_.on_reject(reject_reason::not_utf8, "the source or a dimension is not UTF-8",
                    row.source);
      return;
    }
    transport::raw_event event;
    event.series.source = row.source;
    event.series.dimensions = dimensions_;
    event.time_ns = row.time_ns;
    for (const auto& x : row.values) {
      event.series.metric = metrics_[x.column];
      event.value = x.value;
      to_.take(event, row.arrival_ns);
    }
  }

  const csv_options& options_;
  const transport::decode_limits& limits_;
  dry_run& to_;
  std::vector<std::string> metrics_;
  std::vector<analytics::dimension> dimensions_;
};

expected<void, std::string>
read_events(std::istream& in, const dry_run_options& options,
            const transport::decode_limits& limits, dry_run& to) {
  if (options.is_csv())
    return csv_events{options.csv, limits, to}.read_all(in);
  if (!recorded_json{in, limits, to}.read_all())
    return unexpected(std::string{"reading failed"});
  return {};
}

// -- the command ---------------------------------------------------------------------

using clock = std::chrono::steady_clock;

void print_summary(const dry_run& run, const report_counts& sent, double seconds) {
  const auto& counts = run.counts();
  const auto& status = run.status();
  auto n = [](std::uint64_t x) { return static_cast<unsigned long long>(x); };
  auto span_s = static_cast<double>(counts.last_ns - counts.first_ns) / 1e9;
  std::fprintf(
    stderr,
    "weir: %llu events in: %llu taken, %llu late, %llu filtered, %llu sampled out, "
    "%llu without a number after conversion, %llu rejected; %llu derived\n"
    "weir: %llu windows, %llu corrections, %llu early results, %llu anomalies, %llu "
    "alerts; %llu series\n",
    n(counts.events), n(status.events), n(status.late), n(status.filtered),
    n(status.sampled_out), n(status.unconverted), n(counts.rejected), n(status.derived),
    n(sent.windows), n(sent.corrections), n(sent.early), n(status.anomalies),
    n(status.alerts), n(status.series));
  if (counts.restamped + status.unkeyed + status.forced > 0)
    std::fprintf(stderr,
                 "weir: %llu restamped, %llu in no group (ingest.series_max), %llu "
                 "taken out of order at a buffer's limit\n",
                 n(counts.restamped), n(status.unkeyed), n(status.forced));
  std::fprintf(stderr, "weir: %.0f s of events in %.2f s, %.0f events/s\n", span_s,
               seconds,
               seconds > 0.0 ? static_cast<double>(counts.events) / seconds : 0.0);
  for (const auto& [source, late] : run.late_sources())
    std::fprintf(stderr, "weir: %llu late of %s\n", n(late), source.c_str());
}

int run_on(std::istream& in, const dry_run_options& options,
           const configs::recorded_stream_settings& settings, std::FILE* out) {
  dry_run::output_functions functions;
  dry_run run{settings, functions};
  dry_run_report report{out, report_of(options), settings.stream.config, run.series()};
  functions.on_output = [&](const auto& x) { report.add(x); };
  functions.on_reject = [&](auto reason, auto detail, auto bytes) {
    report.reject(reason, detail, bytes);
  };
  auto start = clock::now();
  auto read = read_events(in, options, settings.ingest.limits, run);
  run.finish();
  auto seconds = std::chrono::duration<double>(clock::now() - start).count();
  auto is_written = report.finish();
  print_summary(run, report.counts(), seconds);
  if (!read)
    return fail((options.in + ": " + read.error()).c_str());
  return is_written ? exit_ok : fail("not everything could be written");
}

int read_input(const dry_run_options& options,
               const configs::recorded_stream_settings& settings, std::FILE* out) {
  if (options.in == "-") {
    std::ios::sync_with_stdio(false); // Else each byte is read by itself.
    return run_on(std::cin, options, settings, out);
  }
  std::ifstream in{options.in, std::ios::binary};
  if (!in)
    return fail(("cannot read " + options.in).c_str());
  return run_on(in, options, settings, out);
}

expected<void, std::string> check(const dry_run_options& options) {
  const auto& columns = options.csv.columns;
  if (options.is_csv()) {
    if (columns.values.empty())
      return unexpected(std::string{"say which columns hold values, with --value"});
    return check_csv(options.csv);
  }
  if (options.in.ends_with(".csv") || options.in.ends_with(".tsv")
      || !columns.values.empty() || !columns.arrival.empty())
    return unexpected(
      std::string{"say which columns of the CSV file are what, with --time, --value "
                  "and --source or --source-col"});
  return {};
}

int dry_run_main(const dry_run_options& options) {
  if (auto valid = check(options); !valid)
    return fail(valid.error().c_str(), exit_usage);
  auto settings = configs::load_stream_settings(options.config);
  if (!settings) {
    for (const auto& error : settings.error())
      fail(error.c_str());
    return exit_usage;
  }
  if (options.out.empty())
    return read_input(options, *settings, stdout);
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> out{
    std::fopen(options.out.c_str(), "wb"), &std::fclose};
  if (!out)
    return fail(("cannot write " + options.out).c_str());
  return read_input(options, *settings, out.get());
}

} // namespace

void add_dry_run_command(CLI::App& parent, chosen_action& chosen) {
  auto* command = parent.add_subcommand("dry-run", manual_text);
  command->footer(examples);
  auto options = std::make_shared<dry_run_options>();
  command->add_option("--config", options->config, "Config of an edge, or a draft.")
    ->required()
    ->type_name("FILE");
  command->add_option("--in", options->in, "Recorded events; - is standard input.")
    ->required()
    ->type_name("FILE");
  add_csv_options(*command, options->csv, false);
  command
    ->add_option("--arrival", options->csv.columns.arrival,
                 "Column of the time of arrival.")
    ->type_name("COL")
    ->group("Columns");
  constexpr auto group = "Output";
  command
    ->add_option("--format", options->format,
                 "Default: table on a terminal, else ndjson.")
    ->check(CLI::IsMember({"table", "ndjson", "csv"}).description(""))
    ->type_name("table|ndjson|csv")
    ->group(group);
  command
    ->add_option("--only", options->only,
                 "Of windows,late,anomalies,alerts,rejected; default: all.")
    ->delimiter(',')
    ->check(CLI::IsMember({"windows", "late", "anomalies", "alerts", "rejected"})
              .description(""))
    ->type_name("KIND,...")
    ->group(group);
  command
    ->add_option("--limit", options->limit, "Print so many of each kind; all count.")
    ->check(CLI::Range(std::uint64_t{1}, std::uint64_t{1} << 62).description(""))
    ->type_name("N")
    ->group(group);
  command->add_option("--out", options->out, "Instead of standard output.")
    ->type_name("FILE")
    ->group(group);
  command->callback(
    [options, &chosen] { chosen = [options] { return dry_run_main(*options); }; });
}

} // namespace weir::cli
