// Where messages go: an MQTT broker, a ZeroMQ ingest, or standard output.
// Whoever sends faster than the other side takes waits; nothing is dropped
// silently.
#pragma once

#include "analytics/expected.hpp"
#include "cli/stop_signal.hpp"
#include "transport/curve.hpp"
#include "transport/mqtt_client.hpp"

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

namespace weir::cli {

enum class payload_form : std::uint8_t { json, msgpack };

enum class send_result : std::uint8_t {
  sent,    ///< Handed over: to the wire, or to the bounded queue before it.
  stopped, ///< The user asked to stop while it waited; the message was not
           ///< taken.
  failed,  ///< It will not work; the reason is on standard error.
};

class message_sink {
public:
  virtual ~message_sink() = default;
  virtual payload_form form() const = 0;

  /// Waits while the other side is away or slow.
  virtual send_result send(const std::string& topic, const std::string& payload) = 0;

  /// Waits until the other side has acknowledged everything or `deadline` is
  /// over; returns the number of messages that it has not.
  virtual std::uint64_t finish(std::chrono::milliseconds deadline) = 0;
};

struct mqtt_sink_config {
  transport::mqtt_config client; ///< Without topics.
};

struct zmq_sink_config {
  std::string endpoint;
  transport::curve_client_keys keys;
};

using sink_ptr = std::unique_ptr<message_sink>;

/// Each prints one line on standard error when the other side goes or comes.
/// `stop` must outlive the sink.
expected<sink_ptr, std::string> make_mqtt_sink(mqtt_sink_config config,
                                               stop_signal& stop);
expected<sink_ptr, std::string> make_zmq_sink(zmq_sink_config config,
                                              stop_signal& stop);
sink_ptr make_stdout_sink();

} // namespace weir::cli
