#include "cli/simulation_run.hpp"

#include "cli/time_text.hpp"

#include <cstdio>

namespace weir::cli {

namespace sim = analytics::simulation;

namespace {

/// Events wait in an unfinished message at most so long.
constexpr std::int64_t hold_ns = 50'000'000;

send_result send_step(const std::vector<sim::sim_event>& events,
                      event_batcher& batcher) {
  for (const auto& x : events) {
    auto result = batcher.add(x.series, {x.time_ns, x.value, x.id});
    if (result != send_result::sent)
      return result;
  }
  return batcher.end_step();
}

void tell_when_live(const pacer& pace, std::int64_t time_ns, bool& was_live) {
  if (was_live || !pace.is_live(time_ns))
    return;
  was_live = true;
  std::fprintf(stderr, "weir: caught up with the present at %s; live from here\n",
               iso_ms(time_ns).c_str());
}

send_result cannot_write_truth() {
  std::fputs("weir: cannot write the truth file: is the disk full?\n", stderr);
  return send_result::failed;
}

} // namespace

expected<void, std::string> add_simulated_series(const sim::simulator& simulator,
                                                 event_batcher& batcher) {
  for (const auto& x : simulator.series()) {
    auto field = x.kind == sim::source_kind::device ? "device_id" : "user_id";
    auto added = batcher.add_series({x.metric, x.source, field, x.dimensions});
    if (!added)
      return unexpected(added.error());
  }
  return {};
}

void write_truth(std::ostream& out, const sim::sim_truth& truth) {
  std::string line = "{\"kind\":";
  append_json_text(line, truth.kind);
  line += ",\"start_ms\":" + std::to_string(truth.start_ns / 1'000'000);
  line += ",\"end_ms\":";
  line += truth.end_ns == std::numeric_limits<std::int64_t>::max()
            ? "null"
            : std::to_string(truth.end_ns / 1'000'000);
  line += ",\"source\":";
  append_json_text(line, truth.source);
  line += ",\"metric\":";
  append_json_text(line, truth.metric);
  line += ",\"magnitude\":";
  append_number(line, truth.magnitude);
  line += ",\"detail\":";
  append_json_text(line, truth.detail);
  out << line << "}\n";
}

send_result run_simulation(sim::simulator& simulator, const simulation_span& span,
                           const pacer& pace, event_batcher& batcher,
                           std::ostream* truth, stop_signal& stop) {
  auto live = pace.is_live(span.start_ns);
  auto flushed_ns = wall_clock_ns();
  for (auto time_ns = span.start_ns; time_ns < span.until_ns;
       time_ns += span.interval_ns) {
    auto due_ns = pace.due_ns(time_ns);
    auto now_ns = wall_clock_ns();
    if (due_ns - now_ns > hold_ns || now_ns - flushed_ns > hold_ns) {
      if (auto result = batcher.flush(); result != send_result::sent)
        return result;
      flushed_ns = now_ns;
    }
    if (stop.wait_until(due_ns))
      return send_result::sent;
    tell_when_live(pace, time_ns, live);
    auto events = simulator.step(time_ns);
    for (const auto& x : simulator.take_truth())
      if (truth != nullptr)
        write_truth(*truth, x);
    if (truth != nullptr && !truth->flush())
      return cannot_write_truth();
    if (auto result = send_step(events, batcher); result != send_result::sent)
      return result;
  }
  return send_result::sent;
}

} // namespace weir::cli
