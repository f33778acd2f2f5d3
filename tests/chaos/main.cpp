// weir-chaos: starts a broker, a centre and an edge, feeds events of known identity,
// does what the seed says to them, and compares every event. See docs/developer.md.
#include "tests/chaos/fault_plan.hpp"
#include "tests/chaos/feed.hpp"
#include "tests/chaos/options.hpp"
#include "tests/chaos/recovery.hpp"
#include "tests/chaos/report.hpp"
#include "tests/chaos/settlement.hpp"
#include "tests/chaos/small_disk.hpp"
#include "tests/chaos/world.hpp"
#include "tests/support/temp_dir.hpp"
#include "tests/support/wait_until.hpp"

#include <cstdio>
#include <cstdlib>
#include <optional>
#include <sstream>
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

constexpr auto idle_timeout = 5000ms;

/// Room for the journal and a small outbox.
constexpr std::size_t disk_mb = 192;

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
    return mutant{"[duplicates]\nenabled = false\n"};
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
      config.overlap = 1s;
      config.overlap_messages = 25; // The broker has at most 20 on their way.
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

std::string temporary_directory() {
  std::string name = std::filesystem::temp_directory_path() / "weir-chaos-XXXXXX";
  if (::mkdtemp(name.data()) == nullptr)
    throw std::runtime_error("cannot make " + name);
  return name;
}

world_config make_world_config(const options& what, const mutant& broken,
                               const std::string& directory) {
  world_config result;
  result.directory = directory;
  result.bin_directory = what.bin_directory;
  result.mosquitto_conf = what.mosquitto_conf;
  result.edge_extra = broken.edge_extra;
  result.broker_persists = broken.broker_persists;
  result.idle_timeout_ms = idle_timeout.count();
  return result;
}

/// Whether the edge knows what it was told; says so if not.
bool accepts_config(world& system) {
  int status = 0;
  auto file = (system.directory() / "edge.toml").string();
  auto answer
    = system.ask(program::edge, {"--config", file, "--check-config"}, &status);
  if (status != 0)
    std::printf("%s", answer.c_str());
  return status == 0;
}

/// The edge's own disk, if it is to become full.
std::unique_ptr<small_disk> make_disk(const options& what, const world& system) {
  if (!what.wants("disk") || what.failpoints)
    return nullptr;
  auto result = small_disk::mount(system.edge_directory(), disk_mb);
  if (!result)
    std::printf("  skipped: full disks (mounting a tmpfs is not allowed here)\n");
  return result;
}

/// What is passed all the time. The other points are for rare moments: the tests of
/// storage/ die at each of them.
bool is_common(const std::string& failpoint) {
  for (auto* x : {"journal.append", "journal.sync", "outbox.commit", "store.commit"})
    if (failpoint.starts_with(x))
      return true;
  return false;
}

/// The common commit points that a program can be told to die at; none if it cannot.
std::vector<std::string> failpoint_names(world& system) {
  int status = 0;
  std::istringstream lines{system.ask(program::edge, {"--failpoints"}, &status)};
  std::vector<std::string> result;
  for (std::string x; status == 0 && std::getline(lines, x);)
    if (is_common(x))
      result.push_back(x);
  return result;
}

settlement go(const options& what, world& system,
              const std::vector<std::string>& failpoints) {
  auto disk = make_disk(what, system);
  for (auto x : {program::broker, program::centre, program::edge})
    system.start(x);
  wait_until_subscribed(system);
  auto grid = make_grid(what);
  std::printf("chaos: seed %llu, %zu kills, %zu series, files in %s\n",
              static_cast<unsigned long long>(what.seed), what.kills,
              grid.devices * (mqtt_workers + zmq_workers), system.directory().c_str());
  std::fflush(stdout);
  std::vector<std::unique_ptr<worker_ledger>> ledgers;
  auto sources = start_feeds(what, grid, system, ledgers);
  wait_until_all_works(system, sources);
  recovery_watch watch{system, sources};
  fault_plan plan{what, system, watch, disk.get()};
  std::vector<std::string> missed;
  if (what.failpoints)
    missed = plan.run_failpoints(failpoints);
  else
    plan.run();
  auto result = settle(system, sources, grid, ledgers, idle_timeout);
  result.findings.insert(result.findings.begin(), plan.findings().begin(),
                         plan.findings().end());
  for (auto& x : missed) {
    std::printf("  failpoint not passed: %s\n", x.c_str());
    if (is_common(x))
      result.findings.push_back(x + " was not passed");
  }
  print_report(what, result, plan, watch, sources);
  if (disk && !result.good())
    disk->save(system.directory() / "edge-disk");
  return result;
}

int run_in(const std::string& directory, const options& what, const mutant& broken) {
  world system{make_world_config(what, broken, directory)};
  if (!accepts_config(system))
    return what.mutant.empty() ? exit_failed : exit_skipped;
  std::vector<std::string> failpoints;
  if (what.failpoints)
    failpoints = failpoint_names(system);
  if (what.failpoints && failpoints.empty()) {
    std::printf("skipped: weir-edge names no failpoints\n");
    return exit_skipped;
  }
  auto result = go(what, system, failpoints);
  if (what.expect_loss) // Another kind of failure proves nothing.
    return result.events.lost + result.events.doubled > 0 ? exit_good : exit_violated;
  return result.good() ? exit_good : exit_violated;
}

int run(const options& what) {
  auto broken = find_mutant(what.mutant);
  if (!broken)
    throw std::runtime_error("there is no mutant \"" + what.mutant + "\"");
  auto directory
    = what.directory.empty() ? temporary_directory() : what.directory.string();
  std::filesystem::create_directories(directory);
  auto status = run_in(directory, what, *broken);
  if ((status == exit_good || status == exit_skipped) && !what.keep)
    std::filesystem::remove_all(directory);
  else
    std::fprintf(stderr, "weir-chaos: the run's files are in %s\n", directory.c_str());
  return status;
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
