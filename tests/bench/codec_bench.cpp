#include "tests/bench/codec_bench.hpp"

#include "analytics/aggregates.hpp"
#include "analytics/extended_aggregates.hpp"
#include "analytics/open_window.hpp"
#include "storage/bit_stream.hpp"
#include "storage/float_column.hpp"
#include "storage/series_block.hpp"
#include "tests/bench/storage_samples.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <random>
#include <string>
#include <utility>
#include <vector>

namespace weir::bench {

namespace {

using clock = std::chrono::steady_clock;
using analytics::summary;
using storage::sample_columns;

constexpr std::size_t window_samples = 10;

/// Sums over the series of one file.
struct figures {
  std::string name;
  std::size_t series = 0;
  double samples = 0;
  double sample_bytes = 0;
  double value_bytes = 0;
  double summaries = 0;
  double summary_bytes = 0;
  double median_bytes = 0; ///< The same with a sketch for the median each.
  double median_plain_bytes = 0;
  double encode_s = 0;
  double decode_s = 0;
  double summary_encode_s = 0;
  double summary_decode_s = 0;

  void add(const figures& x) {
    series += x.series;
    samples += x.samples;
    sample_bytes += x.sample_bytes;
    value_bytes += x.value_bytes;
    summaries += x.summaries;
    summary_bytes += x.summary_bytes;
    median_bytes += x.median_bytes;
    median_plain_bytes += x.median_plain_bytes;
    encode_s += x.encode_s;
    decode_s += x.decode_s;
    summary_encode_s += x.summary_encode_s;
    summary_decode_s += x.summary_decode_s;
  }
};

double seconds_since(clock::time_point start) {
  return std::chrono::duration<double>(clock::now() - start).count();
}

/// The shortest of some runs: what others on this machine take is not its own.
template <class Fun>
double best_seconds(Fun&& fun) {
  double best = 1e9;
  for (int i = 0; i < 5; ++i) {
    auto start = clock::now();
    fun();
    best = std::min(best, seconds_since(start));
  }
  return best;
}

[[noreturn]] void not_the_same(const figures& x) {
  std::fprintf(stderr, "%s: a block does not give back what was put in\n",
               x.name.c_str());
  std::exit(1);
}

bool same_bits(std::span<const double> a, std::span<const double> b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](double x, double y) {
    return std::bit_cast<std::uint64_t>(x) == std::bit_cast<std::uint64_t>(y);
  });
}

void measure_samples(const sample_columns& xs, std::size_t per_block, figures& sum) {
  sample_columns back;
  for (std::size_t at = 0; at < xs.size(); at += per_block) {
    auto count = std::min(per_block, xs.size() - at);
    auto times = std::span{xs.time_ns}.subspan(at, count);
    auto values = std::span{xs.value}.subspan(at, count);
    std::string block;
    sum.encode_s += best_seconds([&] { block = storage::encode_block(times, values); });
    sum.decode_s += best_seconds([&] {
      if (!storage::decode_block(block, back))
        not_the_same(sum);
    });
    if (!std::equal(times.begin(), times.end(), back.time_ns.begin())
        || !same_bits(values, back.value))
      not_the_same(sum);
    storage::bit_writer column;
    storage::encode_floats(values, {}, storage::no_decimals, column);
    sum.samples += static_cast<double>(count);
    sum.sample_bytes += static_cast<double>(block.size());
    sum.value_bytes += static_cast<double>(column.size_bits()) / 8;
  }
}

/// As if the samples had come each second: windows of 10 s.
std::vector<summary> windows_of(const sample_columns& xs) {
  std::vector<summary> result;
  for (std::size_t at = 0; at + window_samples <= xs.size(); at += window_samples) {
    analytics::open_window window;
    for (std::size_t i = at; i < at + window_samples; ++i)
      window.begin_or_add(1'700'000'000 * second_ns
                            + static_cast<std::int64_t>(i) * second_ns,
                          xs.value[i]);
    window.start_ns = window.first_ns;
    result.push_back(window.close(window_samples * second_ns));
  }
  return result;
}

/// Gives each window's summary the sketch of its quantiles.
void add_medians(const sample_columns& xs, std::vector<summary>& windows) {
  static const auto plan = analytics::parse_aggregates({"median"}).value();
  for (std::size_t i = 0; i < windows.size(); ++i) {
    analytics::extended_aggregates sketch{plan};
    for (std::size_t j = 0; j < window_samples; ++j)
      sketch.add(0, xs.value[i * window_samples + j]);
    sketch.encode(windows[i].extended);
  }
}

void measure_medians(std::span<const summary> xs, std::size_t per_block, figures& sum) {
  for (std::size_t at = 0; at < xs.size(); at += per_block) {
    auto some = xs.subspan(at, std::min(per_block, xs.size() - at));
    sum.median_bytes += static_cast<double>(storage::encode_block(some).size());
    sum.median_plain_bytes
      += static_cast<double>(storage::encode_block(some, 0).size());
  }
}

void measure_summaries(std::span<const summary> xs, std::size_t per_block,
                       figures& sum) {
  std::vector<summary> back;
  for (std::size_t at = 0; at < xs.size(); at += per_block) {
    auto some = xs.subspan(at, std::min(per_block, xs.size() - at));
    std::string block;
    sum.summary_encode_s += best_seconds([&] { block = storage::encode_block(some); });
    sum.summary_decode_s += best_seconds([&] {
      if (!storage::decode_block(block, back))
        not_the_same(sum);
    });
    // Not by comparing them: no NaN is the same as any.
    if (storage::encode_block(back) != block)
      not_the_same(sum);
    sum.summaries += static_cast<double>(some.size());
    sum.summary_bytes += static_cast<double>(block.size());
  }
}

figures measure(std::string name, const std::vector<sample_columns>& all,
                std::size_t per_block) {
  figures sum;
  sum.name = std::move(name);
  for (const auto& xs : all) {
    if (xs.size() < 2 * window_samples)
      continue;
    ++sum.series;
    measure_samples(xs, per_block, sum);
    auto windows = windows_of(xs);
    measure_summaries(windows, per_block / 3, sum);
    add_medians(xs, windows);
    measure_medians(windows, per_block / 3, sum);
  }
  return sum;
}

// -- series --------------------------------------------------------------------

std::vector<sample_columns> columns_of(const std::filesystem::path& file) {
  std::vector<sample_columns> result;
  for (auto& x : read_csv(file)) {
    auto& columns = result.emplace_back();
    columns.time_ns = std::move(x.time_ns);
    columns.value = std::move(x.value);
  }
  return result;
}

/// Steps of 1/`per_unit`, every second with some milliseconds more or less.
sample_columns made_series(double per_unit, std::int64_t jitter_ms, double noise,
                           std::uint32_t seed) {
  std::mt19937 random{seed};
  std::normal_distribution<double> normal;
  sample_columns result;
  double level = 20;
  for (std::int64_t i = 0; i < 86'400; ++i) {
    level += 0.02 * normal(random);
    auto value = level + noise * normal(random);
    auto late_ms
      = jitter_ms == 0
          ? 0
          : static_cast<std::int64_t>(random() % static_cast<unsigned>(jitter_ms));
    result.time_ns.push_back((1'700'000'000 + i) * second_ns + late_ms * 1'000'000);
    result.value.push_back(per_unit == 0 ? value
                                         : std::round(value * per_unit) / per_unit);
  }
  return result;
}

std::vector<std::pair<std::string, std::vector<sample_columns>>> made_files() {
  return {{"steps of 0.1, each second", {made_series(10, 0, 0.05, 1)}},
          {"steps of 0.01, each second", {made_series(100, 0, 0.05, 2)}},
          {"steps of 0.01, 20 ms jitter", {made_series(100, 20, 0.05, 3)}},
          {"steps of 0.001, each second", {made_series(1000, 0, 0.05, 4)}},
          {"all bits, each second", {made_series(0, 0, 0.05, 5)}}};
}

std::vector<std::pair<std::string, std::vector<sample_columns>>>
read_files(int count, char** names) {
  std::vector<std::pair<std::string, std::vector<sample_columns>>> result;
  for (int i = 0; i < count; ++i) {
    std::vector<std::filesystem::path> files{names[i]};
    if (std::filesystem::is_directory(files[0])) {
      files.clear();
      for (const auto& x : std::filesystem::recursive_directory_iterator{names[i]})
        if (x.path().extension() == ".csv")
          files.push_back(x.path());
      std::sort(files.begin(), files.end());
    }
    for (const auto& file : files) {
      auto series = columns_of(file);
      if (!series.empty())
        result.emplace_back(file.filename().string(), std::move(series));
    }
  }
  return result;
}

void print(const figures& x) {
  std::printf("%-42.42s %5zu %8.0f %8.2f %8.2f %9.2f %9.2f %9.2f %8.1f %8.1f\n",
              x.name.c_str(), x.series, x.samples, x.sample_bytes / x.samples,
              x.value_bytes / x.samples, x.summary_bytes / x.summaries,
              x.median_bytes / x.summaries, x.median_plain_bytes / x.summaries,
              x.samples / x.encode_s / 1e6, x.samples / x.decode_s / 1e6);
}

} // namespace

int run_codec_bench(int argc, char** argv) {
  auto per_block = argc > 0 ? static_cast<std::size_t>(std::atoll(argv[0])) : 1000;
  per_block = std::clamp<std::size_t>(per_block, 3, storage::block_records_max);
  auto files = argc > 1 ? read_files(argc - 1, argv + 1) : made_files();
  std::printf("%-42s %5s %8s %8s %8s %9s %9s %9s %8s %8s\n", "file", "series",
              "samples", "B/sample", "of value", "B/summary", "+ median", "no zstd",
              "enc M/s", "dec M/s");
  figures all;
  all.name = "all";
  for (const auto& [name, series] : files) {
    auto x = measure(name, series, per_block);
    if (x.samples == 0)
      continue;
    print(x);
    all.add(x);
  }
  if (all.samples == 0) {
    std::fprintf(stderr, "no file with a time in its first column\n");
    return 1;
  }
  print(all);
  std::printf("{\"bench\":\"codec\",\"samples\":%.0f,\"bytes_per_sample\":%.3f,"
              "\"bytes_per_summary\":%.3f,\"encode_samples_per_s\":%.0f,"
              "\"decode_samples_per_s\":%.0f,\"encode_summaries_per_s\":%.0f,"
              "\"decode_summaries_per_s\":%.0f}\n",
              all.samples, all.sample_bytes / all.samples,
              all.summary_bytes / all.summaries, all.samples / all.encode_s,
              all.samples / all.decode_s, all.summaries / all.summary_encode_s,
              all.summaries / all.summary_decode_s);
  return 0;
}

} // namespace weir::bench
