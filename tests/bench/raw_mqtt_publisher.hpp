// A publisher that costs little: MQTT 3.1.1 on plain sockets, several
// connections from one poll loop, many messages in one write. Only for load: it
// does not reconnect and does not send again.
#pragma once

#include "analytics/expected.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace weir::bench {

struct raw_publisher_config {
  std::string uri = "mqtt://127.0.0.1:1883"; ///< Plain only.
  std::size_t connections = 1;               ///< 1..1000
  std::size_t window_max = 500; ///< QoS 1: unacknowledged messages a connection.
  int qos = 1;
  std::chrono::seconds drain_limit{30};
};

struct raw_message {
  std::string_view topic;
  std::string_view payload; ///< Valid until the next call.
};

/// The next message of a connection, or false: nothing is due now.
using raw_message_source
  = std::function<bool(std::size_t connection, raw_message& out)>;

struct raw_publisher_result {
  std::uint64_t sent = 0;
  std::uint64_t acked = 0; ///< QoS 0: as sent.
  double seconds = 0.0;    ///< From the first message to the last acknowledgement.
};

/// Publishes for `duration`, then waits for the last PUBACK and disconnects in
/// order, so that the broker has read everything.
expected<raw_publisher_result, std::string>
publish_raw(const raw_publisher_config& config, std::chrono::nanoseconds duration,
            const raw_message_source& source);

} // namespace weir::bench
