#include "analytics/simulation/plant_simulator.hpp"

#include "analytics/simulation/calendar.hpp"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <numbers>

namespace weir::analytics::simulation {

namespace {

constexpr double two_pi = 2.0 * std::numbers::pi;
constexpr double swing_s = 30.0;
constexpr double swing_sigma = 0.02;
constexpr double lag_drive_s = 20.0;
constexpr double wear_growth = 4.0;

double ambient_at(std::int64_t time_ns, double utc_offset_hours) {
  auto now = to_local(time_ns, utc_offset_hours);
  auto day = std::cos(two_pi * (now.hour - 15.0) / 24.0);
  auto year = std::cos(two_pi * (now.day_of_year - 196.0) / 365.25);
  return 20.0 + 3.0 * day + 4.0 * year;
}

/// What a first-order lag has covered of its way after `dt_s`.
double lag(double dt_s, double time_constant_s) {
  return 1.0 - std::exp(-dt_s / time_constant_s);
}

/// As the sensors do: the steps of one unit that they tell apart.
std::array<double, plant_metric_count>
rounded(std::array<double, plant_metric_count> values) {
  constexpr double steps[] = {100.0, 1000.0, 100.0, 1.0};
  for (std::size_t i = 0; i < plant_metric_count; ++i)
    values[i] = std::round(values[i] * steps[i]) / steps[i];
  return values;
}

std::string machine_name(std::size_t index) {
  auto digits = std::to_string(index + 1);
  return digits.size() < 2 ? "m-0" + digits : "m-" + digits;
}

/// A, B ... Z, AA, AB ... for each ten machines.
std::string line_name(std::size_t index) {
  std::string result;
  for (auto rest = index / 10 + 1; rest > 0; rest = (rest - 1) / 26)
    result.insert(result.begin(), static_cast<char>('A' + (rest - 1) % 26));
  return result;
}

} // namespace

expected<void, std::string> validate(const plant_config& config) {
  if (config.machines < 1 || config.machines > 10'000)
    return unexpected(std::string{"machines must be 1 to 10,000"});
  if (config.interval_ns < 1'000'000 || config.interval_ns % 1'000'000 != 0)
    return unexpected(
      std::string{"the interval must be a whole number of milliseconds"});
  if (!(config.faults_per_hour >= 0.0 && config.faults_per_hour <= 100'000.0))
    return unexpected(std::string{"faults per hour must be 0 to 100,000"});
  if (!(config.first_fault_after_s >= 0.0 && config.first_fault_after_s <= 1e6))
    return unexpected(
      std::string{"the first fault must come 0 to 1,000,000 s after the start"});
  if (!(std::abs(config.utc_offset_hours) <= 14.0))
    return unexpected(std::string{"the offset to UTC must be -14 to 14 hours"});
  return {};
}

plant_target shift_target(std::size_t machine, std::int64_t time_ns,
                          double utc_offset_hours) {
  auto now = to_local(time_ns, utc_offset_hours);
  // A working day goes from 06:00 to 06:00, so that the night shift is of one.
  auto hour = now.hour < 6.0 ? now.hour + 18.0 : now.hour - 6.0;
  auto weekday = now.hour < 6.0 ? (now.weekday + 6) % 7 : now.weekday;
  constexpr plant_target shifts[] = {{1.00, 0.80}, {0.95, 0.75}, {0.85, 0.60}};
  auto shift = std::min(static_cast<std::size_t>(hour / 8.0), std::size_t{2});
  auto in_shift = hour - 8.0 * static_cast<double>(shift);
  auto target = shifts[shift];
  if (in_shift >= 4.0 && in_shift < 4.5)
    target = {0.30, 0.10};
  else if (in_shift >= 8.0 - 1.0 / 6.0)
    target.load = 0.35;
  if (weekday >= 5) {
    if (machine % 2 == 1)
      return {0.0, 0.02};
    target.load *= 0.9;
  }
  return target;
}

plant_simulator::plant_simulator(const plant_config& config, std::int64_t start_ns)
  : config_(config), start_ns_(start_ns), last_ns_(start_ns),
    faults_({config.seed, config.machines, start_ns, config.interval_ns,
             config.faults_per_hour, config.first_fault_after_s}) {
  assert(validate(config));
  machines_.reserve(config.machines);
  for (std::size_t i = 0; i < config.machines; ++i)
    make_machine(i);
}

void plant_simulator::make_machine(std::size_t index) {
  machine x{random_stream{config_.seed, index}};
  auto vary = [&](double nominal) { return nominal * x.random.uniform(0.9, 1.1); };
  x.current_nominal = vary(32.0);
  x.rpm_nominal = vary(1480.0);
  x.vibration_nominal = vary(1.1);
  x.rise_nominal = vary(45.0);
  x.lag_s = vary(1800.0);
  x.cycle_s = x.random.uniform(40.0, 90.0);
  x.cycle_phase = x.random.uniform(0.0, two_pi);
  // Warm already: the plant has been running before the simulation begins.
  auto target = shift_target(index, start_ns_, config_.utc_offset_hours);
  x.speed = target.speed;
  x.load = target.load;
  auto current = x.current_nominal * (0.30 * x.speed + 0.70 * x.load);
  x.temperature = thermal_target(x, {x.speed, x.load, 0.0, 0.0}, current,
                                 ambient_at(start_ns_, config_.utc_offset_hours));
  const drive steady{x.speed, x.load, 0.0, 0.0};
  x.readings = rounded(measure(x, steady, 0.0, start_ns_));
  machines_.push_back(x);
  for (std::size_t m = 0; m < plant_metric_count; ++m)
    series_.push_back({std::string{to_string(static_cast<plant_metric>(m))},
                       machine_name(index),
                       source_kind::device,
                       {{"line", line_name(index)}}});
}

double plant_simulator::thermal_target(const machine& x, const drive& now,
                                       double current, double ambient) {
  auto ratio = current / x.current_nominal;
  return ambient + x.rise_nominal * (0.8 * ratio * ratio + 0.2 * now.speed)
         + 15.0 * now.wear;
}

void plant_simulator::begin_faults(std::int64_t time_ns) {
  for (auto& fault : faults_.advance(time_ns)) {
    const auto metric = static_cast<std::size_t>(fault.metric);
    if (fault.kind == fault_kind::stuck_sensor)
      fault.magnitude = machines_[fault.machine].readings[metric];
    const auto& series = series_[fault.machine * plant_metric_count + metric];
    truth_.push_back({fault.start_ns,
                      fault.end_ns,
                      std::string{to_string(fault.kind)},
                      series.source,
                      series.metric,
                      fault.magnitude,
                      {}});
  }
}

plant_simulator::drive plant_simulator::advance_drive(machine& x, std::size_t index,
                                                      double dt_s,
                                                      std::int64_t time_ns) {
  auto target = shift_target(index, time_ns, config_.utc_offset_hours);
  auto covered = lag(dt_s, lag_drive_s);
  x.speed += (target.speed - x.speed) * covered;
  x.load += (target.load - x.load) * covered;
  auto keep = std::exp(-dt_s / swing_s);
  x.load_noise = x.load_noise * keep
                 + swing_sigma * std::sqrt(1.0 - keep * keep) * x.random.normal();
  auto since_start_s = static_cast<double>(time_ns - start_ns_) * 1e-9;
  auto cycle = std::sin(two_pi * since_start_s / x.cycle_s + x.cycle_phase);
  drive now;
  now.speed = x.speed;
  now.load = std::clamp(
    x.load * (1.0 + 0.15 * cycle) + x.load_noise * std::min(1.0, x.speed), 0.0, 1.1);
  auto* fault = faults_.of_machine(index);
  if (fault != nullptr && fault->kind == fault_kind::bearing_wear) {
    now.wear
      = std::expm1(wear_growth * fault->progress(time_ns)) / std::expm1(wear_growth);
    now.wear_mm_s = now.wear * fault->magnitude;
  }
  return now;
}

plant_simulator::readings plant_simulator::measure(machine& x, const drive& now,
                                                   double dt_s,
                                                   std::int64_t time_ns) const {
  // Four draws in each step, used or not: a fault never shifts the sequence.
  double noise[plant_metric_count];
  for (auto& one : noise)
    one = x.random.normal();
  auto current
    = x.current_nominal * (0.30 * now.speed + 0.70 * now.load + 0.15 * now.wear);
  auto ambient = ambient_at(time_ns, config_.utc_offset_hours);
  auto target = thermal_target(x, now, current, ambient);
  x.temperature += (target - x.temperature) * lag(dt_s, x.lag_s);
  auto turning = x.vibration_nominal * now.speed;
  auto cutting = 0.9 * now.load;
  auto vibration
    = std::sqrt(turning * turning + cutting * cutting + now.wear_mm_s * now.wear_mm_s);
  auto rpm = x.rpm_nominal * now.speed * (1.0 - 0.025 * now.load);
  return {x.temperature + 0.08 * noise[0],
          std::max(0.05, vibration * (1.0 + 0.04 * noise[1])),
          std::max(0.0, current + 0.15 * noise[2]),
          std::max(0.0, rpm + (now.speed > 0.01 ? noise[3] : 0.0))};
}

void plant_simulator::apply_fault(const plant_fault& fault, std::int64_t time_ns,
                                  readings& out) {
  auto& reading = out[static_cast<std::size_t>(fault.metric)];
  switch (fault.kind) {
  case fault_kind::bearing_wear:
    break; // Is in the physics.
  case fault_kind::stuck_sensor:
    reading = fault.magnitude;
    break;
  case fault_kind::step:
  case fault_kind::spike:
    reading += fault.magnitude;
    break;
  case fault_kind::drift:
    reading += fault.magnitude * fault.progress(time_ns);
    break;
  }
}

std::vector<sim_event> plant_simulator::step(std::int64_t time_ns) {
  if (time_ns < last_ns_ || (stepped_ && time_ns == last_ns_))
    return {};
  auto dt_s = static_cast<double>(time_ns - last_ns_) * 1e-9;
  begin_faults(time_ns);
  std::vector<sim_event> result;
  result.reserve(series_.size());
  for (std::size_t i = 0; i < machines_.size(); ++i) {
    auto& x = machines_[i];
    auto values = measure(x, advance_drive(x, i, dt_s, time_ns), dt_s, time_ns);
    if (auto* fault = faults_.of_machine(i))
      apply_fault(*fault, time_ns, values);
    x.readings = rounded(values);
    for (std::size_t m = 0; m < plant_metric_count; ++m)
      result.push_back({time_ns, x.readings[m],
                        static_cast<std::uint32_t>(i * plant_metric_count + m), 0});
  }
  last_ns_ = time_ns;
  stepped_ = true;
  return result;
}

std::vector<sim_truth> plant_simulator::take_truth() {
  return std::exchange(truth_, {});
}

} // namespace weir::analytics::simulation
