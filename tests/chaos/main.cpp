// weir-chaos: starts a broker, a centre and an edge, feeds events of known identity,
// does what the seed says to them, and compares every event. See docs/developer.md.
#include "tests/chaos/checker.hpp"
#include "tests/chaos/fault_plan.hpp"
#include "tests/chaos/feed.hpp"
#include "tests/chaos/options.hpp"
#include "tests/chaos/recovery.hpp"
#include "tests/chaos/world.hpp"
#include "tests/support/temp_dir.hpp"
#include "tests/support/wait_until.hpp"

#include <cstdio>
#include <cstdlib>
#include <optional>
#include <stdexcept>
#include <thread>

#include <unistd.h>

using namespace weir::chaos;
using namespace std::chrono_literals;

namespace {

constexpr int exit_good = 0;
constexpr int exit_violated = 1;
constexpr int exit_failed = 2;   // The run itself did not work.
constexpr int exit_skipped = 77; // The programs cannot be configured so.

constexpr std::size_t mqtt_workers = 2;
constexpr std::size_t zmq_workers = 2;

struct mutant {
  std::string edge_extra;
  bool broker_persists = true;
};

/// What is broken on purpose, so that the harness must find it.
std::optional<mutant> find_mutant(const std::string& name) {
  if (name.empty())
    return mutant{};
  if (name == "no-journal")
    return mutant{"[journal]\nenabled = false\n"};
  if (name == "no-dedupe")
    return mutant{"[ingest.duplicates]\nenabled = false\n"};
  if (name == "lossy-broker")
    return mutant{"", false};
  return std::nullopt;
}

event_grid make_grid(const options& what) {
  event_grid grid;
  grid.seed = what.seed;
  grid.start_ns = (wall_ns() / 1'000'000'000 + 1) * 1'000'000'000;
  auto per_series = 1'000'000'000 / grid.step_ns;
  auto series = static_cast<std::int64_t>(what.rate) / per_series;
  auto workers = static_cast<std::int64_t>(mqtt_workers + zmq_workers);
  grid.devices = static_cast<std::size_t>(std::max<std::int64_t>(1, series / workers));
  return grid;
}

feeds start_feeds(const options& what, const event_grid& grid, world& system,
                  std::vector<std::unique_ptr<worker_ledger>>& ledgers) {
  feeds result;
  for (std::size_t i = 0; i < mqtt_workers + zmq_workers; ++i) {
    feed_config config;
    config.worker = i;
    config.grid = grid;
    config.port = system.mqtt_port();
    config.topic = "chaos/" + std::to_string(i);
    config.endpoint = system.zmq_endpoint();
    if (what.overlap) {
      config.overlap = 2s;
      config.overlap_messages = 50;
    }
    ledgers.push_back(std::make_unique<worker_ledger>(
      system.directory() / ("owed-" + std::to_string(i) + ".log")));
    if (i < mqtt_workers) {
      result.all.push_back(make_mqtt_feed(config, *ledgers.back()));
      result.mqtt.push_back(result.all.back().get());
    } else {
      config.tick = 20ms; // Finer: it measures how soon the edge works again.
      result.all.push_back(make_zmq_feed(config, *ledgers.back()));
      result.zmq.push_back(result.all.back().get());
    }
  }
  return result;
}

/// A broker keeps nothing for an edge that it has never seen.
void wait_until_subscribed(const world& system) {
  auto subscribed = [&] {
    return weir::test::read_file(system.directory() / "edge.log")
             .find("source mqtt is connected")
           != std::string::npos;
  };
  if (!weir::test::wait_until(subscribed, 30s))
    throw std::runtime_error("the edge did not subscribe within 30 s");
}

/// Waits until messages of every feed are acknowledged and the centre has data.
void wait_until_all_works(const world& system, const feeds& sources) {
  auto works = [&] {
    for (auto& x : sources.all)
      if (x->acknowledged() < 5)
        return false;
    return system.centre_progress().value_or(0) > 0;
  };
  if (!weir::test::wait_until(works, 30s))
    throw std::runtime_error("the system did not come up within 30 s");
}

/// Waits until the last windows are closed, sent and stored: the outbox is empty and
/// nothing new is stored for 3 s. False after `limit`.
bool wait_until_quiet(const world& system, std::chrono::milliseconds idle_timeout,
                      std::chrono::seconds limit) {
  auto deadline = std::chrono::steady_clock::now() + limit;
  std::this_thread::sleep_for(idle_timeout + 1500ms);
  std::optional<std::uint64_t> before;
  for (auto quiet = 0; std::chrono::steady_clock::now() < deadline;) {
    auto now = system.centre_progress();
    quiet = now && now == before && system.outbox_records() == std::uint64_t{0}
              ? quiet + 1
              : 0;
    if (quiet == 6)
      return true;
    before = now;
    std::this_thread::sleep_for(500ms);
  }
  return false;
}

struct run_result {
  verdict events;
  std::vector<std::string> findings;
  std::size_t left_in_outbox = 0;
  std::uint64_t quarantined = 0;
};

/// Stops what is left, in order, and reads what is stored.
run_result finish(world& system, feeds& sources, const event_grid& grid,
                  const std::vector<std::unique_ptr<worker_ledger>>& ledgers) {
  run_result result;
  for (auto& x : sources.all)
    if (!x->finish(60s))
      result.findings.push_back("a feed's last messages were not acknowledged in 60 s");
  if (!wait_until_quiet(system, 5s, 120s))
    result.findings.push_back("the outbox was not empty after 120 s");
  for (auto x : {program::edge, program::centre, program::broker})
    if (auto status = system.stop(x); status != 0)
      result.findings.push_back(std::string{"the "} + to_string(x)
                                + " stopped with status " + std::to_string(status));
  auto store = read_whole_store(system.store_directory());
  result.events = compare(grid, ledgers, store, "edge-1");
  result.quarantined = store.quarantined;
  result.left_in_outbox = count_outbox_blocks(system.edge_directory() / "outbox");
  if (store.positions.size() != 1)
    result.findings.push_back("the centre knows "
                              + std::to_string(store.positions.size())
                              + " epochs of the edge instead of one");
  return result;
}

std::string temporary_directory() {
  std::string name = std::filesystem::temp_directory_path() / "weir-chaos-XXXXXX";
  if (::mkdtemp(name.data()) == nullptr)
    throw std::runtime_error("cannot make " + name);
  return name;
}

void print_times(const char* what, const std::vector<double>& times) {
  std::printf("  %-34s p50 %7.0f ms, p99 %7.0f ms, max %7.0f ms, n = %zu\n", what,
              percentile(times, 0.5), percentile(times, 0.99), percentile(times, 1.0),
              times.size());
}

void print_report(const options& what, const run_result& result, const fault_plan& plan,
                  const recovery_watch& watch, const feeds& sources) {
  const auto& x = result.events;
  for (auto& finding : result.findings)
    std::printf("  FINDING: %s\n", finding.c_str());
  for (auto& finding : x.findings)
    std::printf("  FINDING: %s\n", finding.c_str());
  std::printf("  kills: %zu edge, %zu centre, %zu broker; %zu stops, %zu partitions\n",
              plan.kills(program::edge), plan.kills(program::centre),
              plan.kills(program::broker), plan.stops(), plan.partitions());
  std::uint64_t repeated = 0;
  for (auto& f : sources.all)
    repeated += f->repeated();
  std::printf("  events owed %llu, in doubt %llu, lost %llu, doubled %llu, changed "
              "%llu, strange %llu\n",
              static_cast<unsigned long long>(x.events),
              static_cast<unsigned long long>(x.in_doubt),
              static_cast<unsigned long long>(x.lost),
              static_cast<unsigned long long>(x.doubled),
              static_cast<unsigned long long>(x.changed),
              static_cast<unsigned long long>(x.strange));
  std::printf("  wide windows %llu, wrong %llu; quarantine %llu; left in the outbox "
              "%zu; messages repeated for the broker %llu\n",
              static_cast<unsigned long long>(x.wide_windows),
              static_cast<unsigned long long>(x.wide_wrong),
              static_cast<unsigned long long>(result.quarantined),
              result.left_in_outbox, static_cast<unsigned long long>(repeated));
  print_times("edge: restart to first new ack", watch.times_ms(program::edge));
  print_times("edge: restart to broker's messages", watch.edge_mqtt_ms());
  print_times("centre: restart to new data stored", watch.times_ms(program::centre));
  print_times("broker: restart to messages through", watch.times_ms(program::broker));
  std::vector<double> all;
  for (auto p : programs)
    all.insert(all.end(), watch.times_ms(p).begin(), watch.times_ms(p).end());
  auto time
    = [&](program p, double part) { return percentile(watch.times_ms(p), part); };
  std::printf(
    "{\"kills\":%zu,\"events\":%llu,\"lost\":%llu,\"doubled\":%llu,"
    "\"recovery_p50_ms\":%.0f,\"recovery_p99_ms\":%.0f,\"seed\":%llu,"
    "\"kills_edge\":%zu,\"kills_centre\":%zu,\"kills_broker\":%zu,\"stops\":%zu,"
    "\"partitions\":%zu,\"changed\":%llu,\"strange\":%llu,\"wide_windows\":%llu,"
    "\"wide_wrong\":%llu,\"recovery_edge_p50_ms\":%.0f,\"recovery_edge_p99_ms\":%.0f,"
    "\"recovery_centre_p50_ms\":%.0f,\"recovery_centre_p99_ms\":%.0f,"
    "\"recovery_broker_p50_ms\":%.0f,\"recovery_broker_p99_ms\":%.0f,"
    "\"findings\":%zu}\n",
    plan.kills(), static_cast<unsigned long long>(x.events),
    static_cast<unsigned long long>(x.lost), static_cast<unsigned long long>(x.doubled),
    percentile(all, 0.5), percentile(all, 0.99),
    static_cast<unsigned long long>(what.seed), plan.kills(program::edge),
    plan.kills(program::centre), plan.kills(program::broker), plan.stops(),
    plan.partitions(), static_cast<unsigned long long>(x.changed),
    static_cast<unsigned long long>(x.strange),
    static_cast<unsigned long long>(x.wide_windows),
    static_cast<unsigned long long>(x.wide_wrong), time(program::edge, 0.5),
    time(program::edge, 0.99), time(program::centre, 0.5), time(program::centre, 0.99),
    time(program::broker, 0.5), time(program::broker, 0.99), result.findings.size());
}

int run(const options& what) {
  auto broken = find_mutant(what.mutant);
  if (!broken)
    throw std::runtime_error("there is no mutant \"" + what.mutant + "\"");
  auto directory
    = what.directory.empty() ? temporary_directory() : what.directory.string();
  std::filesystem::create_directories(directory);
  world_config config;
  config.directory = directory;
  config.bin_directory = what.bin_directory;
  config.mosquitto_conf = what.mosquitto_conf;
  config.edge_extra = broken->edge_extra;
  config.broker_persists = broken->broker_persists;
  world system{config};
  int status = 0;
  auto answer = system.ask(
    program::edge,
    {"--config", (system.directory() / "edge.toml").string(), "--check-config"},
    &status);
  if (status != 0) {
    std::printf("%s", answer.c_str());
    std::filesystem::remove_all(directory);
    return what.mutant.empty() ? exit_failed : exit_skipped;
  }
  for (auto x : {program::broker, program::centre, program::edge})
    system.start(x);
  wait_until_subscribed(system);
  auto grid = make_grid(what);
  std::printf("chaos: seed %llu, %zu kills, %zu series, files in %s\n",
              static_cast<unsigned long long>(what.seed), what.kills,
              grid.devices * (mqtt_workers + zmq_workers), directory.c_str());
  std::fflush(stdout);
  std::vector<std::unique_ptr<worker_ledger>> ledgers;
  auto sources = start_feeds(what, grid, system, ledgers);
  wait_until_all_works(system, sources);
  recovery_watch watch{system, sources};
  fault_plan plan{what, system, watch};
  plan.run();
  auto result = finish(system, sources, grid, ledgers);
  result.findings.insert(result.findings.begin(), plan.findings().begin(),
                         plan.findings().end());
  auto good = result.events.good() && result.findings.empty();
  if (what.expect_loss) // Another kind of failure proves nothing.
    good = result.events.lost + result.events.doubled > 0;
  if (good && !what.keep)
    std::filesystem::remove_all(directory);
  else
    std::printf("  the run's files are in %s\n", directory.c_str());
  print_report(what, result, plan, watch, sources);
  return good ? exit_good : exit_violated;
}

} // namespace

int main(int argc, char** argv) {
  options what;
  int status = 0;
  if (!read_options(argc, argv, what, status))
    return status;
  try {
    return run(what);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "weir-chaos: %s\n", e.what());
    return exit_failed;
  }
}
