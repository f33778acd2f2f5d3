#include "tests/chaos/report.hpp"

#include <nlohmann/json.hpp>

#include <cmath>
#include <cstdio>

namespace weir::chaos {

namespace {

using json = nlohmann::ordered_json;

void print_times(const char* what, const std::vector<double>& times) {
  if (!times.empty())
    std::printf("  %-38s p50 %6.0f ms, p99 %6.0f ms, max %6.0f ms, n = %zu\n", what,
                percentile(times, 0.5), percentile(times, 0.99), percentile(times, 1.0),
                times.size());
}

void print_events(const settlement& result) {
  const auto& x = result.events;
  auto show = [](const char* name, std::uint64_t value) {
    std::printf("  %-20s %10llu\n", name, static_cast<unsigned long long>(value));
  };
  show("events owed", x.events);
  show("in doubt", x.in_doubt);
  show("lost", x.lost);
  show("doubled", x.doubled);
  show("changed", x.changed);
  show("strange", x.strange);
  show("wide windows", x.wide_windows);
  show("wide windows wrong", x.wide_wrong);
  show("wide windows missing", x.wide_missing);
  show("given up by ledger", result.given_up);
  show("quarantine samples", result.quarantined);
}

std::vector<double> all_times(const recovery_watch& watch) {
  std::vector<double> result;
  for (auto x : programs)
    result.insert(result.end(), watch.times_ms(x).begin(), watch.times_ms(x).end());
  return result;
}

/// Whole milliseconds, or null of none.
json time(const std::vector<double>& times, double p) {
  return times.empty() ? json{} : json(std::lround(percentile(times, p)));
}

json as_json(const options& what, const settlement& result, const fault_plan& plan,
             const recovery_watch& watch) {
  const auto& x = result.events;
  auto all = all_times(watch);
  json out{{"kills", plan.kills()},
           {"events", x.events},
           {"lost", x.lost},
           {"doubled", x.doubled},
           {"recovery_p50_ms", time(all, 0.5)},
           {"recovery_p99_ms", time(all, 0.99)},
           {"seed", what.seed}};
  for (auto p : programs) {
    auto name = std::string{to_string(p)};
    out["kills_" + name] = plan.kills(p);
    out["recovery_" + name + "_p50_ms"] = time(watch.times_ms(p), 0.5);
    out["recovery_" + name + "_p99_ms"] = time(watch.times_ms(p), 0.99);
  }
  out["stops"] = plan.stops();
  out["partitions"] = plan.partitions();
  out["full_disks"] = plan.full_disks();
  out["disk_resume_max_ms"] = time(plan.disk_ms(), 1.0);
  out["changed"] = x.changed;
  out["strange"] = x.strange;
  out["wide_windows"] = x.wide_windows;
  out["wide_wrong"] = x.wide_wrong;
  out["wide_missing"] = x.wide_missing;
  out["given_up"] = result.given_up;
  out["findings"] = result.findings.size();
  return out;
}

} // namespace

void print_report(const options& what, const settlement& result, const fault_plan& plan,
                  const recovery_watch& watch, const feeds& sources) {
  for (auto& x : result.findings)
    std::printf("  FINDING: %s\n", x.c_str());
  for (auto& x : result.events.findings)
    std::printf("  FINDING: %s\n", x.c_str());
  print_events(result);
  std::uint64_t repeated = 0;
  for (auto& x : sources.all)
    repeated += x->repeated();
  std::printf("  %-20s %10llu messages\n", "repeated for broker",
              static_cast<unsigned long long>(repeated));
  std::printf("  kills: %zu edge, %zu centre, %zu broker; %zu stops, %zu partitions, "
              "%zu full disks\n",
              plan.kills(program::edge), plan.kills(program::centre),
              plan.kills(program::broker), plan.stops(), plan.partitions(),
              plan.full_disks());
  print_times("edge: restart to first new ack", watch.times_ms(program::edge));
  print_times("edge: restart to broker's messages", watch.edge_mqtt_ms());
  print_times("centre: restart to new data stored", watch.times_ms(program::centre));
  print_times("broker: restart to messages through", watch.times_ms(program::broker));
  print_times("edge: room on the disk to first ack", plan.disk_ms());
  std::printf("%s\n", as_json(what, result, plan, watch).dump().c_str());
}

} // namespace weir::chaos
