#include "web/live_inbox.hpp"

#include <algorithm>
#include <utility>

namespace weir::web {

named_anomaly live_inbox::name(const storage::committed_anomaly& x) {
  std::lock_guard guard{names_mutex_};
  auto found = names_.find(x.series);
  if (found == names_.end()) {
    auto about = lookup_(x.series);
    if (!about)
      return {x.series, {}, {}, x.value};
    if (names_.size() >= limits_.names_max)
      names_.clear(); // Rare, and each name is one short read away.
    found
      = names_
          .emplace(x.series, std::pair{std::move(about->edge), std::move(about->text)})
          .first;
  }
  return {x.series, found->second.first, found->second.second, x.value};
}

void live_inbox::put(const storage::commit_report& report) {
  std::vector<named_anomaly> anomalies;
  anomalies.reserve(report.anomalies.size());
  for (const auto& x : report.anomalies)
    anomalies.push_back(name(x));
  std::lock_guard guard{mutex_};
  auto& delta = waiting_.delta;
  delta.new_series += report.new_series.size();
  if (delta.points.size() + report.summaries.size() > limits_.points_max) {
    counters_.live_points_dropped += report.summaries.size();
    waiting_.resync = true;
  } else {
    for (const auto& [series, x] : report.summaries)
      delta.points.push_back({series, x.start_ns, x.width_ns, x.mean, x.min, x.max,
                              x.count, x.revision, x.early});
  }
  auto events = delta.anomalies.size() + delta.alerts.size() + anomalies.size()
                + report.alerts.size();
  if (events > limits_.events_max) {
    counters_.live_events_dropped += anomalies.size() + report.alerts.size();
    waiting_.resync = true;
    return;
  }
  std::move(anomalies.begin(), anomalies.end(), std::back_inserter(delta.anomalies));
  delta.alerts.insert(delta.alerts.end(), report.alerts.begin(), report.alerts.end());
}

live_inbox::content live_inbox::take() {
  std::lock_guard guard{mutex_};
  return std::exchange(waiting_, content{});
}

} // namespace weir::web
