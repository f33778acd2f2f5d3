#include "tests/simulation/event_feed.hpp"

#include "actors/event_port.hpp"
#include "tests/simulation/edge_process.hpp"

#include <array>

namespace weir::simulation {

namespace {

constexpr std::size_t devices = 4;
constexpr std::size_t clockless_device = 3;
constexpr std::array<const char*, 2> metrics{"flow", "temperature"};

constexpr std::int64_t delay_max_ns = 50 * minute_ns;
constexpr double too_late = 0.003;
constexpr std::int64_t too_late_by_ns = 8 * hour_ns;
constexpr std::int64_t value_max = 1000;

} // namespace

event_feed::event_feed(seeded random, bool has_clockless, double delayed)
  : random_(random), has_clockless_(has_clockless), delayed_(delayed) {
  for (std::size_t i = 0; i < devices; ++i)
    for (const auto* metric : metrics) {
      auto source = "d" + std::to_string(i);
      series_.push_back({metric, source,
                         std::string{metric} + "{source=\"" + source + "\"}",
                         std::string{metric} + "{source=\"\",view=\""
                           + std::string{group_view} + "\"}"});
    }
}

feed_event event_feed::make(std::int64_t utc_ns) {
  if (began_ns_ == 0)
    began_ns_ = utc_ns;
  feed_event result;
  result.number = ++made_;
  result.series = random_.below(series_.size());
  result.value = static_cast<double>(random_.between(-value_max, value_max + 1));
  auto device = result.series / metrics.size();
  if (device % 2 == 1)
    result.id = "e" + std::to_string(result.number);
  if (has_clockless_ && device == clockless_device)
    return result;
  auto time_ns = utc_ns - random_.between(0, second_ns);
  if (random_.chance(delayed_))
    time_ns -= random_.between(0, delay_max_ns);
  // Its device's watermark must be beyond it for certain.
  if (utc_ns - began_ns_ > too_late_by_ns + 2 * hour_ns && random_.chance(too_late)) {
    time_ns -= too_late_by_ns;
    result.is_too_late = true;
  }
  // Two events of one series never have the same time.
  result.time_ns = time_ns / ms_ns * ms_ns + static_cast<std::int64_t>(made_ % ms_ns);
  return result;
}

transport::raw_event event_feed::view(const feed_event& x) const {
  const auto& name = series_[x.series];
  transport::raw_event result;
  result.series.metric = name.metric;
  result.series.source = name.source;
  result.value = x.value;
  result.time_ns = x.time_ns;
  result.id = x.id;
  return result;
}

void event_feed::delivered(const feed_event& x, std::int64_t wall_ns,
                           std::int64_t steady_ns) {
  ++fates_.received;
  auto is_trusted = wall_ns >= analytics::node_clock_config{}.trusted_after_ns;
  if (is_trusted)
    for (const auto& held : std::exchange(held_, {}))
      settle(held.event, wall_ns - (steady_ns - held.steady_ns));
  if (!x.time_ns && !is_trusted)
    held_.push_back({x, steady_ns});
  else if (x.time_ns && is_trusted
           && *x.time_ns > wall_ns + actors::event_port_config{}.future_tolerance_ns)
    ++fates_.quarantined;
  else
    settle(x, x.time_ns.value_or(wall_ns));
}

void event_feed::settle(const feed_event& x, std::int64_t time_ns) {
  if (!known_.insert(x.number).second) {
    ++fates_.duplicates;
  } else if (x.is_too_late) {
    ++fates_.late;
  } else {
    ++fates_.taken;
    const auto& name = series_[x.series];
    windows_.add(name.text, series_width_ns, time_ns, x.value);
    windows_.add(name.group_text, group_width_ns, time_ns, x.value);
  }
}

} // namespace weir::simulation
