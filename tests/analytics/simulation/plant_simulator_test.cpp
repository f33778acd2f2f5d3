// The plant does what its header says: rhythm, physics, and faults as logged.
#include "analytics/simulation/plant_simulator.hpp"

#include <catch2/catch.hpp>

#include <chrono>
#include <cmath>
#include <map>
#include <set>

using namespace weir::analytics::simulation;
namespace chrono = std::chrono;

namespace {

constexpr std::int64_t second_ns = 1'000'000'000;
constexpr std::int64_t hour_ns = 3600 * second_ns;

/// A Wednesday, 00:00 UTC.
const std::int64_t wednesday_ns
  = chrono::duration_cast<chrono::nanoseconds>(
      chrono::sys_days{chrono::year{2024} / 5 / 15}.time_since_epoch())
      .count();

struct run_result {
  std::vector<sim_event> events;
  std::vector<sim_truth> truth;
};

run_result run(simulator& uut, std::int64_t from_ns, std::int64_t to_ns,
               std::int64_t interval_ns) {
  run_result result;
  for (auto t = from_ns; t < to_ns; t += interval_ns) {
    for (const auto& x : uut.step(t))
      result.events.push_back(x);
    for (auto& x : uut.take_truth())
      result.truth.push_back(std::move(x));
  }
  return result;
}

struct statistics {
  double mean = 0.0;
  double variance = 0.0;
  double max = -1e300;
  std::size_t count = 0;
};

statistics of(const run_result& all, std::uint32_t series, std::int64_t from_ns,
              std::int64_t to_ns) {
  statistics result;
  double m2 = 0.0;
  for (const auto& x : all.events) {
    if (x.series != series || x.time_ns < from_ns || x.time_ns >= to_ns)
      continue;
    result.count += 1;
    auto delta = x.value - result.mean;
    result.mean += delta / static_cast<double>(result.count);
    m2 += delta * (x.value - result.mean);
    result.max = std::max(result.max, x.value);
  }
  if (result.count > 0)
    result.variance = m2 / static_cast<double>(result.count);
  return result;
}

std::uint32_t series_of(const simulator& uut, const std::string& source,
                        const std::string& metric) {
  for (std::size_t i = 0; i < uut.series().size(); ++i)
    if (uut.series()[i].source == source && uut.series()[i].metric == metric)
      return static_cast<std::uint32_t>(i);
  FAIL("no series " << metric << " of " << source);
  return 0;
}

plant_config quiet(std::size_t machines) {
  plant_config result;
  result.machines = machines;
  result.faults_per_hour = 0.0;
  return result;
}

} // namespace

TEST_CASE("the same seed gives the same events and truths, bit for bit",
          "[simulation]") {
  plant_config config;
  config.machines = 5;
  config.faults_per_hour = 60.0;
  plant_simulator one{config, wednesday_ns};
  plant_simulator same{config, wednesday_ns};
  config.seed = 2;
  plant_simulator other{config, wednesday_ns};
  auto end_ns = wednesday_ns + hour_ns;
  auto first = run(one, wednesday_ns, end_ns, second_ns);
  auto second = run(same, wednesday_ns, end_ns, second_ns);
  auto third = run(other, wednesday_ns, end_ns, second_ns);
  CHECK(first.events == second.events);
  CHECK(first.truth == second.truth);
  CHECK(first.events != third.events);
  CHECK(first.truth.size() > 20);
}

TEST_CASE("every machine sends its four readings in every step", "[simulation]") {
  plant_simulator uut{quiet(13), wednesday_ns};
  CHECK(uut.series().size() == 52);
  CHECK(uut.series()[0].source == "m-01");
  CHECK(uut.series()[51].source == "m-13");
  CHECK(uut.series()[0].dimensions.front().second == "A");
  CHECK(uut.series()[51].dimensions.front().second == "B");
  auto events = uut.step(wednesday_ns);
  std::set<std::uint32_t> seen;
  for (const auto& x : events)
    seen.insert(x.series);
  CHECK(events.size() == 52);
  CHECK(seen.size() == 52);
  CHECK(uut.step(wednesday_ns).empty());
  CHECK(uut.step(wednesday_ns - second_ns).empty());
  CHECK(uut.step(wednesday_ns + second_ns).size() == 52);
}

TEST_CASE("shifts and breaks are visible in load and speed", "[simulation]") {
  auto config = quiet(4);
  config.interval_ns = 10 * second_ns;
  plant_simulator uut{config, wednesday_ns};
  auto all = run(uut, wednesday_ns, wednesday_ns + 24 * hour_ns, config.interval_ns);
  auto current = series_of(uut, "m-02", "current");
  auto rpm = series_of(uut, "m-02", "rpm");
  auto temperature = series_of(uut, "m-02", "temperature");
  auto mean = [&](std::uint32_t series, int from_min, int to_min) {
    return of(all, series, wednesday_ns + from_min * 60 * second_ns,
              wednesday_ns + to_min * 60 * second_ns)
      .mean;
  };
  auto early = mean(current, 7 * 60, 9 * 60);
  auto pause = mean(current, 10 * 60 + 5, 10 * 60 + 28);
  auto night = mean(current, 60, 115);
  CHECK(early > 1.15 * night);
  CHECK(pause < 0.4 * early);
  CHECK(mean(rpm, 7 * 60, 9 * 60) > 1.1 * mean(rpm, 60, 115));
  CHECK(mean(temperature, 9 * 60, 10 * 60) > mean(temperature, 5 * 60, 6 * 60) + 5.0);
  // 30 minutes of pause cool a machine of tau = 30 min by more than half of the
  // way.
  CHECK(mean(temperature, 10 * 60 + 25, 10 * 60 + 30)
        < mean(temperature, 9 * 60 + 50, 10 * 60) - 8.0);
}

TEST_CASE("on the weekend every second machine stands by", "[simulation]") {
  auto saturday_ns = wednesday_ns + (3 * 24 + 12) * hour_ns;
  plant_simulator uut{quiet(2), saturday_ns};
  auto all = run(uut, saturday_ns, saturday_ns + 60 * second_ns, second_ns);
  CHECK(of(all, series_of(uut, "m-01", "rpm"), 0, INT64_MAX).mean > 1200.0);
  CHECK(of(all, series_of(uut, "m-02", "rpm"), 0, INT64_MAX).max == 0.0);
  // Night shift of Friday ends on Saturday at 06:00; Monday begins at 06:00.
  CHECK(shift_target(1, wednesday_ns + (3 * 24 + 5) * hour_ns, 0.0).speed > 0.5);
  CHECK(shift_target(1, wednesday_ns + (5 * 24 + 5) * hour_ns, 0.0).speed == 0.0);
  CHECK(shift_target(1, wednesday_ns + (5 * 24 + 7) * hour_ns, 0.0).speed == 1.0);
}

TEST_CASE("a quiet plant stays within the normal readings of the manual",
          "[simulation]") {
  plant_simulator uut{quiet(10), wednesday_ns + 7 * hour_ns};
  auto from_ns = wednesday_ns + 7 * hour_ns;
  auto all = run(uut, from_ns, from_ns + 2 * hour_ns, second_ns);
  CHECK(all.truth.empty());
  for (std::uint32_t i = 0; i < uut.series().size(); ++i) {
    auto x = of(all, i, 0, INT64_MAX);
    INFO(uut.series()[i].metric << " of " << uut.series()[i].source);
    if (uut.series()[i].metric == "temperature") {
      CHECK((x.mean > 45.0 && x.max < 75.0));
    } else if (uut.series()[i].metric == "vibration") {
      CHECK((x.mean > 1.0 && x.mean < 1.6 && x.max < 2.3));
      CHECK(std::sqrt(x.variance) == Approx(0.08).margin(0.04));
    } else if (uut.series()[i].metric == "current") {
      CHECK((x.mean > 20.0 && x.max < 40.0));
      CHECK(std::sqrt(x.variance) == Approx(2.0).margin(0.8));
    } else {
      CHECK((x.mean > 1250.0 && x.max < 1650.0));
      CHECK(std::sqrt(x.variance) == Approx(3.5).margin(1.5));
    }
  }
}

TEST_CASE("the first fault comes when the demonstration asks for it", "[simulation]") {
  plant_config config;
  config.first_fault_after_s = 15.0;
  plant_simulator uut{config, wednesday_ns};
  auto all = run(uut, wednesday_ns, wednesday_ns + 20 * second_ns, second_ns);
  REQUIRE(!all.truth.empty());
  const auto& first = all.truth.front();
  CHECK(first.kind == "step");
  CHECK(first.metric == "vibration");
  CHECK(first.start_ns == wednesday_ns + 15 * second_ns);
  CHECK(first.end_ns == first.start_ns + 120 * second_ns);
  auto series = series_of(uut, first.source, "vibration");
  CHECK(of(all, series, 0, first.start_ns).max < 2.3);
  CHECK(of(all, series, first.start_ns, INT64_MAX).mean > 6.5);
}

TEST_CASE("each fault does to its series what the truth says", "[simulation]") {
  plant_config config;
  config.machines = 20;
  config.faults_per_hour = 40.0;
  auto from_ns = wednesday_ns + 6 * hour_ns;
  plant_simulator faulty{config, from_ns};
  config.faults_per_hour = 0.0;
  plant_simulator healthy{config, from_ns}; // The same noise without faults.
  auto end_ns = from_ns + 3 * hour_ns;
  auto bad = run(faulty, from_ns, end_ns, second_ns);
  auto good = run(healthy, from_ns, end_ns, second_ns);
  std::map<std::string, int> seen;
  std::set<std::string> still_warm; // A worn bearing's heat outlives its repair.
  for (const auto& fault : bad.truth) {
    auto series = series_of(faulty, fault.source, fault.metric);
    auto during = of(bad, series, fault.start_ns, fault.end_ns);
    auto normal = of(good, series, fault.start_ns, fault.end_ns);
    if (during.count == 0 || fault.end_ns > end_ns
        || (fault.metric == "temperature" && still_warm.contains(fault.source)))
      continue;
    if (fault.kind == "bearing_wear")
      still_warm.insert(fault.source);
    INFO(fault.kind << " " << fault.metric << " of " << fault.source);
    ++seen[fault.kind];
    auto spread = fault.metric == "temperature" ? 0.3
                  : fault.metric == "vibration" ? 0.08
                  : fault.metric == "current"   ? 2.0
                                                : 3.5;
    auto rounding = fault.metric == "rpm" ? 1.0 : 0.01;
    if (fault.kind == "stuck_sensor") {
      CHECK(during.variance == 0.0);
      CHECK(during.mean == fault.magnitude);
    } else if (fault.kind == "spike") {
      CHECK(during.count <= 3);
      CHECK(fault.magnitude >= 10.0 * spread);
      CHECK(during.mean - normal.mean
            == Approx(fault.magnitude).margin(0.3 + rounding));
    } else if (fault.kind == "step") {
      CHECK(fault.magnitude >= 8.0 * spread);
      CHECK(during.mean - normal.mean
            == Approx(fault.magnitude).margin(0.3 + rounding));
    } else if (fault.kind == "drift") {
      CHECK(during.mean - normal.mean
            == Approx(fault.magnitude / 2).margin(0.3 + rounding));
    } else {
      auto late_ns = fault.end_ns - (fault.end_ns - fault.start_ns) / 10;
      auto early_ns = fault.start_ns + (fault.end_ns - fault.start_ns) / 10;
      CHECK(of(bad, series, late_ns, fault.end_ns).max > 0.8 * fault.magnitude);
      CHECK(of(bad, series, fault.start_ns, early_ns).mean < 1.8);
    }
  }
  CHECK(seen.size() == fault_kind_count);
}

TEST_CASE("a machine without its fault is left as if there had been none",
          "[simulation]") {
  plant_config config;
  config.machines = 3;
  config.faults_per_hour = 0.0;
  config.first_fault_after_s = 10.0;
  plant_simulator faulty{config, wednesday_ns};
  config.first_fault_after_s = 0.0;
  plant_simulator healthy{config, wednesday_ns};
  auto end_ns = wednesday_ns + 60 * second_ns;
  auto bad = run(faulty, wednesday_ns, end_ns, second_ns);
  auto good = run(healthy, wednesday_ns, end_ns, second_ns);
  REQUIRE(bad.truth.size() == 1);
  auto hit = series_of(faulty, bad.truth[0].source, bad.truth[0].metric);
  for (std::size_t i = 0; i < good.events.size(); ++i)
    if (good.events[i].series != hit)
      CHECK(bad.events[i] == good.events[i]);
}

TEST_CASE("faults arrive at the rate that was asked for, one a machine at a time",
          "[simulation]") {
  plant_config config;
  config.machines = 200;
  config.interval_ns = 5 * second_ns;
  config.faults_per_hour = 100.0;
  plant_simulator uut{config, wednesday_ns};
  auto all = run(uut, wednesday_ns, wednesday_ns + 4 * hour_ns, config.interval_ns);
  CHECK(static_cast<double>(all.truth.size()) == Approx(400.0).margin(100.0));
  std::map<std::string, std::int64_t> busy_until_ns;
  for (const auto& x : all.truth) {
    CHECK(x.start_ns >= busy_until_ns[x.source]);
    busy_until_ns[x.source] = x.end_ns;
  }
}

TEST_CASE("settings that cannot work are refused with their name", "[simulation]") {
  plant_config config;
  CHECK(validate(config));
  config.machines = 0;
  CHECK(validate(config).error().find("machines") != std::string::npos);
  config = {};
  config.interval_ns = 1'500'000;
  CHECK(validate(config).error().find("interval") != std::string::npos);
  config = {};
  config.faults_per_hour = std::nan("");
  CHECK(validate(config).error().find("faults") != std::string::npos);
  config = {};
  config.utc_offset_hours = 15.0;
  CHECK(validate(config).error().find("UTC") != std::string::npos);
}
