// What the ZeroMQ adapters share: end points, options, wake-ups and the
// client's connection. The only header that includes zmq.hpp; private to
// transport/.
#pragma once

#include "transport/curve.hpp"
#include "transport/errors.hpp"

#include <zmq.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace weir::transport {

/// How long a closed socket may still try to send what it holds.
inline constexpr int linger_ms = 250;

/// The end point as ZeroMQ takes it (port 0 becomes `*`). invalid_config if it
/// is neither tcp:// nor ipc://, or would carry events in clear beyond this
/// machine.
expected<std::string, error> usable_endpoint(std::string_view endpoint, bool encrypted);

/// Binds and returns the end point as bound; cannot_bind says what to do.
expected<std::string, error> listen_on(zmq::socket_t& socket,
                                       const std::string& endpoint);

/// Heartbeats, time and size limits of the connections, for both sides.
void set_limits(zmq::socket_t& socket, std::size_t message_bytes_max, int hwm);

/// Only if the end point is written with [...].
void allow_ipv6(zmq::socket_t& socket, const std::string& endpoint);

/// CURVE. @pre For a server: its context's zap_handler has started, or any key
/// would get in.
void set_keys(zmq::socket_t& socket, const curve_server_keys& keys);
void set_keys(zmq::socket_t& socket, const curve_client_keys& keys);

/// The name that the ZAP handler gave to the message's sender; empty without
/// CURVE.
std::string_view user_id(zmq::message_t& message);

/// One frame without blocking; false if nothing is there.
bool try_receive(zmq::socket_t& socket, zmq::message_t& frame);

/// Passes over what is left of a multipart message.
void drop_rest(zmq::socket_t& socket, const zmq::message_t& last);

/// Wakes a thread that polls. Any thread may signal; signals coalesce.
class wake_event {
public:
  wake_event();
  wake_event(const wake_event&) = delete;
  wake_event& operator=(const wake_event&) = delete;
  ~wake_event();

  void signal();
  void clear();

  int fd() const {
    return fd_;
  }

private:
  int fd_ = -1;
};

/// The low-level events of a socket's connections. For the thread that reads.
/// ZeroMQ's I/O thread waits for ever for a reader that went away, so this ends
/// before the watched socket, and by then no other thread may use that.
class connection_monitor {
public:
  struct event {
    int what = 0; ///< ZMQ_EVENT_...
    std::uint32_t value = 0;
  };

  /// @pre Made before `watched` binds or connects.
  connection_monitor(zmq::context_t& context, zmq::socket_t& watched, int events);

  connection_monitor(const connection_monitor&) = delete;
  connection_monitor& operator=(const connection_monitor&) = delete;
  ~connection_monitor();

  std::optional<event> next();

  void* handle() {
    return pair_.handle();
  }

private:
  void* watched_;
  zmq::socket_t pair_;
};

/// A DEALER that connects once: no reconnecting behind our back, so that
/// nothing we count as sent can vanish between two connections. One thread
/// only.
class dealer_connection {
public:
  struct settings {
    std::string endpoint; ///< From usable_endpoint().
    curve_client_keys keys;
    std::string routing_id; ///< Only without CURVE.
    std::size_t message_bytes_max = 1 << 20;
    int send_hwm = 10'000;
    zmq::context_t* context = nullptr; ///< To share one; null: its own.
  };

  struct change {
    bool up = false;
    bool refused = false; ///< The peer answered, and will not have us.
    std::string why;      ///< If not up.
  };

  explicit dealer_connection(settings what) : settings_{std::move(what)} {
  }

  ~dealer_connection() {
    close();
  }

  /// Starts to connect; invalid_config if the end point cannot be used at all.
  expected<void, error> open();

  /// Ends the connection; what was not sent is dropped.
  void close();

  /// What has happened to the connection since the last call, in order.
  std::optional<change> next_change();

  bool is_open() const {
    return static_cast<bool>(socket_);
  }

  /// @pre is_open()
  zmq::socket_t& socket() {
    return *socket_;
  }

  void* monitor_handle() {
    return monitor_->handle();
  }

private:
  std::optional<change> translate(const connection_monitor::event& event);

  zmq::context_t& context() {
    return settings_.context != nullptr ? *settings_.context : own_context_;
  }

  settings settings_;
  zmq::context_t own_context_; // Has no thread until it has a socket.
  std::optional<zmq::socket_t> socket_;
  std::optional<connection_monitor> monitor_;
  bool reached_ = false; ///< A TCP connection stood, keys not yet exchanged.
};

} // namespace weir::transport
