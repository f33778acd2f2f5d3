// A thousand edges in one process, each with its own key, session and outbox in memory,
// that wait for a centre which is away and then all come back at once.
#include "tests/bench/measure.hpp"
#include "tests/bench/storage_edge.hpp"

#include "transport/block_codec.hpp"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <memory>
#include <thread>

namespace weir::bench {

namespace {

using namespace std::chrono_literals;
using transport::uplink_entry;

struct storm_options {
  std::string endpoint;
  std::string server_key;
  std::string allow_list; ///< Written for the centre's config.
  std::size_t edges = 1000;
  std::size_t windows = 60;
  std::size_t series = 20;
  double seconds_max = 300;
};

/// What each edge has in its outbox: one block of summaries for each window.
std::vector<uplink_entry> make_entries(const storm_options& options) {
  constexpr std::int64_t width_ns = 10'000'000'000;
  analytics::record_block block;
  for (std::size_t i = 0; i < options.series; ++i)
    block.series.push_back("temperature{source=\"machine-" + std::to_string(i) + "\"}");
  std::vector<uplink_entry> result;
  auto begin = std::chrono::duration_cast<std::chrono::nanoseconds>(
                 std::chrono::system_clock::now().time_since_epoch())
                   .count()
                 / width_ns
               - static_cast<std::int64_t>(options.windows);
  for (std::size_t w = 0; w < options.windows; ++w) {
    block.summaries.clear();
    for (std::size_t i = 0; i < options.series; ++i) {
      auto value = 20.0 + static_cast<double>(i) + static_cast<double>(w % 7) / 8;
      analytics::summary x;
      x.series = static_cast<analytics::series_id>(i);
      x.start_ns = (begin + static_cast<std::int64_t>(w)) * width_ns;
      x.width_ns = width_ns;
      x.count = 100;
      x.sum = value * 100;
      x.min = value - 1.5;
      x.max = value + 1.5;
      x.mean = x.first = x.last = value;
      x.m2 = 3.25;
      x.first_ns = x.start_ns + 1'000'000;
      x.last_ns = x.start_ns + width_ns - 1'000'000;
      block.summaries.push_back(x);
    }
    uplink_entry entry;
    entry.run = 1;
    entry.first_seq = 1 + w * options.series;
    entry.seq_span = options.series;
    entry.record_count = static_cast<std::uint32_t>(options.series);
    entry.bytes = transport::encode_block(block);
    result.push_back(std::move(entry));
  }
  return result;
}

double unix_ms() {
  return std::chrono::duration<double, std::milli>(
           std::chrono::system_clock::now().time_since_epoch())
    .count();
}

int run(const storm_options& options) {
  zmq::context_t context;
  context.set(zmq::ctxopt::max_sockets, static_cast<int>(options.edges * 4 + 64));
  auto entries = make_entries(options);
  auto ends = edge_ends{options.endpoint, options.server_key};
  std::vector<std::unique_ptr<simulated_edge>> edges;
  for (std::size_t i = 0; i < options.edges; ++i)
    edges.push_back(std::make_unique<simulated_edge>(ends, context, entries, i + 1));
  write_allow_list(edges, options.allow_list);
  for (auto& x : edges)
    x->start();
  auto begin = clock::now();
  std::vector<double> done_ms(edges.size(), 0.0); // Unix time.
  std::size_t done = 0;
  while (done < edges.size() && seconds_since(begin) < options.seconds_max) {
    auto came = false;
    for (std::size_t i = 0; i < edges.size(); ++i) {
      came = edges[i]->work() || came;
      if (done_ms[i] == 0.0 && edges[i]->done()) {
        done_ms[i] = unix_ms();
        ++done;
      }
    }
    if (!came)
      std::this_thread::sleep_for(2ms);
  }
  if (done < edges.size())
    return fail(std::to_string(edges.size() - done) + " of "
                + std::to_string(edges.size()) + " edges were not caught up in time");
  double attempts = 0;
  for (auto& x : edges)
    attempts += static_cast<double>(x->attempts());
  std::sort(done_ms.begin(), done_ms.end());
  result_line{"storm"}
    .add("edges", static_cast<double>(edges.size()))
    .add("summaries", static_cast<double>(entries.back().last_seq() * edges.size()))
    .add("attempts", attempts)
    .add("first_done_unix_ms", done_ms.front())
    .add("half_done_unix_ms", done_ms[done_ms.size() / 2])
    .add("all_done_unix_ms", done_ms.back())
    .add("cpu_s", cpu_seconds())
    .print();
  return 0;
}

} // namespace

void add_storm(CLI::App& parent, action& chosen) {
  auto options = std::make_shared<storm_options>();
  auto* command
    = parent.add_subcommand("storm", "Many edges that come back at once to a centre.");
  command->add_option("--endpoint", options->endpoint)->required();
  command->add_option("--server-key", options->server_key)->required();
  command->add_option("--allow-list", options->allow_list, "TOML file to write")
    ->required();
  command->add_option("--edges", options->edges)->capture_default_str();
  command->add_option("--windows", options->windows)->capture_default_str();
  command->add_option("--series", options->series)->capture_default_str();
  command->add_option("--seconds-max", options->seconds_max)->capture_default_str();
  command->callback(
    [options, &chosen] { chosen = [options] { return run(*options); }; });
}

} // namespace weir::bench
