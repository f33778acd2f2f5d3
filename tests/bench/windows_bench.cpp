// How fast one core cuts windows, and the shard actors on all cores. Prints one line
// of JSON; windows.mjs makes a table of it. Keys: docs/benchmarks.md.
//
// Method: events lie ready in memory (random series, times that advance); one pass
// warms up (names, pages), then each repetition processes all of them again, later in
// time. The clock runs around process() only.
#include "tests/bench/measure.hpp"
#include "tests/bench/windows_actors.hpp"

#include "analytics/shard.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <random>
#include <string>
#include <vector>

namespace {

using namespace weir;
using namespace weir::analytics;
using bench::clock;

constexpr std::int64_t second_ns = 1'000'000'000;
constexpr std::size_t batch_events = 512;

struct setting {
  std::size_t series = 1000;
  std::size_t events = 4'000'000;
  std::int64_t step_ns = 10'000; ///< Between events of the whole stream.
  stream_config config;
};

stream_config plain_config() {
  stream_config config;
  config.detector.enabled = false;
  config.event_time.allowed_lateness_ns = 0;
  return config;
}

view_config session_view() {
  view_config view;
  view.name = "session";
  view.kind = window_kind::session;
  view.gap_ns = second_ns;
  return view;
}

/// Runs one setting; gives million events a second of each repetition.
class run {
public:
  explicit run(const setting& x) : table_(x.series * 2 + 1000) {
    auto program = stream_program::compile(x.config);
    if (!program) {
      std::fprintf(stderr, "%s\n", program.error().front().c_str());
      std::exit(1);
    }
    shard_ = std::make_unique<shard>(*program, table_);
    make_events(x);
    pass(); // Warm-up.
  }

  double pass() {
    double seconds = 0.0;
    for (std::size_t i = 0; i < events_.size(); i += batch_events) {
      auto count = std::min(batch_events, events_.size() - i);
      auto start = clock::now();
      shard_->process({events_.data() + i, count}, {}, out_);
      seconds += bench::seconds_since(start);
      summaries_ += out_.summaries.size();
      out_.clear();
    }
    for (auto& e : events_)
      e.time_ns += span_ns_;
    return static_cast<double>(events_.size()) / seconds / 1e6;
  }

  shard& core() {
    return *shard_;
  }
  series_table& table() {
    return table_;
  }

private:
  void make_events(const setting& x) {
    std::mt19937_64 random{1};
    std::vector<series_id> ids;
    for (std::size_t i = 0; i < x.series; ++i) {
      std::string text;
      append_canonical(
        text,
        {"metric-" + std::to_string(i % 10), "device-" + std::to_string(i / 10), {}});
      ids.push_back(*table_.intern(text));
    }
    events_.resize(x.events);
    std::int64_t time_ns = 1'790'000'000 * second_ns;
    std::normal_distribution<double> value{50.0, 5.0};
    for (auto& e : events_) {
      e.time_ns = time_ns += x.step_ns;
      e.value = value(random);
      e.series = ids[random() % ids.size()];
    }
    span_ns_ = static_cast<std::int64_t>(x.events) * x.step_ns;
  }

  series_table table_;
  std::unique_ptr<shard> shard_;
  std::vector<event> events_;
  std::int64_t span_ns_ = 0;
  shard_output out_;
  std::size_t summaries_ = 0;
};

struct outcome {
  double median, min, max;
};

outcome repeat(run& x, int repetitions) {
  std::vector<double> rates;
  for (int i = 0; i < repetitions; ++i)
    rates.push_back(x.pass());
  std::sort(rates.begin(), rates.end());
  return {rates[rates.size() / 2], rates.front(), rates.back()};
}

/// Lines of a table on standard error, numbers for the JSON line.
void show(const char* what, const outcome& x, const std::string& bound) {
  std::fprintf(stderr, "  %-44s %8.1f M/s   min %.1f, max %.1f   %s\n", what, x.median,
               x.min, x.max, bound.c_str());
}

std::string ns(double x) {
  char text[32];
  std::snprintf(text, sizeof(text), "%.1f", x);
  return text;
}

/// What the machine allows: bytes a second of a sequential read, and nanoseconds of a
/// random fetch of two neighbouring lines where many are in flight.
struct bounds {
  double read_gb_per_s = 0.0;
  double fetch_ns = 0.0;
};

bounds measure_bounds() {
  bounds result;
  std::vector<std::uint64_t> memory(64 << 20, 1); // 512 MB.
  std::uint64_t sum = 0;
  auto start = clock::now();
  for (auto x : memory)
    sum += x;
  result.read_gb_per_s
    = static_cast<double>(memory.size() * 8) / bench::seconds_since(start) / 1e9;
  struct alignas(128) line_pair {
    std::uint64_t words[16];
  };
  auto pairs = memory.size() / 16;
  auto* lines = reinterpret_cast<line_pair*>(
    (reinterpret_cast<std::uintptr_t>(memory.data()) + 127) & ~std::uintptr_t{127});
  --pairs;
  std::mt19937_64 random{2};
  std::vector<std::uint32_t> order(4'000'000);
  for (auto& x : order)
    x = static_cast<std::uint32_t>(random() % pairs);
  start = clock::now();
  for (std::size_t i = 0; i + 16 < order.size(); ++i) {
    __builtin_prefetch(&lines[order[i + 16]].words[0], 1);
    __builtin_prefetch(&lines[order[i + 16]].words[8], 1);
    lines[order[i]].words[0] += sum;
    lines[order[i]].words[8] += i;
  }
  result.fetch_ns
    = bench::seconds_since(start) * 1e9 / static_cast<double>(order.size());
  if (sum == 42)
    std::fputc(' ', stderr);
  return result;
}

double snapshot_rate(run& x, const stream_config& config, double& restore_gb) {
  std::string bytes;
  x.core().snapshot(bytes); // Warm-up: pages.
  std::vector<double> rates;
  std::vector<double> restores;
  for (int i = 0; i < 5; ++i) {
    bytes.clear();
    auto start = clock::now();
    x.core().snapshot(bytes);
    rates.push_back(static_cast<double>(bytes.size()) / bench::seconds_since(start)
                    / 1e9);
    series_table table{x.table().series_max()};
    shard restored{*stream_program::compile(config), table};
    shard_output out;
    start = clock::now();
    auto report = restored.restore(bytes, {}, out);
    restores.push_back(static_cast<double>(bytes.size()) / bench::seconds_since(start)
                       / 1e9);
    if (!report || report->series != x.core().status().series) {
      std::fprintf(stderr, "the snapshot does not come back\n");
      std::exit(1);
    }
  }
  std::sort(rates.begin(), rates.end());
  std::sort(restores.begin(), restores.end());
  restore_gb = restores[2];
  return rates[2];
}

} // namespace

int main(int argc, char** argv) {
  auto quick = argc > 1 && std::strcmp(argv[1], "--quick") == 0;
  auto repetitions = quick ? 3 : 7;
  bench::result_line line{"windows"};
  auto machine = measure_bounds();
  std::fprintf(stderr,
               "  machine: %.1f GB/s sequential read, %.1f ns for a random pair of "
               "cache lines (16 in flight)\n",
               machine.read_gb_per_s, machine.fetch_ns);
  auto stream_bound = machine.read_gb_per_s * 1e3 / sizeof(event);
  auto against_stream = [&](const outcome& x) {
    return "reading 24 B/event: " + ns(stream_bound) + " M/s, ratio "
           + ns(x.median / stream_bound * 100) + " %";
  };

  setting tumbling;
  tumbling.config = plain_config();
  tumbling.events = quick ? 2'000'000 : 4'000'000;
  outcome tumbling_rate{};
  {
    run x{tumbling};
    tumbling_rate = repeat(x, repetitions);
    show("tumbling 10 s, 1,000 series", tumbling_rate, against_stream(tumbling_rate));
    line.add("tumbling_1k_meps", tumbling_rate.median);
  }
  {
    auto many = tumbling;
    many.series = 1'000'000;
    many.events = quick ? 4'000'000 : 12'000'000;
    many.step_ns = 1'000;
    run x{many};
    auto rate = repeat(x, quick ? 3 : 5);
    auto bound = 1e3 / machine.fetch_ns;
    show("tumbling 10 s, 1,000,000 series", rate,
         "one line pair/event: " + ns(bound) + " M/s, ratio "
           + ns(rate.median / bound * 100) + " %");
    line.add("tumbling_1m_meps", rate.median);
    std::fprintf(stderr, "  %-44s %8.0f B\n",
                 "bytes per series while two windows overlap",
                 static_cast<double>(x.core().window_bytes()) / 1e6);
    double restore_gb = 0.0;
    auto gb = snapshot_rate(x, many.config, restore_gb);
    std::fprintf(stderr,
                 "  %-44s %8.2f GB/s   restore %.2f GB/s   sequential read: %.1f GB/s, "
                 "ratio %.1f %%\n",
                 "snapshot, 1,000,000 series", gb, restore_gb, machine.read_gb_per_s,
                 gb / machine.read_gb_per_s * 100);
    line.add("snapshot_gb_per_s", gb).add("restore_gb_per_s", restore_gb);
  }
  {
    // One open window each: out-of-orderness keeps a second one open at boundaries.
    auto one = tumbling;
    one.series = 1'000'000;
    one.events = 4'000'000;
    one.step_ns = 1'000;
    one.config.event_time.out_of_orderness_ns = 0;
    run x{one};
    auto per_series = static_cast<double>(x.core().window_bytes()) / 1e6;
    std::fprintf(stderr, "  %-44s %8.0f B   88 B are the aggregates themselves\n",
                 "bytes per open series, six aggregates", per_series);
    line.add("bytes_per_series", per_series);
  }
  {
    auto sketch = tumbling;
    sketch.config.window->aggregates = *parse_aggregates({"p50", "p99"});
    run x{sketch};
    auto rate = repeat(x, repetitions);
    show("tumbling with quantile sketch, 1,000 series", rate, against_stream(rate));
    line.add("sketch_1k_meps", rate.median);
    auto per_series = static_cast<double>(x.core().window_bytes()) / 1024.0;
    std::fprintf(stderr, "  %-44s %8.0f B\n", "bytes per open series with sketch",
                 per_series);
    line.add("bytes_per_series_sketch", per_series);
  }
  {
    auto hopping = tumbling;
    hopping.config.window->kind = window_kind::hopping;
    hopping.config.window->width_ns = 60 * second_ns;
    hopping.config.window->slide_ns = 10 * second_ns;
    run x{hopping};
    auto rate = repeat(x, repetitions);
    show("hopping 60 s by 10 s, 1,000 series", rate,
         against_stream(rate) + "; of tumbling "
           + ns(rate.median / tumbling_rate.median * 100) + " %");
    line.add("hopping_meps", rate.median);
  }
  {
    auto session = tumbling;
    session.step_ns = 333'000; // 3 a second and series: about 20 events a session.
    session.config.window.reset();
    session.config.views.push_back(session_view());
    run x{session};
    auto rate = repeat(x, repetitions);
    show("session, gap 1 s, 1,000 series of 3 Hz", rate, against_stream(rate));
    line.add("session_meps", rate.median);
  }
  {
    auto expression = tumbling;
    expression.config.filters.push_back(
      {"*", "*", "value > 40 and value < 60 and source != \"device-7\""});
    run x{expression};
    auto rate = repeat(x, repetitions);
    show("filter by expression, then tumbling", rate, against_stream(rate));
    line.add("expression_meps", rate.median);
  }
  std::vector<double> rates;
  for (int i = 0; i < (quick ? 3 : 5); ++i)
    rates.push_back(bench::actors_meps(quick ? 20'000'000 : 60'000'000));
  std::sort(rates.begin(), rates.end());
  outcome actors{rates[rates.size() / 2], rates.front(), rates.back()};
  show("through the shard actors, batches of 512", actors, against_stream(actors));
  line.add("actors_meps", actors.median);
  line.print();
}
