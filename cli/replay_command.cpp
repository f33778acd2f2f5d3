// weir replay FILE.csv
#include "cli/commands.hpp"

#include "cli/csv_options.hpp"
#include "cli/pacer.hpp"
#include "cli/replay_rows.hpp"
#include "cli/sink_options.hpp"
#include "cli/time_text.hpp"

#include <CLI/CLI.hpp>

#include <cstdio>
#include <fstream>
#include <iostream>
#include <map>
#include <memory>
#include <optional>

namespace weir::cli {

namespace {

constexpr auto manual_text
  = "send the rows of a CSV file as events\n\n"
    "The file has a header line; fields may be quoted (RFC 4180). Times are "
    "ISO 8601 or\n"
    "Unix times in s, ms, us or ns. Each --value column is a metric of its "
    "name. Rows\n"
    "are sent in the order of the file, at the pace of their times. Empty "
    "values are\n"
    "passed over and counted; what cannot be read ends it with line and "
    "column, or is\n"
    "counted with --skip-bad. While the other side is away it waits.";

constexpr auto examples
  = "EXAMPLES\n"
    "  weir replay bearing.csv --time timestamp --value value --metric "
    "vibration \\\n"
    "      --source b-1 --as-fast-as-possible --mqtt mqtt://127.0.0.1:1883\n"
    "  weir replay plant.csv --time t --value temp --value rpm --source-col "
    "machine \\\n"
    "      --dimension line --shift-to-now --zmq tcp://127.0.0.1:5560";

constexpr std::int64_t hold_ns = 50'000'000;
constexpr std::size_t series_max = 100'000;

struct replay_options {
  sink_options to;
  csv_options csv;
  std::string file;
  double speed = 1.0;
  bool as_fast_as_possible = false;
  bool shift_to_now = false;
  bool skip_bad = false;
};

/// Sends rows; owns the map from names to the batcher's series.
class replayer {
public:
  replayer(const replay_options& options, event_batcher& batcher, stop_signal& stop)
    : options_(options), batcher_(batcher), stop_(stop) {
  }

  send_result send(const replay_row& row) {
    if (!pace_)
      start_clock(row.time_ns);
    auto due_ns = pace_->due_ns(row.time_ns);
    auto now_ns = wall_clock_ns();
    if (due_ns - now_ns > hold_ns || now_ns - flushed_ns_ > hold_ns) {
      if (auto result = batcher_.flush(); result != send_result::sent)
        return result;
      flushed_ns_ = now_ns;
    }
    if (stop_.wait_until(due_ns)) {
      asked_to_stop_ = true;
      return send_result::sent;
    }
    auto time_ns = options_.shift_to_now ? due_ns : row.time_ns;
    for (const auto& x : row.values) {
      auto series = series_of(row, x.column);
      if (!series) {
        fail(series.error().c_str());
        return send_result::failed;
      }
      auto result = batcher_.add(*series, {time_ns, x.value, 0});
      if (result != send_result::sent)
        return result;
    }
    return batcher_.end_step();
  }

  bool asked_to_stop() const {
    return asked_to_stop_;
  }

private:
  void start_clock(std::int64_t first_ns) {
    auto speed = options_.as_fast_as_possible ? 0.0 : options_.speed;
    pace_.emplace(first_ns, wall_clock_ns(), speed, false);
  }

  expected<std::size_t, std::string> series_of(const replay_row& row,
                                               std::size_t column) {
    key_.assign(1, row.source);
    key_.push_back(std::to_string(column));
    key_.insert(key_.end(), row.dimensions.begin(), row.dimensions.end());
    if (auto found = known_.find(key_); found != known_.end())
      return found->second;
    if (known_.size() == series_max)
      return unexpected(std::string{"the file has more than 100,000 series; is a "
                                    "--dimension a number or a time?"});
    outgoing_series series;
    series.source = row.source;
    series.metric = options_.csv.columns.metric.empty()
                      ? options_.csv.columns.values[column]
                      : options_.csv.columns.metric;
    for (std::size_t i = 0; i < row.dimensions.size(); ++i)
      if (!row.dimensions[i].empty())
        series.dimensions.emplace_back(options_.csv.columns.dimensions[i],
                                       row.dimensions[i]);
    auto added = batcher_.add_series(std::move(series));
    if (added)
      known_.emplace(key_, *added);
    return added;
  }

  const replay_options& options_;
  event_batcher& batcher_;
  stop_signal& stop_;
  std::optional<pacer> pace_;
  std::int64_t flushed_ns_ = 0;
  bool asked_to_stop_ = false;
  std::vector<std::string> key_;
  std::map<std::vector<std::string>, std::size_t> known_;
};

struct replay_totals {
  std::uint64_t bad_rows = 0;
  send_result last = send_result::sent;
};

replay_totals send_all(replay_rows& rows, replayer& to, bool skip_bad) {
  replay_totals totals;
  while (totals.last == send_result::sent && !to.asked_to_stop()) {
    auto row = rows.next();
    if (!row && rows.bad_row() && skip_bad) {
      if (totals.bad_rows++ == 0)
        fail((row.error() + " (passed over, like all that follow)").c_str());
    } else if (!row) {
      fail(row.error().c_str());
      totals.last = send_result::failed;
    } else if (!*row) {
      break;
    } else {
      totals.last = to.send(**row);
    }
  }
  return totals;
}

int replay_stream(std::istream& in, const replay_options& options) {
  stop_signal stop; // Before any library starts a thread.
  auto rows = replay_rows::open(in, options.csv.columns, options.csv.separator.front());
  if (!rows)
    return fail((options.file + ": " + rows.error()).c_str());
  auto sink = open_sink(options.to, stop);
  if (!sink)
    return fail(sink.error().c_str());
  event_batcher batcher{**sink, batch_topic(options.to), options.to.batch_max};
  replayer to{options, batcher, stop};
  auto totals = send_all(*rows, to, options.skip_bad);
  auto code = finish_sending(batcher, **sink, totals.last, describe(options.to));
  if (rows->empty_values() > 0 || totals.bad_rows > 0)
    std::fprintf(stderr, "weir: passed over %llu empty values and %llu bad rows\n",
                 static_cast<unsigned long long>(rows->empty_values()),
                 static_cast<unsigned long long>(totals.bad_rows));
  return code;
}

int replay(const replay_options& options) {
  if (auto valid = check_sink(options.to); !valid)
    return fail(valid.error().c_str(), exit_usage);
  if (auto valid = check_csv(options.csv); !valid)
    return fail(valid.error().c_str(), exit_usage);
  if (options.file == "-")
    return replay_stream(std::cin, options);
  std::ifstream in{options.file, std::ios::binary};
  if (!in)
    return fail(("cannot read " + options.file).c_str());
  return replay_stream(in, options);
}

} // namespace

void add_replay_command(CLI::App& parent, chosen_action& chosen) {
  auto* command = parent.add_subcommand("replay", manual_text);
  command->footer(examples);
  auto options = std::make_shared<replay_options>();
  options->to.topic = "plant/{source}/{metric}";
  command->add_option("FILE", options->file, "CSV file; - is standard input.")
    ->required();
  add_csv_options(*command, options->csv, true);
  command->add_flag("--skip-bad", options->skip_bad, "Count bad rows and go on.")
    ->group("Columns");
  auto* speed
    = command->add_option("--speed", options->speed, "Times the pace of the file.");
  speed->check(CLI::Range(0.001, 1e6))
    ->type_name("N")
    ->capture_default_str()
    ->group("Time");
  auto* fast = command->add_flag("--as-fast-as-possible", options->as_fast_as_possible,
                                 "Do not wait between rows.");
  fast->group("Time")->excludes(speed);
  command
    ->add_flag("--shift-to-now", options->shift_to_now,
               "Stamp events with the time of sending.")
    ->group("Time")
    ->excludes(fast);
  add_sink_options(*command, options->to);
  command->callback(
    [options, &chosen] { chosen = [options] { return replay(*options); }; });
}

} // namespace weir::cli
