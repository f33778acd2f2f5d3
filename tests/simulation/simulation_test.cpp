// SIMULATION: days of ten edges and their centre, with every fault that the link, the
// processes and the clocks can have. More and longer runs:
//
//   WEIR_SIMULATION_SEED=1000 WEIR_SIMULATION_RUNS=50 weir_simulation_tests "[long]"
//
// A failure names its seed; the same seed fails again in the same way.
#include "tests/simulation/simulation.hpp"

#include <catch2/catch.hpp>

#include <cstdlib>
#include <iostream>

using namespace weir::simulation;

namespace {

std::uint64_t from_environment(const char* name, std::uint64_t otherwise) {
  const auto* text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

simulation_config with_all_faults(std::uint64_t seed) {
  simulation_config result;
  result.seed = seed;
  result.faults = all_faults();
  result.link = {};
  return result;
}

simulation_config with_too_long_outage(std::uint64_t seed) {
  auto result = with_all_faults(seed);
  result.edges = 4;
  result.length_ns = 4 * day_ns;
  result.outage_begin_ns = 6 * hour_ns;
  result.outage_end_ns = 3 * day_ns;
  result.outbox_bytes_max = 160 << 10;
  return result;
}

void expect_no_problems(const simulation_config& config,
                        const simulation_result& result) {
  INFO("WEIR_SIMULATION_SEED=" << config.seed);
  INFO(to_string(result));
  CHECK(result.problems.empty());
}

} // namespace

TEST_CASE("a day without faults: every event is in its window", "[simulation]") {
  simulation_config config;
  config.length_ns = day_ns;
  auto result = simulate(config);
  expect_no_problems(config, result);
  CHECK(result.events > 30'000);
}

TEST_CASE("days with all faults: every event is in exactly one window",
          "[simulation]") {
#ifdef __SANITIZE_ADDRESS__
  auto seed = GENERATE(2u); // Days take their time with all checks on.
#else
  auto seed = GENERATE(1u, 2u, 3u);
#endif
  auto config = with_all_faults(seed);
  auto result = simulate(config);
  expect_no_problems(config, result);
  CHECK(result.edges.kills > 50);
  CHECK(result.edges.stops > 5);
  CHECK(result.edges.clock_jumps > 20);
  CHECK(result.centre_kills > 0);
  CHECK(result.cuts > 50);
  CHECK(result.fates.late > 0);
  CHECK(result.fates.duplicates > 100);
  CHECK(result.fates.quarantined > 0);
  CHECK(result.duplicate_blocks > 0);
}

TEST_CASE("the same seed gives the same run to the step", "[simulation]") {
  auto config = with_all_faults(4);
  config.edges = 3;
  config.length_ns = day_ns;
  auto first = simulate(config);
  auto second = simulate(config);
  CHECK(first.trace == second.trace);
  CHECK(first.steps == second.steps);
  config.seed = 5;
  CHECK(simulate(config).trace != first.trace);
}

TEST_CASE("after days without link everything arrives, what is new beside it",
          "[simulation]") {
  auto config = with_too_long_outage(7);
  config.outbox_bytes_max = 4 << 20;
  auto result = simulate(config);
  expect_no_problems(config, result);
  CHECK(result.edges.lanes > 0);
  CHECK(result.coalesced == 0);
}

TEST_CASE("an outage that is longer than the outbox has room for costs resolution, "
          "but no event",
          "[simulation]") {
  auto seed = GENERATE(8u, 9u);
  auto config = with_too_long_outage(seed);
  auto result = simulate(config);
  expect_no_problems(config, result);
  CHECK(result.coalesced > 1000);
  CHECK(result.expired == 0);
}

TEST_CASE("an outage that is longer than the outbox has room for counts corrected "
          "windows once",
          "[simulation]") {
  auto config = with_too_long_outage(8);
  config.edges = 1;
  config.delayed = 0.2;
  config.faults = {};
  config.link = {0.0, 0.0, 0.0};
  auto result = simulate(config);
  expect_no_problems(config, result);
  CHECK(result.coalesced > 1000);
}

TEST_CASE("an edge that dies after every few events gets on all the same",
          "[simulation]") {
  simulation_config config;
  config.seed = 6;
  config.edges = 2;
  config.length_ns = 6 * hour_ns;
  config.faults.kills_on_delivery = 0.3;
  // Each life takes a segment of the journal: what it knows of old events gets short.
  config.duplicates = 0.0;
  auto result = simulate(config);
  expect_no_problems(config, result);
  CHECK(result.edges.kills > 100);
}

TEST_CASE("without the journal the same harness finds lost events", "[simulation]") {
  auto config = with_all_faults(1);
  config.edges = 3;
  config.length_ns = day_ns;
  config.journal = false;
  auto result = simulate(config);
  INFO(to_string(result));
  CHECK_FALSE(result.problems.empty());
}

TEST_CASE("any number of runs", "[.][long]") {
  auto seed = from_environment("WEIR_SIMULATION_SEED", 1);
  for (auto left = from_environment("WEIR_SIMULATION_RUNS", 1); left > 0; --left) {
    auto config = with_all_faults(seed++);
    auto result = simulate(config);
    std::cout << "seed " << config.seed << ": " << to_string(result) << std::endl;
    expect_no_problems(config, result);
  }
}
