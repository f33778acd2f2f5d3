// Events over ZeroMQ. DEALER clients of the ROUTER number their messages and
// get a cumulative acknowledgement; PUSH clients of the PULL socket get none
// and are at-most-once over a crash. Frames: transport/WIRE.md, "Ingest".
#pragma once

#include "transport/curve.hpp"
#include "transport/errors.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace weir::transport {

struct zmq_ingest_config {
  std::string router_endpoint; ///< Empty: off. "tcp://127.0.0.1:5560"
  std::string pull_endpoint;   ///< Empty: off. Port 0 or `*`: any free one.
  curve_server_keys keys;      ///< Without keys only loopback and ipc may be bound.
  std::size_t message_bytes_max = 8 << 20;
  int receive_hwm = 1000; ///< Messages that wait per client before TCP pushes back.
  std::size_t clients_max = 65'536; ///< Connections remembered; then the one that
                                    ///< was silent longest must connect anew.
};

struct zmq_bound_endpoints {
  std::string router;
  std::string pull;
};

struct zmq_handlers {
  /// Takes one message. May block: that is the back-pressure. Must not throw. `client` is
  /// the authenticated name, or "zmq".
  std::function<void(std::string_view client, std::string_view payload)> take;

  /// Comes after the messages that were there, at most 256 of a socket, and before their
  /// acknowledgements: when it returns they count as received. So what each message
  /// would cost anew can be done for all of them at once. False: they were not taken, and
  /// are not acknowledged. May block, must not throw.
  std::function<bool()> settle{};
};

/// Owns one thread, two with CURVE keys. on_error is called on the first:
/// refused keys, malformed messages, numbers out of order. Never fatal, never
/// after stop().
class zmq_ingest {
public:
  zmq_ingest(zmq_ingest_config config, zmq_handlers handlers,
             std::function<void(const error&)> on_error);
  ~zmq_ingest(); ///< Stops.

  expected<zmq_bound_endpoints, error> start();

  /// Returns when the handler has returned and the acknowledgements due are
  /// sent.
  void stop();

private:
  struct impl;
  std::unique_ptr<impl> impl_;
};

/// The client side, for simulators, replay and tests. One thread only. With
/// acknowledgements it survives a lost connection: what was not acknowledged is
/// sent again in order, so a message may arrive twice, but none is lost.
class zmq_publisher {
public:
  struct config {
    std::string endpoint;
    curve_client_keys keys;
    bool acknowledged = true;      ///< DEALER with acks; false: PUSH.
    std::size_t window_max = 1000; ///< Messages without acknowledgement at most.
    std::size_t message_bytes_max = 8 << 20; ///< As the receiver's: it cuts off
                                             ///< who sends more.
    std::chrono::milliseconds backoff_min{50};
    std::chrono::milliseconds backoff_max{2'000};
  };

  static expected<std::unique_ptr<zmq_publisher>, error> connect(config settings);
  ~zmq_publisher();

  /// Blocks while the window is full; cannot_connect after `timeout`, or
  /// not_authorized if the receiver refuses us. The message was not taken then.
  expected<void, error> send(std::string_view payload,
                             std::chrono::milliseconds timeout);

  /// Waits until everything is acknowledged (or, for PUSH, handed to the
  /// network).
  expected<void, error> drain(std::chrono::milliseconds timeout);

  std::uint64_t acknowledged() const;

private:
  struct impl;
  explicit zmq_publisher(std::unique_ptr<impl> state);
  std::unique_ptr<impl> impl_;
};

} // namespace weir::transport
