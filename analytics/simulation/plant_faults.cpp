#include "analytics/simulation/plant_faults.hpp"

#include <algorithm>
#include <cmath>

namespace weir::analytics::simulation {

namespace {

constexpr std::uint64_t fault_stream = 1'000'000'007; // No machine's stream.

/// Beyond it the next fault is as good as never (and int64 nanoseconds end).
constexpr double horizon_s = 3.0e9;

double draw_seconds(random_stream& random, fault_kind kind, double interval_s) {
  switch (kind) {
  case fault_kind::bearing_wear:
    return random.uniform(600.0, 2400.0);
  case fault_kind::stuck_sensor:
    return random.uniform(120.0, 600.0);
  case fault_kind::step:
    return random.uniform(60.0, 300.0);
  case fault_kind::spike:
    return interval_s * static_cast<double>(1 + random.below(3));
  case fault_kind::drift:
    return random.uniform(600.0, 1800.0);
  }
  return interval_s;
}

double draw_magnitude(random_stream& random, fault_kind kind, plant_metric metric) {
  switch (kind) {
  case fault_kind::bearing_wear:
    return random.uniform(4.0, 9.0);
  case fault_kind::stuck_sensor:
    return 0.0;
  case fault_kind::spike:
    return random.uniform(10.0, 20.0) * spread_of(metric);
  case fault_kind::step:
  case fault_kind::drift:
    return random.uniform(8.0, 16.0) * spread_of(metric);
  }
  return 0.0;
}

} // namespace

std::string_view to_string(plant_metric x) {
  switch (x) {
  case plant_metric::temperature:
    return "temperature";
  case plant_metric::vibration:
    return "vibration";
  case plant_metric::current:
    return "current";
  case plant_metric::rpm:
    return "rpm";
  }
  return "unknown";
}

double spread_of(plant_metric x) {
  switch (x) {
  case plant_metric::temperature:
    return 0.3;
  case plant_metric::vibration:
    return 0.08;
  case plant_metric::current:
    return 2.0;
  case plant_metric::rpm:
    return 3.5;
  }
  return 0.0;
}

std::string_view to_string(fault_kind x) {
  switch (x) {
  case fault_kind::bearing_wear:
    return "bearing_wear";
  case fault_kind::stuck_sensor:
    return "stuck_sensor";
  case fault_kind::step:
    return "step";
  case fault_kind::spike:
    return "spike";
  case fault_kind::drift:
    return "drift";
  }
  return "unknown";
}

double plant_fault::progress(std::int64_t time_ns) const {
  auto span = static_cast<double>(end_ns - start_ns);
  return std::clamp(static_cast<double>(time_ns - start_ns) / span, 0.0, 1.0);
}

fault_schedule::fault_schedule(const fault_schedule_config& config)
  : config_(config), random_(config.seed, fault_stream) {
  if (config_.first_fault_after_s > 0.0) {
    demonstrate_ = true;
    next_start_s_ = config_.first_fault_after_s;
    next_start_ns_ = on_grid(next_start_s_);
  } else {
    draw_next_start();
  }
}

std::span<plant_fault> fault_schedule::advance(std::int64_t time_ns) {
  std::erase_if(active_, [&](const plant_fault& x) { return x.end_ns <= time_ns; });
  auto already = active_.size();
  while (next_start_ns_ <= time_ns) {
    auto start_ns = next_start_ns_;
    if (auto machine = draw_idle_machine()) {
      auto fault = draw_fault(*machine, start_ns);
      // A step over the whole of it (a coarse interval): it leaves no trace.
      if (fault.end_ns > time_ns)
        active_.push_back(fault);
      else
        skipped_ += 1;
    } else {
      skipped_ += 1;
    }
    draw_next_start();
  }
  return std::span{active_}.subspan(already);
}

plant_fault* fault_schedule::of_machine(std::size_t machine) {
  auto found = std::find_if(active_.begin(), active_.end(),
                            [&](const auto& x) { return x.machine == machine; });
  return found == active_.end() ? nullptr : &*found;
}

void fault_schedule::draw_next_start() {
  next_start_ns_ = std::numeric_limits<std::int64_t>::max();
  if (config_.faults_per_hour <= 0.0)
    return;
  next_start_s_ += random_.exponential(config_.faults_per_hour / 3600.0);
  if (next_start_s_ < horizon_s)
    next_start_ns_ = on_grid(next_start_s_);
}

std::optional<std::size_t> fault_schedule::draw_idle_machine() {
  if (active_.size() >= config_.machines)
    return std::nullopt;
  auto machine = static_cast<std::size_t>(random_.below(config_.machines));
  while (of_machine(machine) != nullptr)
    machine = (machine + 1) % config_.machines;
  return machine;
}

plant_fault fault_schedule::draw_fault(std::size_t machine, std::int64_t start_ns) {
  plant_fault fault;
  fault.machine = machine;
  fault.start_ns = start_ns;
  auto interval_s = static_cast<double>(config_.interval_ns) * 1e-9;
  auto duration_s = 120.0;
  if (demonstrate_) {
    demonstrate_ = false;
    fault.kind = fault_kind::step;
    fault.magnitude = first_fault_magnitude;
  } else {
    fault.kind = static_cast<fault_kind>(random_.below(fault_kind_count));
    if (fault.kind != fault_kind::bearing_wear)
      fault.metric = static_cast<plant_metric>(random_.below(plant_metric_count));
    duration_s = draw_seconds(random_, fault.kind, interval_s);
    fault.magnitude = draw_magnitude(random_, fault.kind, fault.metric);
  }
  auto samples = std::max(1.0, std::round(duration_s / interval_s));
  fault.end_ns = start_ns + static_cast<std::int64_t>(samples) * config_.interval_ns;
  return fault;
}

std::int64_t fault_schedule::on_grid(double seconds) const {
  auto interval_s = static_cast<double>(config_.interval_ns) * 1e-9;
  auto steps = static_cast<std::int64_t>(std::ceil(seconds / interval_s));
  return config_.start_ns + steps * config_.interval_ns;
}

} // namespace weir::analytics::simulation
