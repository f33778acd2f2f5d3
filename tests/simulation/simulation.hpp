// SIMULATION: some edges and their centre in one process, over virtual days, with faults
// that a seed decides; then calm, until everything has arrived; then every event must be
// in exactly one window at the centre, and all books must balance.
//
//   devices -> [edge: gate, journal, shards, outbox] ~~link~~ [centre: store] == oracle?
//
// Everything but the link and the threads is the product's own code.
#pragma once

#include "tests/simulation/simulated_centre.hpp"
#include "tests/simulation/simulated_edge.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace weir::simulation {

/// How often each kind of fault comes, by chance; 0: never.
struct fault_rates {
  std::int64_t edge_kill_mean_ns = 0; ///< Of each edge; some are stops in order.
  double kills_on_delivery = 0.0;     ///< Part of the events that end in a kill.
  std::int64_t centre_kill_mean_ns = 0;
  std::int64_t cut_mean_ns = 0; ///< Of each link.
  std::int64_t outage_max_ns = 6 * hour_ns;
  std::int64_t clock_error_mean_ns = 0; ///< Of each edge.
  std::int64_t drift_max_ppm = 0;
};

/// All of them, so that an edge sees some of each a day.
fault_rates all_faults();

struct simulation_config {
  std::uint64_t seed = 1;
  std::size_t edges = 10;
  std::int64_t length_ns = 2 * day_ns; ///< Then calm.
  fault_rates faults;
  link_config link{0.0, 0.0, 0.0};
  std::size_t outbox_bytes_max = 4 << 20;
  std::int64_t event_mean_ns = 20 * second_ns; ///< Of each edge.
  double delayed = 0.05;                       ///< Of events, up to an hour.
  double duplicates = 0.03;                    ///< Of events, some minutes later.
  bool journal = true;

  /// All links are cut in this span, if it is not empty.
  std::int64_t outage_begin_ns = 0;
  std::int64_t outage_end_ns = 0;
};

struct simulation_result {
  std::vector<std::string> problems; ///< What must not be, in sentences.

  // What happened, to show that the run was worth something.
  std::uint64_t trace = 0; ///< Equal for equal runs.
  std::uint64_t steps = 0; ///< Messages of actors.
  std::uint64_t events = 0;
  std::uint64_t windows = 0;
  event_fates fates; ///< Of all edges.
  edge_counters edges;
  link_counters links;
  std::uint64_t cuts = 0;
  std::uint64_t centre_kills = 0;
  std::uint64_t duplicate_blocks = 0;
  std::uint64_t records = 0; ///< Numbers given.
  std::uint64_t coalesced = 0;
  std::uint64_t expired = 0;
};

simulation_result simulate(const simulation_config& config);

/// For a person.
std::string to_string(const simulation_result& x);

} // namespace weir::simulation
