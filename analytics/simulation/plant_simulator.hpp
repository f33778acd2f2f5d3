// A plant of N machine tools with four readings each, driven by shifts and by
// faults.
//
// Load and speed. A machine follows the shift plan below through a first-order
// lag of 20 s; around it swings the work cycle (a sine of 40..90 s, 15 % of the
// load) and an Ornstein-Uhlenbeck process (sigma 0.02, 30 s). s is speed /
// nominal speed, u is load / nominal load, in [0, 1.1]; w in [0, 1] is bearing
// wear.
//
//   shift (local time)    speed  load     pauses
//   early  06:00..14:00   1.00   0.80     30 min in mid shift: speed 0.30, load 0.10
//   late   14:00..22:00   0.95   0.75     last 10 min, change of shift: load 0.35
//   night  22:00..06:00   0.85   0.60
//   weekend (Saturday 06:00 to Monday 06:00): every second machine, beginning with
//   the first, works at 0.9 of the load; the others stand by (0, 0.02).
//
// Readings (nominal values differ by +-10 % from machine to machine):
//   current      I = In (0.30 s + 0.70 u + 0.15 w)       In = 32 A, noise 0.15 A
//   rpm          n = n0 s (1 - 0.025 u)                  n0 = 1480/min, noise 1/min;
//                  the slip of an induction motor grows with its torque
//   temperature  tau dT/dt = Tinf - T, tau = 30 min      noise 0.08 K
//                  Tinf = Tamb + 45 K (0.8 (I/In)^2 + 0.2 s) + 15 K w; copper
//                  losses go with the square of the current: the first-order
//                  thermal model of motor protection (IEC 60255-149), solved
//                  exactly for each step
//   vibration    v = sqrt((1.1 s)^2 + (0.9 u)^2 + b^2) mm/s rms, noise 4 %, at
//                  least 0.05; b = B (exp(4 p) - 1) / (exp(4) - 1) is the share
//                  of a worn bearing, p its progress, B its magnitude.
//                  Exponential growth: Gebraeel et al., IIE Transactions 37
//                  (2005). To compare with: zone limits 2.3 / 4.5 / 7.1 mm/s of
//                  ISO 10816-3
//   ambient      Tamb = 20 + 3 sin (peak 15:00) + 4 sin (peak in mid July) degrees C
// Wear w = b / B. When a wear fault ends, the bearing has been replaced.
//
// Readings are rounded as sensors do: 0.01 degrees C, 0.001 mm/s, 0.01 A,
// 1/min. Faults: plant_faults.hpp. Normal readings at full shift: about 55..65
// degrees C, 1.2..1.5 mm/s, 22..32 A, 1280..1600/min.
#pragma once

#include "analytics/expected.hpp"
#include "analytics/simulation/plant_faults.hpp"
#include "analytics/simulation/simulator.hpp"

#include <array>

namespace weir::analytics::simulation {

struct plant_config {
  std::uint64_t seed = 1;
  std::size_t machines = 20;                ///< 1..10,000
  std::int64_t interval_ns = 1'000'000'000; ///< Between steps; at least 1 ms.
  double faults_per_hour = 6.0;             ///< Of the whole plant; 0..100,000.
  double first_fault_after_s = 0.0;         ///< See fault_schedule_config.
  double utc_offset_hours = 0.0;            ///< Of the shift plan, -14..14.
};

/// Says which setting cannot work.
expected<void, std::string> validate(const plant_config& config);

/// What the shift plan asks of a machine.
struct plant_target {
  double speed = 0.0;
  double load = 0.0;
};
plant_target shift_target(std::size_t machine, std::int64_t time_ns,
                          double utc_offset_hours);

/// Sources are "m-01", "m-02"...; dimension "line" is "A", "B"... for each ten
/// machines. Truth: one entry per fault when it begins, with its planned end.
class plant_simulator final : public simulator {
public:
  /// @pre validate(config)
  plant_simulator(const plant_config& config, std::int64_t start_ns);

  const std::vector<sim_series>& series() const override {
    return series_;
  }
  /// One event of each series at `time_ns`. The first step may be the start.
  std::vector<sim_event> step(std::int64_t time_ns) override;
  std::vector<sim_truth> take_truth() override;

private:
  struct machine {
    explicit machine(random_stream stream) : random(stream) {
    }
    random_stream random;
    double current_nominal = 0.0;
    double rpm_nominal = 0.0;
    double vibration_nominal = 0.0;
    double rise_nominal = 0.0;
    double lag_s = 0.0;
    double cycle_s = 0.0;
    double cycle_phase = 0.0;
    double speed = 0.0;
    double load = 0.0; // Filtered target, before the swings.
    double load_noise = 0.0;
    double temperature = 0.0;
    std::array<double, plant_metric_count> readings{}; // As last sent.
  };
  struct drive {
    double speed = 0.0;
    double load = 0.0;
    double wear = 0.0;      // w
    double wear_mm_s = 0.0; // b
  };
  using readings = std::array<double, plant_metric_count>;

  void make_machine(std::size_t index);
  void begin_faults(std::int64_t time_ns);
  drive advance_drive(machine& x, std::size_t index, double dt_s, std::int64_t time_ns);
  readings measure(machine& x, const drive& now, double dt_s,
                   std::int64_t time_ns) const;
  static double thermal_target(const machine& x, const drive& now, double current,
                               double ambient);
  static void apply_fault(const plant_fault& fault, std::int64_t time_ns,
                          readings& out);

  plant_config config_;
  std::int64_t start_ns_;
  std::int64_t last_ns_;
  bool stepped_ = false;
  fault_schedule faults_;
  std::vector<machine> machines_;
  std::vector<sim_series> series_; // machine * plant_metric_count + metric
  std::vector<sim_truth> truth_;
};

} // namespace weir::analytics::simulation
