#include "cli/flow_check.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>

namespace weir::cli {

namespace {

using nlohmann::json;

enum : std::size_t { edges_up, windows, anomalies, alerts, mqtt_alerts };

std::string text_at(const json& object, const char* name) {
  if (!object.is_object())
    return {};
  auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>()
                                                     : std::string{};
}

double number_at(const json& object, const char* name) {
  if (!object.is_object())
    return 0.0;
  auto found = object.find(name);
  return found != object.end() && found->is_number() ? found->get<double>() : 0.0;
}

json list_at(const json& object, const char* name) {
  if (object.is_object())
    if (auto found = object.find(name); found != object.end() && found->is_array())
      return *found;
  return json::array();
}

} // namespace

flow_check::flow_check(config settings) : settings_(settings) {
  auto count = std::to_string(settings.edges_min);
  findings_ = {
    {"at least " + count + " edges are up", false,
     "no edge has connected; look at the logs of weir-edge"},
    {"the windows of " + count + " edges grow", false,
     "no new window has come; do events reach the edges?"},
    {"anomalies are found", false,
     "none yet; detectors learn for some time before they judge"},
    {"alerts are raised", false, "none yet; has the edge a rule that the data meet?"},
  };
  if (settings.mqtt_alerts)
    findings_.push_back({"alerts come by MQTT", false,
                         "none yet; is [alerts] enabled in the configuration?"});
}

void flow_check::mark(std::size_t index, bool ok, std::string detail) {
  auto& x = findings_[index];
  if (x.ok)
    return;
  x.ok = ok;
  x.detail = std::move(detail);
}

void flow_check::on_overview(const json& answer) {
  edges_.clear();
  std::string up;
  std::string others;
  std::size_t count = 0;
  for (const auto& x : list_at(answer, "edges")) {
    auto name = text_at(x, "name");
    edges_.push_back(name);
    if (text_at(x, "state") == "up") {
      ++count;
      up += (up.empty() ? "" : ", ") + name;
    } else {
      others += (others.empty() ? "" : ", ") + name + " is " + text_at(x, "state");
    }
  }
  if (edges_.empty())
    return;
  mark(edges_up, count >= settings_.edges_min,
       "up: " + (up.empty() ? "none" : up) + (others.empty() ? "" : "; " + others));
}

void flow_check::on_series(const std::string& edge, const json& answer) {
  auto& progress = progress_[edge];
  std::size_t growing = 0;
  for (const auto& x : list_at(answer, "series")) {
    auto last_ms = number_at(x, "last_ms");
    auto id = static_cast<std::int64_t>(number_at(x, "id"));
    if (last_ms <= 0.0)
      continue;
    auto first = progress.first_last_ms.try_emplace(id, last_ms).first->second;
    growing += last_ms > first ? 1 : 0;
  }
  progress.growing = std::max(progress.growing, growing);
  std::size_t edges = 0;
  std::string detail;
  for (const auto& [name, one] : progress_) {
    edges += one.growing > 0 ? 1 : 0;
    detail += (detail.empty() ? "" : ", ") + name + ": " + std::to_string(one.growing)
              + " of " + std::to_string(one.first_last_ms.size()) + " series grew";
  }
  mark(windows, edges >= settings_.edges_min, std::move(detail));
}

void flow_check::on_anomalies(const json& answer) {
  auto found = list_at(answer, "anomalies");
  if (!found.empty())
    mark(anomalies, true,
         "newest: " + text_at(found[0], "severity") + " on " + text_at(found[0], "text")
           + " of " + text_at(found[0], "edge"));
}

void flow_check::on_alerts(const json& answer) {
  auto found = list_at(answer, "alerts");
  if (!found.empty())
    mark(alerts, true,
         "newest: " + text_at(found[0], "rule") + " " + text_at(found[0], "state")
           + " on " + text_at(found[0], "text"));
}

void flow_check::on_mqtt_message(std::string_view topic, std::string_view payload) {
  if (!settings_.mqtt_alerts)
    return;
  auto body = json::parse(payload, nullptr, false);
  if (text_at(body, "rule").empty() || text_at(body, "state").empty())
    return;
  mark(mqtt_alerts, true,
       "first: " + text_at(body, "rule") + " " + text_at(body, "state") + " on topic "
         + std::string{topic});
}

bool flow_check::passed() const {
  return std::all_of(findings_.begin(), findings_.end(),
                     [](const finding& x) { return x.ok; });
}

} // namespace weir::cli
