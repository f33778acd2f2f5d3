#include "configs/rule_settings.hpp"

#include "configs/view_settings.hpp"

#include <string>

namespace weir::configs {

namespace {

analytics::severity read_severity(table_reader& table, const std::string& key,
                                  const std::string& fallback) {
  auto text = table.one_of(key, fallback, {"low", "medium", "high", "critical"});
  if (text == "low")
    return analytics::severity::low;
  if (text == "medium")
    return analytics::severity::medium;
  return text == "high" ? analytics::severity::high : analytics::severity::critical;
}

} // namespace

void read_detector(table_reader& table, analytics::stream_config& config) {
  auto& detector = config.detector;
  detector.enabled = table.boolean("enabled", true);
  config.detector_ignores = table.texts("ignore", {});
  detector.warmup_events = static_cast<std::uint32_t>(
    table.integer("warmup_events", detector.warmup_events, 2, 1'000'000));
  detector.memory_events
    = table.number("memory_events", detector.memory_events, 1.0, 1e9);
  detector.threshold = table.number("threshold", detector.threshold, 0.1, 1e6);
  detector.clip = table.number("clip", detector.clip, 0.1, 1e6);
  detector.calm_events = static_cast<std::uint32_t>(
    table.integer("calm_events", detector.calm_events, 1, 200));
  detector.spread_min_relative
    = table.number("spread_min_relative", detector.spread_min_relative, 0.0, 1.0);
  detector.spread_min = table.number("spread_min", detector.spread_min, 1e-300, 1e300);
  table.finish();
}

analytics::rule_config read_rule(table_reader& table) {
  analytics::rule_config rule;
  rule.name = table.required_text("name");
  rule.metric = table.text("metric", "*");
  rule.source = table.text("source", "*");
  auto condition = table.one_of("condition", "above", {"above", "below", "anomaly"});
  using kind = analytics::rule_condition;
  rule.condition = condition == "above"   ? kind::above
                   : condition == "below" ? kind::below
                                          : kind::anomaly;
  auto limit = table.optional_number("limit");
  if (!limit && rule.condition != kind::anomaly)
    table.fail("limit", "nothing", "a number: the limit of the rule");
  rule.limit = limit.value_or(0.0);
  rule.clear_limit = table.optional_number("clear_limit");
  rule.hold_ns = read_span(table, "hold_ms", 0);
  rule.recover_ns = read_span(table, "recover_ms", 0);
  rule.severity = read_severity(table, "severity", "medium");
  rule.anomaly_min = read_severity(table, "anomaly_min", "high");
  table.finish();
  return rule;
}

} // namespace weir::configs
