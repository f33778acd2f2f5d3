// Fills an edge's outbox as an outage does: one block of summaries for each second.
#include "tests/bench/measure.hpp"

#include "storage/outbox.hpp"
#include "transport/block_codec.hpp"

#include <CLI/CLI.hpp>

#include <ctime>
#include <memory>
#include <random>

namespace weir::bench {

namespace {

struct backlog_options {
  std::string directory;
  std::size_t seconds = 86'400;
  std::size_t series = 100;
  std::size_t size_mb = 4096;
};

/// Ten values of a sensor in a window of one second, as a summary.
analytics::summary make_summary(std::size_t series, std::int64_t start_ns,
                                std::mt19937_64& random) {
  std::uniform_real_distribution<double> noise{-1.0, 1.0};
  analytics::summary x;
  x.series = static_cast<analytics::series_id>(series);
  x.start_ns = start_ns;
  x.width_ns = 1'000'000'000;
  for (auto i = 0; i < 10; ++i) {
    auto value = 20.0 + static_cast<double>(series) + noise(random);
    auto delta = value - x.mean;
    x.count += 1;
    x.sum += value;
    x.mean += delta / static_cast<double>(x.count);
    x.m2 += delta * (value - x.mean);
    x.min = i == 0 ? value : std::min(x.min, value);
    x.max = i == 0 ? value : std::max(x.max, value);
    x.first = i == 0 ? value : x.first;
    x.last = value;
  }
  x.first_ns = start_ns + 3'000'000;
  x.last_ns = start_ns + 903'000'000;
  return x;
}

int run(const backlog_options& options) {
  storage::outbox_config config;
  config.directory = options.directory;
  config.size_bytes_max = options.size_mb << 20;
  auto outbox = storage::outbox::open(config, std::time(nullptr) * 1'000'000'000);
  if (!outbox)
    return fail(outbox.error().message);
  analytics::record_block block;
  for (std::size_t i = 0; i < options.series; ++i)
    block.series.push_back("temperature{source=\"machine-" + std::to_string(i)
                           + "\",line=\"L" + std::to_string(i % 4) + "\"}");
  std::mt19937_64 random{1};
  auto begin = (std::time(nullptr) - static_cast<std::int64_t>(options.seconds));
  std::vector<storage::new_block> waiting;
  std::uint64_t bytes = 0;
  for (std::size_t second = 0; second < options.seconds; ++second) {
    block.summaries.clear();
    for (std::size_t i = 0; i < options.series; ++i)
      block.summaries.push_back(make_summary(
        i, (begin + static_cast<std::int64_t>(second)) * 1'000'000'000, random));
    waiting.push_back({transport::encode_block(block),
                       static_cast<std::uint32_t>(block.record_count()),
                       storage::block_priority::summary});
    bytes += waiting.back().bytes.size();
    if (waiting.size() == 1000 || second + 1 == options.seconds) {
      if (auto done = (*outbox)->commit(waiting, nullptr); !done)
        return fail(done.error().message);
      waiting.clear();
    }
  }
  auto stats = (*outbox)->stats();
  result_line{"make-backlog"}
    .add("summaries", static_cast<double>(stats.records))
    .add("blocks", static_cast<double>(stats.blocks))
    .add("bytes", static_cast<double>(bytes))
    .print();
  return 0;
}

} // namespace

void add_make_backlog(CLI::App& parent, action& chosen) {
  auto options = std::make_shared<backlog_options>();
  auto* command = parent.add_subcommand("make-backlog",
                                        "Fills the outbox of an edge that is down.");
  command->add_option("--directory", options->directory)->required();
  command->add_option("--seconds", options->seconds)->capture_default_str();
  command->add_option("--series", options->series)->capture_default_str();
  command->add_option("--size-mb", options->size_mb, "budget of the outbox")
    ->capture_default_str();
  command->callback(
    [options, &chosen] { chosen = [options] { return run(*options); }; });
}

} // namespace weir::bench
