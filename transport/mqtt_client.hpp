// MQTT 3.1.1 and 5 through Paho C++; the only file that includes it is the
// .cpp.
//
// PUBACK goes out when on_message returns, one message at a time: what
// on_message has written down is safe, and what it waits for delays every other
// message.
//
// Paho has one thread for all clients of a process: an on_message that waits
// holds up the other clients, too, and one that waits longer than the
// keep-alive loses the connection (and gets its message again). Each further
// client of a process may take a second to connect.
#pragma once

#include "transport/errors.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace weir::transport {

struct mqtt_tls_config {
  std::filesystem::path ca_file;
  std::filesystem::path certificate_file; ///< Client certificate, optional.
  std::filesystem::path key_file;
  bool verify_server = true;
};

struct mqtt_config {
  std::string uri = "mqtt://127.0.0.1:1883"; ///< mqtt:// or mqtts://
  std::string client_id;                     ///< Stable: names the session.
  std::vector<std::string> topics;           ///< Filters with + and #.
  int qos = 1;                               ///< 0 or 1.
  int version = 5;                           ///< 5, or 4 for 3.1.1.
  std::chrono::seconds keep_alive{30};
  std::chrono::seconds session_expiry{86'400 * 7}; ///< MQTT 5 only.
  std::string user;
  std::filesystem::path password_file; ///< First line; mode 0600.
  mqtt_tls_config tls;
  std::size_t payload_bytes_max = 8 << 20; ///< Larger ones are handed over cut
                                           ///< to nothing with `oversized` set.
  std::size_t publish_pending_max = 10'000;
  std::chrono::milliseconds backoff_min{200};
  std::chrono::milliseconds backoff_max{10'000};
};

struct mqtt_message {
  std::string_view topic;
  std::string_view payload;
  bool retained = false;
  bool oversized = false;
};

struct mqtt_publication {
  std::string topic;
  std::string payload;
};

struct mqtt_callbacks {
  /// Paho's thread. Must return, and must not throw: an exception ends the
  /// process, because returning would acknowledge what was not taken.
  std::function<void(const mqtt_message&)> on_message;
  /// `up`, and why not or what session was found. The client's own thread. Only
  /// changes of state or reason, the same one at most once a minute.
  std::function<void(bool up, const std::string& why)> on_state;
};

class mqtt_client {
public:
  mqtt_client(mqtt_config config, mqtt_callbacks callbacks);
  ~mqtt_client(); ///< Stops.

  /// Checks the settings and starts to connect. A broker that is away is no
  /// error: it is retried with jittered back-off for ever, and every connection
  /// subscribes again.
  expected<void, error> start();

  /// Never blocks. queue_full beyond publish_pending_max, also while
  /// disconnected: up to that many messages are kept and sent in order on
  /// reconnect. With QoS 1 a message may arrive twice around a lost connection.
  expected<void, error> publish(std::string topic, std::string payload, int qos,
                                bool retain);

  /// Messages published and not yet acknowledged by the broker (QoS 1) or sent.
  std::size_t publish_pending() const;

  /// A copy of these messages, oldest first: what is to be published again by the next
  /// process if this one is killed now.
  std::vector<mqtt_publication> unpublished() const;

  /// Waits until nothing is pending or the deadline is over, then disconnects.
  void stop(std::chrono::milliseconds deadline);

private:
  struct impl;
  std::unique_ptr<impl> impl_;
};

} // namespace weir::transport
