#include "web/snapshot.hpp"

#include <algorithm>
#include <cstddef>
#include <limits>

namespace weir::web {

namespace {

constexpr auto time_max = std::numeric_limits<std::int64_t>::max();
constexpr std::size_t anomalies_per_series_max = 200;
constexpr std::size_t shown_max = 64; // More than can come while we read.

/// Adds one series to the snapshot; the error's text if the store fails.
std::optional<std::string>
read_series(const storage::store& store, const snapshot_request& request,
            storage::stored_series_id id, snapshot_content& content,
            snapshot_result& result) {
  auto about = store.series(id);
  if (!about && about.error().code == storage::errc::not_found) {
    content.missing.push_back(id);
    return std::nullopt;
  }
  if (!about)
    return about.error().message;
  auto points = store.query(id, request.from_ns, time_max, request.points_max);
  if (!points)
    return points.error().message;
  auto anomalies
    = store.anomalies(id, request.from_ns, time_max, anomalies_per_series_max);
  if (!anomalies)
    return anomalies.error().message;
  for (auto& x : *anomalies)
    content.anomalies.push_back({id, about->edge, about->text, std::move(x.value)});
  auto& shown = result.shown[id];
  auto newest
    = points->end() - static_cast<std::ptrdiff_t>(std::min(points->size(), shown_max));
  for (auto x = newest; x != points->end(); ++x)
    shown.push_back({x->start_ns, x->width_ns, x->revision, x->early, x->count});
  content.series.push_back({std::move(*about), std::move(*points)});
  return std::nullopt;
}

} // namespace

snapshot_result read_snapshot(const storage::store& store,
                              const snapshot_request& request, std::int64_t now_ns) {
  snapshot_result result;
  result.socket = request.socket;
  result.generation = request.generation;
  snapshot_content content;
  content.subscription = request.subscription;
  for (auto id : request.series) {
    result.error = read_series(store, request, id, content, result);
    if (result.error)
      return result;
  }
  std::stable_sort(content.anomalies.begin(), content.anomalies.end(),
                   [](const named_anomaly& a, const named_anomaly& b) {
                     return a.value.time_ns > b.value.time_ns;
                   });
  result.body = snap_body(request.format, now_ns, content);
  return result;
}

} // namespace weir::web
