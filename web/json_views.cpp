#include "web/json_views.hpp"

#include "web/ledger_views.hpp"
#include "web/secrets.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <string_view>

namespace weir::web {

using nlohmann::json;

namespace {

std::string to_text(std::string_view x) {
  return std::string{x};
}

json reasons_json(const std::vector<std::uint64_t>& counts) {
  auto result = json::object();
  for (std::size_t i = 0; i < analytics::reject_reason_count; ++i) {
    auto name = analytics::to_string(static_cast<analytics::reject_reason>(i));
    result[to_text(name)] = i < counts.size() ? counts[i] : 0;
  }
  return result;
}

json sources_json(const transport::edge_status& status) {
  constexpr auto reasons = analytics::reject_reason_count;
  auto result = json::object();
  for (std::size_t i = 0; i < status.rejecting_sources.size(); ++i) {
    auto begin = std::min(i * reasons, status.rejected_by_source.size());
    auto end = std::min(begin + reasons, status.rejected_by_source.size());
    auto at = [&status](std::size_t n) {
      return status.rejected_by_source.begin() + static_cast<std::ptrdiff_t>(n);
    };
    result[status.rejecting_sources[i]] = reasons_json({at(begin), at(end)});
  }
  return result;
}

} // namespace

json ms_json(std::int64_t ns) {
  constexpr std::int64_t ms = 1'000'000;
  if (ns % ms == 0)
    return ns / ms;
  return static_cast<double>(ns) / static_cast<double>(ms);
}

json totals_json(const actors::fleet_totals& fleet, const store_totals& store) {
  return {{"edges", fleet.edges},
          {"up", fleet.up},
          {"late", fleet.late},
          {"down", fleet.down},
          {"events_per_s", fleet.events_per_s},
          {"events_total", fleet.events_total},
          {"lag_p99_ms", fleet.lag_p99_ms},
          {"alerts_open", store.alerts_open},
          {"series", store.series},
          {"rejected_total", fleet.rejected_total},
          {"late_total", fleet.late_total}};
}

json edge_json(const actors::edge_view& x) {
  const auto& status = x.status;
  return {{"name", x.name},
          {"state", to_text(actors::to_string(x.state))},
          {"last_seen_ms", ms_json(x.last_seen_ns)},
          {"events_per_s", x.events_per_s},
          {"events_total", status.events_total},
          {"lag_ms", x.lag_ms},
          {"clock_offset_ms", x.clock_offset_ms},
          {"series_open", status.series_open},
          {"outbox_records", status.outbox_records},
          {"outbox_bytes", status.outbox_bytes},
          {"rejected_total", status.rejected_total},
          {"rejected_by_reason", reasons_json(status.rejected_by_reason)},
          {"rejected_by_source", sources_json(status)},
          {"late_total", status.late_total},
          {"shed_total", status.shed_total},
          {"expired_total", status.expired_total},
          {"alerts_firing", status.alerts_firing},
          {"rss_bytes", status.rss_bytes},
          {"revisions_total", status.revisions_total},
          {"filtered_total", status.filtered_total},
          {"derived_total", status.derived_total},
          {"evicted_total", status.evicted_total},
          {"series_known", status.series_known},
          {"state_bytes", status.state_bytes},
          {"restamped_total", status.restamped_total},
          {"held_events", status.held_events},
          {"clock_jumps_total", status.clock_jumps_total},
          {"modes", mode_names(x.ledger.mode)},
          {"ledger_balanced",
           x.ledger_ns == 0 || (is_balanced(x.ledger) && x.ledger.violations == 0)},
          {"version", status.version},
          {"started_ms", ms_json(status.started_ns)}};
}

json edges_json(const actors::fleet_view& x) {
  auto result = json::array();
  for (const auto& edge : x.edges)
    result.push_back(edge_json(edge));
  return result;
}

json series_json(const storage::stored_series& x) {
  return {{"id", x.id},
          {"edge", x.edge},
          {"text", x.text},
          {"width_ms", ms_json(x.width_ns)},
          {"last_ms", ms_json(x.last_start_ns)}};
}

json anomaly_json(const named_anomaly& x) {
  const auto& value = x.value;
  return {{"series", x.series},
          {"edge", x.edge},
          {"text", x.text},
          {"time_ms", ms_json(value.time_ns)},
          {"value", value.value},
          {"expected", value.expected},
          {"deviation", value.deviation},
          {"score", value.score},
          {"severity", to_text(analytics::to_string(value.severity))},
          {"model", value.model}};
}

json alert_json(const std::string& edge, const std::string& text,
                const analytics::alert& x) {
  return {{"id", x.id},
          {"edge", edge},
          {"rule", x.rule},
          {"text", text},
          {"state", to_text(analytics::to_string(x.state))},
          {"severity", to_text(analytics::to_string(x.severity))},
          {"start_ms", ms_json(x.start_ns)},
          {"updated_ms", ms_json(x.updated_ns)},
          {"value", x.value},
          {"limit", x.limit},
          {"message", x.message}};
}

json rejection_json(const storage::stored_rejection& x) {
  const auto& value = x.value;
  return {
    {"edge", x.edge},         {"time_ms", ms_json(value.time_ns)},
    {"source", value.source}, {"reason", to_text(analytics::to_string(value.reason))},
    {"detail", value.detail}, {"first_bytes_base64", to_base64(value.first_bytes)}};
}

json summary_columns_json() {
  return {"start_ms", "width_ms", "count", "sum",  "min",      "max",  "mean",
          "variance", "first",    "last",  "late", "revision", "early"};
}

json summary_row_json(const analytics::summary& x) {
  return {ms_json(x.start_ns),
          ms_json(x.width_ns),
          x.count,
          x.sum,
          x.min,
          x.max,
          x.mean,
          x.variance(),
          x.first,
          x.last,
          x.late_count,
          x.revision,
          x.early};
}

} // namespace weir::web
