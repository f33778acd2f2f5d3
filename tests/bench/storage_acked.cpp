// Many edges that each send a block of windows a period, as they do while all is well:
// how long it takes from a block's time until the centre has acknowledged it. A block has
// its time whether the one before it was acknowledged or not, so a centre that falls
// behind is seen. After that the same edges at once with as much as they can.
#include "tests/bench/measure.hpp"
#include "tests/bench/storage_edge.hpp"
#include "tests/bench/storage_samples.hpp"

#include "transport/block_codec.hpp"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <thread>

namespace weir::bench {

namespace {

using namespace std::chrono_literals;

struct acked_options {
  edge_ends ends;
  std::filesystem::path allow_list;
  std::filesystem::path go; ///< Begins when this file is there.
  std::size_t edges = 1000;
  std::size_t series = 50;
  double period_s = 1;
  double seconds = 10;      ///< Of blocks at their time.
  std::size_t backlog = 0;  ///< Blocks of each edge, all at once after that.
  double warm_up_s = 3;     ///< Not counted in the latencies.
  double seconds_max = 120; ///< To wait for the acknowledgements.
};

std::vector<transport::uplink_entry> make_entries(const acked_options& x,
                                                  std::size_t count) {
  std::vector<transport::uplink_entry> result;
  auto width_ns = static_cast<std::int64_t>(x.period_s * 1e9);
  auto end_ns = std::chrono::duration_cast<std::chrono::nanoseconds>(
                  std::chrono::system_clock::now().time_since_epoch())
                  .count()
                / width_ns * width_ns;
  auto samples = made_samples("load", x.series, count, width_ns, end_ns);
  analytics::record_block block;
  block.series = samples.series;
  for (std::size_t i = 0; i < count; ++i) {
    block.summaries.clear();
    for (std::size_t s = 0; s < x.series; ++s) {
      block.summaries.push_back(full_summary(samples.ends_ns[i], width_ns,
                                             samples.values[s][i],
                                             static_cast<std::uint32_t>(i * 7919 + s)));
      block.summaries.back().series = static_cast<analytics::series_id>(s);
    }
    transport::uplink_entry entry;
    entry.run = 1;
    entry.first_seq = 1 + i * x.series;
    entry.seq_span = x.series;
    entry.record_count = static_cast<std::uint32_t>(x.series);
    entry.bytes = transport::encode_block(block);
    result.push_back(std::move(entry));
  }
  return result;
}

class load {
public:
  explicit load(const acked_options& x)
    : x_(x), steady_(static_cast<std::size_t>(x.seconds / x.period_s)),
      entries_(make_entries(x, steady_ + x.backlog)) {
    context_.set(zmq::ctxopt::max_sockets, static_cast<int>(x.edges * 4 + 64));
    for (std::size_t i = 0; i < x.edges; ++i)
      edges_.push_back(
        std::make_unique<simulated_edge>(x.ends, context_, entries_, i + 1));
    acked_.resize(x.edges);
    write_allow_list(edges_, x.allow_list);
  }

  bool run() {
    while (!x_.go.empty() && !std::filesystem::exists(x_.go))
      std::this_thread::sleep_for(20ms);
    for (auto& edge : edges_) {
      edge->show(0);
      edge->start();
    }
    if (!work_until([&] { return all_done(); }))
      return false;
    begin_ = clock::now();
    if (!work_until([&] { return seconds_since(begin_) > x_.seconds && all_done(); }))
      return false;
    steady_s = seconds_since(begin_);
    if (x_.backlog == 0)
      return true;
    auto begin = clock::now();
    for (auto& edge : edges_)
      edge->show(entries_.size());
    is_steady_ = false;
    if (!work_until([&] { return all_done(); }))
      return false;
    backlog_s = seconds_since(begin);
    return true;
  }

  double steady_s = 0;
  double backlog_s = 0;
  std::vector<double> ack_ms;

  double steady_records() const {
    return static_cast<double>(steady_ * x_.series * x_.edges);
  }
  double backlog_records() const {
    return static_cast<double>(x_.backlog * x_.series * x_.edges);
  }

private:
  template <class Condition>
  bool work_until(Condition&& over) {
    auto begin = clock::now();
    while (!over()) {
      if (seconds_since(begin) > x_.seconds + x_.seconds_max)
        return false;
      auto came = false;
      for (std::size_t i = 0; i < edges_.size(); ++i) {
        if (is_steady_ && begin_ != clock::time_point{})
          edges_[i]->show(due(i));
        came = edges_[i]->work() || came;
        if (is_steady_)
          note(i);
      }
      if (!came)
        std::this_thread::sleep_for(1ms);
    }
    return true;
  }

  bool all_done() const {
    return std::all_of(edges_.begin(), edges_.end(),
                       [](const auto& x) { return x->done(); });
  }

  /// Edges are spread over the period, as their clocks would have it.
  double phase_s(std::size_t edge) const {
    return x_.period_s * static_cast<double>(edge) / static_cast<double>(x_.edges);
  }

  std::size_t due(std::size_t edge) const {
    auto blocks = (seconds_since(begin_) - phase_s(edge)) / x_.period_s + 1;
    return std::min(steady_, static_cast<std::size_t>(std::max(blocks, 0.0)));
  }

  void note(std::size_t edge) {
    for (auto through = edges_[edge]->acked_seq();
         acked_[edge] < steady_ && entries_[acked_[edge]].last_seq() <= through;
         ++acked_[edge]) {
      auto due_s = phase_s(edge) + static_cast<double>(acked_[edge]) * x_.period_s;
      if (due_s >= x_.warm_up_s)
        ack_ms.push_back((seconds_since(begin_) - due_s) * 1e3);
    }
  }

  const acked_options& x_;
  std::size_t steady_ = 0; ///< Blocks of each edge that have a time.
  std::vector<transport::uplink_entry> entries_;
  zmq::context_t context_;
  std::vector<std::unique_ptr<simulated_edge>> edges_;
  std::vector<std::size_t> acked_; ///< By edge: entries.
  clock::time_point begin_{};
  bool is_steady_ = true;
};

int run(const acked_options& options) {
  load all{options};
  if (!all.run())
    return fail("not all blocks were acknowledged in time");
  auto steady_s = std::max(all.steady_s, options.seconds);
  result_line{"acked"}
    .add("offered_per_s", all.steady_records() / options.seconds)
    .add("acked_per_s", all.steady_records() / steady_s)
    .add("ack_p50_ms", quantile(all.ack_ms, 0.5))
    .add("ack_p95_ms", quantile(all.ack_ms, 0.95))
    .add("ack_p99_ms", quantile(all.ack_ms, 0.99))
    .add("ack_max_ms", quantile(all.ack_ms, 1))
    .add("backlog_per_s",
         all.backlog_s > 0 ? all.backlog_records() / all.backlog_s : 0.0)
    .add("summaries", all.steady_records() + all.backlog_records())
    .add("cpu_s", cpu_seconds())
    .print();
  return 0;
}

} // namespace

void add_storage_acked(CLI::App& parent, action& chosen) {
  auto options = std::make_shared<acked_options>();
  auto& x = *options;
  x.ends.backoff_max = 1000ms;
  auto* command = parent.add_subcommand("acked", "Many edges that send steadily.");
  command->add_option("--endpoint", x.ends.endpoint)->required();
  command->add_option("--server-key", x.ends.server_key)->required();
  command->add_option("--allow-list", x.allow_list, "TOML file to write")->required();
  command->add_option("--go", x.go, "Begin when this file is there");
  command->add_option("--edges", x.edges)->capture_default_str();
  command->add_option("--series", x.series)->capture_default_str();
  command->add_option("--period-s", x.period_s)->capture_default_str();
  command->add_option("--seconds", x.seconds)->capture_default_str();
  command->add_option("--backlog", x.backlog, "Blocks of each edge at the end")
    ->capture_default_str();
  command->add_option("--warm-up-s", x.warm_up_s)->capture_default_str();
  command->add_option("--seconds-max", x.seconds_max)->capture_default_str();
  command->callback(
    [options, &chosen] { chosen = [options] { return run(*options); }; });
}

} // namespace weir::bench
