// A simulator against the wall clock, into a sink that keeps everything.
#include "cli/simulation_run.hpp"

#include "analytics/simulation/plant_simulator.hpp"
#include "cli/time_text.hpp"
#include "tests/cli/recording_sink.hpp"

#include <catch2/catch.hpp>

#include <sstream>

using namespace weir::cli;
namespace sim = weir::analytics::simulation;

namespace {

constexpr std::int64_t second_ns = 1'000'000'000;

sim::plant_config two_machines() {
  sim::plant_config result;
  result.machines = 2;
  result.faults_per_hour = 0.0;
  result.first_fault_after_s = 5.0;
  return result;
}

} // namespace

TEST_CASE("history is written at once, with its truth", "[cli]") {
  stop_signal stop;
  weir::test::recording_sink sink;
  event_batcher batcher{sink, "plant/{source}/{metric}", 1};
  auto start_ns = wall_clock_ns() - 3600 * second_ns;
  sim::plant_simulator simulator{two_machines(), start_ns};
  REQUIRE(add_simulated_series(simulator, batcher));
  std::ostringstream truth;
  simulation_span span{start_ns, start_ns + 60 * second_ns, second_ns};
  pacer pace{start_ns, wall_clock_ns(), 0.0};
  CHECK(run_simulation(simulator, span, pace, batcher, &truth, stop)
        == send_result::sent);
  CHECK(sink.messages.size() == 60 * 8);
  CHECK(sink.messages[0].first == "plant/m-01/temperature");
  CHECK(sink.messages[0].second.find("\"device_id\":\"m-01\"") != std::string::npos);
  CHECK(
    truth.str().starts_with("{\"kind\":\"step\",\"start_ms\":"
                            + std::to_string((start_ns + 5 * second_ns) / 1'000'000)));
}

TEST_CASE("live, no event is sent before its time", "[cli]") {
  stop_signal stop;
  weir::test::recording_sink sink;
  event_batcher batcher{sink, "all", 100};
  auto start_ns = wall_clock_ns();
  sim::plant_config config = two_machines();
  config.interval_ns = 20'000'000;
  sim::plant_simulator simulator{config, start_ns};
  REQUIRE(add_simulated_series(simulator, batcher));
  simulation_span span{start_ns, start_ns + 5 * config.interval_ns, config.interval_ns};
  pacer pace{start_ns, start_ns, 1.0};
  CHECK(run_simulation(simulator, span, pace, batcher, nullptr, stop)
        == send_result::sent);
  CHECK(wall_clock_ns() >= start_ns + 4 * config.interval_ns);
  batcher.flush();
  CHECK(batcher.events() == 5 * 8);
}

TEST_CASE("a sink that fails ends the run with its answer", "[cli]") {
  stop_signal stop;
  weir::test::recording_sink sink;
  sink.answer = send_result::failed;
  event_batcher batcher{sink, "all", 1};
  auto start_ns = wall_clock_ns() - 3600 * second_ns;
  sim::plant_simulator simulator{two_machines(), start_ns};
  REQUIRE(add_simulated_series(simulator, batcher));
  simulation_span span{start_ns, start_ns + 60 * second_ns, second_ns};
  pacer pace{start_ns, wall_clock_ns(), 0.0};
  CHECK(run_simulation(simulator, span, pace, batcher, nullptr, stop)
        == send_result::failed);
}

TEST_CASE("truths are lines of JSON, open ends are null", "[cli]") {
  std::ostringstream out;
  write_truth(out, {1'000'000, std::numeric_limits<std::int64_t>::max(), "churn", "u-1",
                    "purchase", 0.5, "a \"b\""});
  CHECK(out.str()
        == "{\"kind\":\"churn\",\"start_ms\":1,\"end_ms\":null,\"source\":\"u-1\","
           "\"metric\":\"purchase\",\"magnitude\":0.5,\"detail\":\"a "
           "\\\"b\\\"\"}\n");
}

TEST_CASE("the wait for a signal ends with it, and leaves no signal blocked", "[cli]") {
  sigset_t blocked;
  {
    stop_signal stop;
    CHECK_FALSE(stop.requested());
    REQUIRE(::raise(SIGTERM) == 0);
    CHECK(stop.wait_until(wall_clock_ns() + 3600 * second_ns));
    CHECK(stop.requested());
  }
  REQUIRE(::pthread_sigmask(SIG_BLOCK, nullptr, &blocked) == 0);
  CHECK(sigismember(&blocked, SIGTERM) == 0);
}
