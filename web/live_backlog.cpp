#include "web/live_backlog.hpp"

#include <algorithm>
#include <iterator>

namespace weir::web {

namespace {

// Measured on frames of the usual kind; the names come on top.
constexpr std::size_t point_bytes = 64;
constexpr std::size_t anomaly_bytes = 160;
constexpr std::size_t alert_bytes = 200;

/// Whether `x`, which a snapshot has shown, is not older than `point`.
bool shows(const known_point& x, const live_point& point) {
  if (x.start_ns != point.start_ns || x.width_ns != point.width_ns
      || x.revision < point.revision)
    return false;
  return !x.early || (point.early && x.count >= point.count);
}

} // namespace

std::size_t live_backlog::add(live_delta delta, bool newest_only) {
  for (const auto& x : delta.points) {
    auto [place, is_new] = points_.try_emplace({x.series, x.start_ns}, x);
    if (!is_new && place->second.revision <= x.revision)
      place->second = x;
  }
  for (auto& x : delta.anomalies) {
    events_bytes_ += anomaly_bytes + x.edge.size() + x.text.size();
    anomalies_.push_back(std::move(x));
  }
  for (auto& x : delta.alerts) {
    events_bytes_
      += alert_bytes + x.edge.size() + x.series_text.size() + x.value.message.size();
    alerts_.push_back(std::move(x));
  }
  new_series_ += delta.new_series;
  return newest_only ? keep_newest() : 0;
}

std::size_t live_backlog::keep_newest() {
  auto before = points_.size();
  for (auto i = points_.begin(); i != points_.end();) {
    auto next = std::next(i);
    bool newer = next != points_.end() && next->first.first == i->first.first;
    i = newer ? points_.erase(i) : next;
  }
  return before - points_.size();
}

void live_backlog::drop_known(storage::stored_series_id series,
                              const std::vector<known_point>& known) {
  auto i = points_.lower_bound({series, INT64_MIN});
  while (i != points_.end() && i->first.first == series) {
    const auto& point = i->second;
    auto found = std::lower_bound(
      known.begin(), known.end(), point.start_ns,
      [](const known_point& x, std::int64_t start) { return x.start_ns < start; });
    bool shown = found != known.end() && shows(*found, point);
    i = shown ? points_.erase(i) : std::next(i);
  }
}

void live_backlog::keep_only(const std::vector<storage::stored_series_id>& wanted) {
  std::erase_if(points_, [&](const auto& x) {
    return !std::binary_search(wanted.begin(), wanted.end(), x.first.first);
  });
}

std::size_t live_backlog::size_bytes() const {
  return points_.size() * point_bytes + events_bytes_;
}

live_delta live_backlog::take() {
  live_delta result;
  result.points.reserve(points_.size());
  for (const auto& [key, point] : points_)
    result.points.push_back(point);
  result.anomalies = std::move(anomalies_);
  result.alerts = std::move(alerts_);
  result.new_series = new_series_;
  *this = live_backlog{};
  return result;
}

} // namespace weir::web
