#include "tests/bench/query_direct.hpp"

#include "tests/bench/storage_fill.hpp"

#include <CLI/CLI.hpp>

#include <atomic>
#include <memory>
#include <mutex>
#include <random>
#include <thread>

namespace weir::bench {

namespace {

struct query_options {
  std::filesystem::path directory;
  std::string metric;
  std::size_t series = 1;
  double hours = 24;
  std::size_t points_max = 1'000'000;
  std::size_t readers = 1;
  std::size_t repeats = 100; ///< Of each reader.
  double seconds_max = 10;
  double pause_ms = 0; ///< Between two queries of a reader.
  bool writes = false;
};

struct reading {
  std::mutex mutex;
  std::vector<double> all_ms;
  std::uint64_t rows = 0;
  std::string error;
};

/// One query: that many series, one after another, as a chart or topk needs them.
void read(const storage::store& store, const std::vector<storage::stored_series>& all,
          const query_options& x, std::uint32_t seed, reading& sum) {
  std::mt19937 random{seed};
  auto from_series = all.size() > x.series ? random() % (all.size() - x.series + 1) : 0;
  auto until_ns = all.front().last_start_ns + 1;
  auto from_ns = until_ns - static_cast<std::int64_t>(x.hours * 3600e9);
  auto begin = clock::now();
  std::uint64_t rows = 0;
  std::string error;
  for (std::size_t i = 0; i < x.series && i < all.size(); ++i) {
    auto found = store.query(all[from_series + i].id, from_ns, until_ns, x.points_max);
    if (found)
      rows += found->size();
    else
      error = found.error().message;
  }
  auto ms = seconds_since(begin) * 1e3;
  std::lock_guard lock{sum.mutex};
  sum.all_ms.push_back(ms);
  sum.rows = rows;
  if (!error.empty())
    sum.error = error;
}

/// Windows of other series, as fast as the store takes them, until `over`.
std::uint64_t write_until(storage::store& store, std::int64_t end_ns,
                          const std::atomic<bool>& over) {
  std::uint64_t result = 0;
  fill_options options;
  options.full = true;
  for (std::int64_t i = 0; !over; ++i) {
    auto some = made_samples("load", 1000, 60, second_ns, end_ns + i * 60 * second_ns);
    result += fill_store(store, {std::move(some)}, options).records;
  }
  return result;
}

int run(const query_options& x) {
  auto opened = storage::store::open(bench_store(x.directory), 1);
  if (!opened)
    return fail(opened.error().message);
  auto& store = **opened;
  auto all = store.find_series({.text_contains = x.metric, .limit = 1'000'000});
  if (!all || all->empty())
    return fail(all ? "no series has \"" + x.metric + "\" in its name"
                    : all.error().message);
  reading sum;
  std::atomic<bool> over{false};
  std::uint64_t written = 0;
  std::thread writer;
  if (x.writes)
    writer = std::thread{[&] {
      written = write_until(store, all->front().last_start_ns + 60 * second_ns, over);
    }};
  auto begin = clock::now();
  std::vector<std::thread> readers;
  for (std::size_t r = 0; r < x.readers; ++r)
    readers.emplace_back([&, r] {
      for (std::size_t i = 0; i < x.repeats && seconds_since(begin) < x.seconds_max;
           ++i) {
        read(store, *all, x, static_cast<std::uint32_t>(r * 1'000'003 + i), sum);
        std::this_thread::sleep_for(
          std::chrono::duration<double, std::milli>(x.pause_ms));
      }
    });
  for (auto& reader : readers)
    reader.join();
  auto seconds = seconds_since(begin);
  over = true;
  if (writer.joinable())
    writer.join();
  if (!sum.error.empty())
    return fail(sum.error);
  auto first_ms = sum.all_ms.front();
  result_line{"query"}
    .add("first_ms", first_ms)
    .add("p50_ms", quantile(sum.all_ms, 0.5))
    .add("p95_ms", quantile(sum.all_ms, 0.95))
    .add("p99_ms", quantile(sum.all_ms, 0.99))
    .add("queries", static_cast<double>(sum.all_ms.size()))
    .add("rows", static_cast<double>(sum.rows))
    .add("written_per_s", static_cast<double>(written) / seconds)
    .print();
  return 0;
}

} // namespace

void add_query_direct(CLI::App& parent, action& chosen) {
  auto options = std::make_shared<query_options>();
  auto& x = *options;
  auto* command = parent.add_subcommand("query", "Reads series of a store.");
  command->add_option("--directory", x.directory)->required();
  command->add_option("--metric", x.metric)->required();
  command->add_option("--series", x.series, "Of one query")->capture_default_str();
  command->add_option("--hours", x.hours)->capture_default_str();
  command->add_option("--points-max", x.points_max)->capture_default_str();
  command->add_option("--readers", x.readers)->capture_default_str();
  command->add_option("--repeats", x.repeats)->capture_default_str();
  command->add_option("--seconds-max", x.seconds_max)->capture_default_str();
  command->add_option("--pause-ms", x.pause_ms)->capture_default_str();
  command->add_flag("--writes", x.writes, "A writer beside the readers");
  command->callback(
    [options, &chosen] { chosen = [options] { return run(*options); }; });
}

} // namespace weir::bench
