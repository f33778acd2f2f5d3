// The plant's fault schedule: which machine gets which fault, when and how
// strong. Faults arrive as a Poisson process over the whole plant; kinds and
// machines are drawn evenly. A machine has at most one fault at a time; what is
// drawn for a busy machine is drawn again for another one, and skipped when all
// are busy.
//
//   kind          lasts        magnitude              reading while it lasts
//   bearing_wear  10..40 min   4..9 mm/s at the end   vibration grows
//   exponentially,
//                                                     current and temperature
//                                                     follow
//   stuck_sensor  2..10 min    the value held         the last reading, for
//   ever step          1..5 min     8..16 spreads          true value +
//   magnitude spike         1..3 samples 10..20 spreads         true value +
//   magnitude drift         10..30 min   8..16 spreads          rises in a line
//   to + magnitude
//
// "Spread" is the usual standard deviation of the metric within some minutes at
// constant shift (plant_simulator.hpp). Magnitudes are logged in the metric's
// unit.
#pragma once

#include "analytics/simulation/random_stream.hpp"

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace weir::analytics::simulation {

enum class plant_metric : std::uint8_t { temperature, vibration, current, rpm };
inline constexpr std::size_t plant_metric_count = 4;
std::string_view to_string(plant_metric x);

/// Usual standard deviation of a reading, in its unit: degrees Celsius, mm/s,
/// ampere, 1/min.
double spread_of(plant_metric x);

enum class fault_kind : std::uint8_t { bearing_wear, stuck_sensor, step, spike, drift };
inline constexpr std::size_t fault_kind_count = 5;
std::string_view to_string(fault_kind x);

struct plant_fault {
  fault_kind kind = fault_kind::spike;
  std::size_t machine = 0;
  plant_metric metric = plant_metric::vibration; ///< bearing_wear: vibration.
  std::int64_t start_ns = 0;                     ///< On the sampling grid.
  std::int64_t end_ns = 0;                       ///< First sample without the fault.
  double magnitude = 0.0;                        ///< stuck_sensor: set when it begins.

  /// 0 at the start, 1 at the end.
  double progress(std::int64_t time_ns) const;
};

struct fault_schedule_config {
  std::uint64_t seed = 1;
  std::size_t machines = 20;
  std::int64_t start_ns = 0;
  std::int64_t interval_ns = 1'000'000'000; ///< Of samples.
  double faults_per_hour = 6.0;             ///< Of the whole plant; 0: none.
  /// Seconds after the start at which the first fault begins: a step of
  /// first_fault_magnitude mm/s of vibration for two minutes, far beyond every
  /// alarm limit, so that a demonstration has something to show. 0: by chance.
  double first_fault_after_s = 0.0;
};
inline constexpr double first_fault_magnitude = 6.0;

class fault_schedule {
public:
  explicit fault_schedule(const fault_schedule_config& config);

  /// Ends what is over and begins what is due at `time_ns`; returns what began.
  std::span<plant_fault> advance(std::int64_t time_ns);

  /// The fault of a machine at the time of the last advance(), or null.
  plant_fault* of_machine(std::size_t machine);

  std::uint64_t skipped() const {
    return skipped_;
  }

private:
  void draw_next_start();
  std::optional<std::size_t> draw_idle_machine();
  plant_fault draw_fault(std::size_t machine, std::int64_t start_ns);
  std::int64_t on_grid(double seconds) const;

  fault_schedule_config config_;
  random_stream random_;
  std::int64_t next_start_ns_ = std::numeric_limits<std::int64_t>::max();
  double next_start_s_ = 0.0;
  bool demonstrate_ = false;
  std::vector<plant_fault> active_; // Those that just began stand at the end.
  std::uint64_t skipped_ = 0;
};

} // namespace weir::analytics::simulation
