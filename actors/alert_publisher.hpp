// ALERT PUBLISHER: sends the alerts of an edge to its MQTT broker, right from the
// shards, so that they go out while the centre is away. The same alerts also travel
// through the outbox; the id lets a receiver of both see that they are one.
//
// At least once: what the broker has not acknowledged stands in every checkpoint and is
// published again by the next start.
#pragma once

#include "actors/interfaces.hpp"
#include "analytics/series.hpp"

#include <caf/typed_event_based_actor.hpp>

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace weir::actors {

struct alert_counters {
  std::atomic<std::uint64_t> handed{0}; ///< By shards, and...
  std::atomic<std::uint64_t> taken{0};  ///< ...given to the broker's client.
  std::atomic<std::uint64_t> published{0};
  std::atomic<std::uint64_t> failed{0}; ///< The outgoing queue was full.
};

struct alert_publisher_parts {
  std::string edge;
  std::string topic_pattern;
  const analytics::series_table* series = nullptr; ///< Outlives the actor.
  /// Hands one message to the broker's client; false if it could not be taken.
  std::function<bool(std::string topic, std::string payload)> publish;
  std::shared_ptr<alert_counters> counters;
};

struct alert_publisher_state {
  static constexpr const char* name = "alert-publisher";
  alert_publisher_parts parts;
};

alert_publisher_actor::behavior_type
alert_publisher(alert_publisher_actor::stateful_pointer<alert_publisher_state> self,
                alert_publisher_parts parts);

} // namespace weir::actors
