// Decides from the answers of weir-central whether data flow all the way: edges
// are up, the windows of each grow, anomalies and alerts have been seen. Pure.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace weir::cli {

class flow_check {
public:
  struct config {
    std::size_t edges_min = 2;
    bool mqtt_alerts = false; ///< Whether alerts must come by MQTT, too.
  };

  struct finding {
    std::string what; ///< "2 edges are up"
    bool ok = false;
    std::string detail; ///< What was seen; if not ok, what to look at.
  };

  explicit flow_check(config settings);

  // Answers of the API, in any order and as often as wanted. What has been seen
  // once stays seen.
  void on_overview(const nlohmann::json& answer);
  void on_series(const std::string& edge, const nlohmann::json& answer);
  void on_anomalies(const nlohmann::json& answer);
  void on_alerts(const nlohmann::json& answer);
  void on_mqtt_message(std::string_view topic, std::string_view payload);

  /// Names of the edges in the last overview.
  const std::vector<std::string>& edges() const {
    return edges_;
  }

  const std::vector<finding>& findings() const {
    return findings_;
  }
  bool passed() const;

private:
  /// Of one edge: the newest window of each series when it was first seen.
  struct edge_progress {
    std::map<std::int64_t, double> first_last_ms;
    std::size_t growing = 0;
  };

  void mark(std::size_t index, bool ok, std::string detail);

  config settings_;
  std::vector<std::string> edges_;
  std::map<std::string, edge_progress> progress_;
  std::vector<finding> findings_;
};

} // namespace weir::cli
