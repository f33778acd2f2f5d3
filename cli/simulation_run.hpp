// Runs a simulator against the wall clock and sends what it makes.
#pragma once

#include "analytics/simulation/simulator.hpp"
#include "cli/event_batcher.hpp"
#include "cli/pacer.hpp"
#include "cli/stop_signal.hpp"

#include <cstdint>
#include <limits>
#include <ostream>
#include <string>

namespace weir::cli {

struct simulation_span {
  std::int64_t start_ns = 0;
  std::int64_t until_ns = std::numeric_limits<std::int64_t>::max(); ///< Excluded.
  std::int64_t interval_ns = 1'000'000'000;
};

/// Makes all series of the simulator known to the batcher, in the same order.
expected<void, std::string>
add_simulated_series(const analytics::simulation::simulator& simulator,
                     event_batcher& batcher);

/// One line: {"kind":...,"start_ms":...,"end_ms":... or null for ever,...}
void write_truth(std::ostream& out, const analytics::simulation::sim_truth& truth);

/// Steps until the end of the span or until asked to stop; `sent` in both
/// cases, or what send() said. `truth` may be null. Says on standard error when
/// it has caught up with the present.
send_result run_simulation(analytics::simulation::simulator& simulator,
                           const simulation_span& span, const pacer& pace,
                           event_batcher& batcher, std::ostream* truth,
                           stop_signal& stop);

} // namespace weir::cli
