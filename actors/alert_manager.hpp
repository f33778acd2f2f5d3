// ALERT MANAGER: the centre's voice. Publishes every alert that reaches the store on
// MQTT, and raises alerts of its own (edge "central") for what only the centre can see
// of an edge:
//
//   edge_silent       it was heard before and is silent now
//   weir.ledger       its numbers, or the events it counts, do not balance
//   weir.epoch        it counts from 1 again: its database was lost or set back
//   weir.memory_only  its data directory cannot be written: it would lose all by a crash
//   weir.journal      its journal is off
//   weir.disk         its disk is full
//   weir.memory       its memory is near the bound: sources wait or shed
//   weir.files        it found damaged files and set them aside
//
// Of a state the alert is resolved when the state ends (of what an edge says that it
// cannot do, after `mode_calm`), of an incident after `incident_shown`.
#pragma once

#include "actors/fleet_board.hpp"
#include "actors/interfaces.hpp"

#include <caf/typed_event_based_actor.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace weir::actors {

/// An edge must have said for so long that it can do again what it could not, before
/// the alert about it is resolved: else one that goes to and fro at its limit would
/// send two messages each time.
inline constexpr std::chrono::seconds mode_calm{30};

struct alert_manager_config {
  std::string topic = "weir/central/alerts/{edge}/{rule}";
  /// An edge that was heard before and is silent for this long is alerted.
  std::chrono::milliseconds edge_silent_after{15'000};
  /// How long an alert about something that happened once stays open.
  std::chrono::minutes incident_shown{60};
};

struct alert_manager_parts {
  const fleet_board* fleet = nullptr; ///< Outlives the actor.
  central_counters* counters = nullptr;
  /// Hands one message to the broker's client; false if it could not be taken.
  /// Empty: alerts are only stored.
  std::function<bool(std::string topic, std::string payload)> publish;
  std::function<std::int64_t()> now_ns; ///< Wall clock.
  /// The centre's own alerts that were open when it was stopped.
  std::vector<storage::stored_alert> open;
};

/// What of an edge has been alerted, as far as it only grows.
struct known_counts {
  std::uint64_t violations = 0;
  std::uint64_t files_set_aside = 0;
};

struct alert_manager_state {
  static constexpr const char* name = "alert-manager";
  alert_manager_config config;
  alert_manager_parts parts;
  store_writer_actor writer;
  /// Open now, by rule and series.
  std::map<std::pair<std::string, std::string>, analytics::alert> open;
  std::map<std::string, known_counts> known; ///< By edge.
  /// Of those in `open` that are about a mode which has ended: since when, by the times
  /// at which the edge was heard.
  std::map<std::pair<std::string, std::string>, std::int64_t> calm_since_ns;
};

alert_manager_actor::behavior_type
alert_manager(alert_manager_actor::stateful_pointer<alert_manager_state> self,
              alert_manager_config config, alert_manager_parts parts,
              store_writer_actor writer);

} // namespace weir::actors
