// What scripts/bench.sh storage and query do with the store itself, without a network:
// each subcommand prints one line of JSON.
#include "tests/bench/measure.hpp"
#include "tests/bench/query_direct.hpp"
#include "tests/bench/storage_bounds.hpp"
#include "tests/bench/storage_fill.hpp"

#include <CLI/CLI.hpp>

#include <cstdlib>
#include <ctime>
#include <limits>
#include <memory>

namespace weir::bench {

namespace {

struct options {
  std::filesystem::path directory;
  std::vector<std::string> sets;
  std::int64_t end_s = 0;
  std::filesystem::path out;
  std::string format = "influx";
  bool no_maintain = false;
  bool bulk = false;
  fill_options fill;
};

std::vector<std::string> parts_of(const std::string& text) {
  std::vector<std::string> result{""};
  for (auto c : text)
    if (c == ':' && result.front() != "csv" && result.front() != "open")
      result.emplace_back();
    else
      result.back().push_back(c);
  return result;
}

/// made:METRIC:SERIES:COUNT:WIDTH_S, csv:PATH or open:PATH.
sample_set make_set(const options& x) {
  sample_set result;
  auto end_s = x.end_s != 0 ? x.end_s : std::time(nullptr) / 3600 * 3600;
  for (const auto& text : x.sets) {
    sample_set some;
    auto parts = parts_of(text);
    if (text.starts_with("csv:"))
      some = csv_samples(text.substr(4));
    else if (text.starts_with("open:"))
      some = read_open_metrics(text.substr(5));
    else if (parts.size() == 5 && parts[0] == "made")
      some.push_back(made_samples(parts[1], std::stoul(parts[2]), std::stoul(parts[3]),
                                  std::stol(parts[4]) * second_ns, end_s * second_ns));
    else
      std::exit(
        fail("a set is made:METRIC:SERIES:COUNT:WIDTH_S, csv:PATH or open:PATH, "
             "not \""
             + text + "\""));
    std::move(some.begin(), some.end(), std::back_inserter(result));
  }
  return result;
}

std::unique_ptr<storage::store> open_store(const std::filesystem::path& directory,
                                           bool bulk = false) {
  auto config = bench_store(directory);
  if (bulk) // Times of long ago are no reason to move a few windows at a time.
    config.recent_age_ns_max = std::numeric_limits<std::int64_t>::max() / 4;
  auto result = storage::store::open(config, 1);
  if (!result)
    std::exit(fail(result.error().message));
  return std::move(*result);
}

int load(options x) {
  x.fill.maintains = !x.no_maintain;
  auto set = make_set(x);
  auto store = open_store(x.directory, x.bulk);
  auto before = store->stats();
  auto sum = fill_store(*store, set, x.fill);
  auto stats = store->stats();
  auto records = static_cast<double>(sum.records);
  result_line{"load"}
    .add("records", records)
    .add("records_per_s", records / sum.seconds())
    .add("commits", static_cast<double>(sum.commits))
    .add("commit_s", sum.commit_s)
    .add("maintain_s", sum.maintain_s)
    .add("flush_s", sum.flush_s)
    .add("flushed", static_cast<double>(sum.flushed))
    .add("cpu_us_per_record", 1e6 * sum.cpu_s / records)
    .add("commit_p99_ms", sum.commit_p99_ms)
    .add("maintain_p99_ms", sum.maintain_p99_ms)
    .add("bytes", static_cast<double>(stats.size_bytes - before.size_bytes))
    .add("bytes_per_record",
         static_cast<double>(stats.size_bytes - before.size_bytes) / records)
    .add("size_bytes", static_cast<double>(stats.size_bytes))
    .add("series", static_cast<double>(stats.series))
    .add("minutes", static_cast<double>(stats.minutes))
    .add("hours", static_cast<double>(stats.hours))
    .add("days", static_cast<double>(stats.days))
    .print();
  return 0;
}

int write_export(const options& x) {
  auto set = make_set(x);
  auto bytes = write_samples(
    set, x.format == "influx" ? sample_format::influx : sample_format::open_metrics,
    x.out);
  if (bytes == 0)
    return fail("cannot write " + x.out.string());
  result_line{"export"}
    .add("samples", static_cast<double>(count_samples(set)))
    .add("bytes", static_cast<double>(bytes))
    .print();
  return 0;
}

int reopen(const options& x) {
  auto begin = clock::now();
  auto store = open_store(x.directory);
  auto ms = seconds_since(begin) * 1e3;
  auto stats = store->stats();
  result_line{"reopen"}
    .add("ms", ms)
    .add("size_bytes", static_cast<double>(stats.size_bytes))
    .add("recent", static_cast<double>(stats.recent))
    .add("summaries", static_cast<double>(stats.summaries))
    .print();
  return 0;
}

void add_sets(CLI::App& to, options& x) {
  to.add_option("--set", x.sets,
                "made:METRIC:SERIES:COUNT:WIDTH_S, csv:PATH or open:PATH")
    ->required();
  to.add_option("--end", x.end_s, "Unix time of the last made sample; the last hour");
}

void add_load(CLI::App& app, options& x, action& chosen) {
  auto* command = app.add_subcommand("load", "Commits samples to a store.");
  command->add_option("--directory", x.directory)->required();
  add_sets(*command, x);
  command->add_option("--edges", x.fill.edges)->capture_default_str();
  command->add_option("--commit-records", x.fill.commit_records)->capture_default_str();
  command->add_option("--block-records", x.fill.block_records_max)
    ->capture_default_str();
  command->add_option("--seconds-max", x.fill.seconds_max)->capture_default_str();
  command->add_flag("--full", x.fill.full, "Windows of ten events");
  command->add_flag("--fat", x.fill.fat, "Their values in all bits");
  command->add_flag("--by-series", x.fill.by_series, "One series after another");
  command->add_flag("--no-maintain", x.no_maintain, "Leave it to the commits");
  command->add_flag("--bulk", x.bulk,
                    "Years at once: blocks are made when rows are many");
  command->callback([&] { chosen = [&x] { return load(x); }; });
}

} // namespace

} // namespace weir::bench

int main(int argc, char** argv) {
  using namespace weir::bench;
  CLI::App app{"The store by itself: each prints one line of JSON.",
               "weir-bench-storage"};
  app.require_subcommand(1);
  action chosen;
  options x;
  add_load(app, x, chosen);
  auto* exported = app.add_subcommand("export", "Writes samples for other databases.");
  add_sets(*exported, x);
  exported->add_option("--format", x.format)
    ->check(CLI::IsMember({"influx", "openmetrics"}));
  exported->add_option("--out", x.out)->required();
  exported->callback([&] { chosen = [&] { return write_export(x); }; });
  auto* reopened = app.add_subcommand("reopen", "Opens a store.");
  reopened->add_option("--directory", x.directory)->required();
  reopened->callback([&] { chosen = [&] { return reopen(x); }; });
  add_storage_bounds(app, chosen);
  add_query_direct(app, chosen);
  try {
    app.parse(argc, argv);
    return chosen();
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  } catch (const std::exception& error) {
    return fail(error.what());
  }
}
