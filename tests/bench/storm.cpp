// A thousand edges in one process, each with its own key, session and outbox in memory,
// that wait for a centre which is away and then all come back at once.
#include "tests/bench/measure.hpp"

#include "transport/block_codec.hpp"
#include "transport/uplink_session.hpp"
#include "transport/zmq_support.hpp"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <fstream>
#include <memory>
#include <random>
#include <thread>

#include <sys/resource.h>

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

/// One edge: the session decides, this moves its bytes.
class storm_edge {
public:
  storm_edge(const storm_options& options, zmq::context_t& context,
             const std::vector<uplink_entry>& entries, std::uint64_t number)
    : entries_(entries), keys_(transport::make_curve_keys()),
      link_({.endpoint = options.endpoint,
             .keys = {options.server_key, keys_},
             .message_bytes_max = 2 << 20,
             .context = &context}),
      session_(session_config(options, number),
               {[this](auto after, auto size) { return read_after(after, size); },
                [] { return transport::edge_status{.version = "storm"}; },
                [this] { return entries_.back().last_seq() + 1; }}) {
  }

  const std::string& public_key() const {
    return keys_.public_key;
  }
  bool done() const {
    return session_.all_acknowledged();
  }
  std::size_t attempts() const {
    return attempts_;
  }

  void start() {
    session_.start(clock::now());
    act();
  }

  /// Does what can be done without waiting; true if something came.
  bool work() {
    auto came = false;
    if (clock::now() >= session_.next_tick())
      session_.tick(clock::now());
    act();
    while (link_.is_open()) {
      auto change = link_.next_change();
      if (!change)
        break;
      came = true;
      if (change->up)
        session_.connected(clock::now());
      else
        session_.lost(clock::now(), change->why, change->refused);
      act();
    }
    zmq::message_t frame;
    while (link_.is_open() && transport::try_receive(link_.socket(), frame)) {
      came = true;
      transport::drop_rest(link_.socket(), frame);
      if (auto message = transport::decode_uplink(frame.to_string_view()))
        session_.received(clock::now(), *message);
      else
        session_.received_unreadable(clock::now(), message.error().message);
      act();
    }
    return came;
  }

private:
  static transport::uplink_session_config session_config(const storm_options& options,
                                                         std::uint64_t number) {
    transport::uplink_session_config result; // Else as an edge has it by default.
    result.peer = options.endpoint;
    result.epoch = std::random_device{}() + (number << 32) + 1;
    result.run = 1;
    result.seed = number;
    return result;
  }

  std::vector<uplink_entry> read_after(std::uint64_t after, std::size_t size) const {
    std::vector<uplink_entry> result;
    std::size_t bytes = 0;
    for (auto& x : entries_) {
      if (x.first_seq <= after)
        continue;
      bytes += x.bytes.size();
      if (!result.empty() && bytes > size)
        break;
      result.push_back(x);
    }
    return result;
  }

  void act() {
    for (auto actions = session_.take_actions(); !actions.empty();
         actions = session_.take_actions())
      for (auto& action : actions)
        std::visit([this](auto& x) { perform(x); }, action);
  }

  void perform(transport::open_link&) {
    ++attempts_;
    if (auto opened = link_.open(); !opened)
      session_.lost(clock::now(), opened.error().message, false);
  }
  void perform(transport::close_link&) {
    link_.close();
  }
  void perform(transport::send_message& x) {
    if (!link_.is_open())
      return;
    auto bytes = transport::encode_uplink(x.message);
    if (zmq_send(link_.socket().handle(), bytes.data(), bytes.size(), ZMQ_DONTWAIT) < 0)
      session_.lost(clock::now(), "the link takes no more messages", false);
  }
  template <class Report>
  void perform(Report&) { // Nobody reads them here.
  }

  const std::vector<uplink_entry>& entries_;
  transport::curve_key_pair keys_;
  transport::dealer_connection link_;
  transport::uplink_session session_;
  std::size_t attempts_ = 0;
};

void allow_many_files() {
  rlimit files{};
  ::getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &files);
}

double unix_ms() {
  return std::chrono::duration<double, std::milli>(
           std::chrono::system_clock::now().time_since_epoch())
    .count();
}

int run(const storm_options& options) {
  allow_many_files();
  zmq::context_t context;
  context.set(zmq::ctxopt::max_sockets, static_cast<int>(options.edges * 4 + 64));
  auto entries = make_entries(options);
  std::vector<std::unique_ptr<storm_edge>> edges;
  for (std::size_t i = 0; i < options.edges; ++i)
    edges.push_back(std::make_unique<storm_edge>(options, context, entries, i + 1));
  {
    std::ofstream out{options.allow_list + ".new"};
    for (std::size_t i = 0; i < edges.size(); ++i)
      out << "[[uplink.edge]]\nname = \"edge-" << i << "\"\npublic_key = '"
          << edges[i]->public_key() << "'\n";
  }
  std::rename((options.allow_list + ".new").c_str(), options.allow_list.c_str());
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
