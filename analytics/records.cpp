#include "analytics/records.hpp"

#include "analytics/extended_aggregates.hpp"
#include "analytics/series.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <string>

namespace weir::analytics {

namespace {

/// Bytes that cannot be read (of a newer version, or damaged) lose their own side only.
void merge_extended(std::string& into, const std::string& other) {
  if (other.empty())
    return;
  auto ours = extended_aggregates::decode(into);
  if (into.empty() || !ours) {
    into = other;
    return;
  }
  auto theirs = extended_aggregates::decode(other);
  if (!theirs)
    return;
  ours->merge(*theirs);
  into.clear();
  ours->encode(into);
}

} // namespace

void merge(summary& into, const summary& other) {
  if (other.count == 0)
    return;
  auto end_ns
    = std::max(into.start_ns + into.width_ns, other.start_ns + other.width_ns);
  if (into.count == 0) {
    auto kept = into;
    into = other;
    into.series = kept.series;
    into.start_ns = kept.start_ns;
    into.late_count += kept.late_count;
    into.width_ns = end_ns - kept.start_ns;
    return;
  }
  auto n1 = static_cast<double>(into.count);
  auto n2 = static_cast<double>(other.count);
  auto delta = other.mean - into.mean;
  into.mean += delta * n2 / (n1 + n2);
  into.m2 += other.m2 + delta * delta * n1 * n2 / (n1 + n2);
  into.count += other.count;
  into.sum += other.sum;
  into.min = std::min(into.min, other.min);
  into.max = std::max(into.max, other.max);
  if (other.first_ns < into.first_ns) {
    into.first = other.first;
    into.first_ns = other.first_ns;
  }
  if (other.last_ns >= into.last_ns) {
    into.last = other.last;
    into.last_ns = other.last_ns;
  }
  into.late_count += other.late_count;
  into.revision = std::max(into.revision, other.revision);
  into.early = into.early || other.early;
  into.correction = into.correction && other.correction;
  merge_extended(into.extended, other.extended);
  into.width_ns = end_ns - into.start_ns;
}

std::string_view to_string(severity x) {
  constexpr std::array<std::string_view, 4> names{"low", "medium", "high", "critical"};
  return names.at(static_cast<std::size_t>(x));
}

std::string_view to_string(alert_state x) {
  constexpr std::array<std::string_view, 5> names{"inactive", "pending", "firing",
                                                  "recovering", "resolved"};
  return names.at(static_cast<std::size_t>(x));
}

std::string_view to_string(reject_reason x) {
  constexpr std::array<std::string_view, reject_reason_count> names{
    "malformed", "wrong_type", "missing_field", "not_finite",    "bad_time",
    "too_large", "not_utf8",   "series_limit",  "unknown_topic", "late"};
  return names.at(static_cast<std::size_t>(x));
}

std::string make_alert_id(std::string_view rule, std::string_view series_text,
                          std::int64_t start_ns) {
  auto hash = stable_hash(series_text, stable_hash(rule));
  hash = stable_hash(std::to_string(start_ns), hash);
  std::array<char, 17> text{};
  std::snprintf(text.data(), text.size(), "%016llx",
                static_cast<unsigned long long>(hash));
  return text.data();
}

} // namespace weir::analytics
