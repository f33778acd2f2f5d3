// ALERT MANAGER: the centre's voice. Publishes every alert that reaches the store on
// MQTT, and raises alerts of its own for what only the centre can see: an edge that
// fell silent ("edge_silent").
#pragma once

#include "actors/fleet_board.hpp"
#include "actors/interfaces.hpp"

#include <caf/typed_event_based_actor.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <string>

namespace weir::actors {

struct alert_manager_config {
  std::string topic = "weir/central/alerts/{edge}/{rule}";
  /// An edge that was heard before and is silent for this long is alerted.
  std::chrono::milliseconds edge_silent_after{15'000};
};

struct alert_manager_parts {
  const fleet_board* fleet = nullptr; ///< Outlives the actor.
  central_counters* counters = nullptr;
  /// Hands one message to the broker's client; false if it could not be taken.
  /// Empty: alerts are only stored.
  std::function<bool(std::string topic, std::string payload)> publish;
  std::function<std::int64_t()> now_ns; ///< Wall clock.
};

struct alert_manager_state {
  static constexpr const char* name = "alert-manager";
  alert_manager_config config;
  alert_manager_parts parts;
  store_writer_actor writer;
  std::map<std::string, analytics::alert> silent_edges; ///< Firing now, by edge.
};

alert_manager_actor::behavior_type
alert_manager(alert_manager_actor::stateful_pointer<alert_manager_state> self,
              alert_manager_config config, alert_manager_parts parts,
              store_writer_actor writer);

} // namespace weir::actors
