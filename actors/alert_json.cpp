#include "actors/alert_json.hpp"

#include "analytics/series.hpp"

#include <nlohmann/json.hpp>

namespace weir::actors {

namespace {

void replace_all(std::string& text, std::string_view what, std::string_view with) {
  std::string clean{with};
  for (auto& c : clean)
    if (c == '+' || c == '#' || c == '/' || c == '\0')
      c = '_';
  for (auto pos = text.find(what); pos != std::string::npos;
       pos = text.find(what, pos + clean.size()))
    text.replace(pos, what.size(), clean);
}

double to_ms(std::int64_t time_ns) {
  return static_cast<double>(time_ns) / 1e6;
}

} // namespace

std::string alert_to_json(const analytics::alert& alert, std::string_view edge,
                          std::string_view series_text) {
  nlohmann::ordered_json json{
    {"version", 1},
    {"id", alert.id},
    {"edge", edge},
    {"rule", alert.rule},
    {"state", analytics::to_string(alert.state)},
    {"severity", analytics::to_string(alert.severity)},
    {"series", series_text},
  };
  if (auto name = analytics::parse_series(series_text)) {
    json["metric"] = name->metric;
    json["source"] = name->source;
    auto& dimensions = json["dimensions"] = nlohmann::ordered_json::object();
    for (const auto& [key, value] : name->dimensions)
      dimensions[key] = value;
  }
  json["start_ms"] = to_ms(alert.start_ns);
  json["updated_ms"] = to_ms(alert.updated_ns);
  json["value"] = alert.value;
  json["limit"] = alert.limit;
  json["message"] = alert.message;
  // Texts were checked on the way in; `replace` keeps a slip from throwing.
  return json.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

std::string alert_topic(std::string_view pattern, std::string_view edge,
                        const analytics::alert& alert) {
  std::string topic{pattern};
  replace_all(topic, "{edge}", edge);
  replace_all(topic, "{rule}", alert.rule);
  replace_all(topic, "{severity}", analytics::to_string(alert.severity));
  return topic;
}

} // namespace weir::actors
