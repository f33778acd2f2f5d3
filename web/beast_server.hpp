// The sockets of the web server: HTTP/1.1 and WebSocket on plain TCP or TLS,
// with all limits that can be kept without knowing what a request means. One
// thread. Boost and OpenSSL stay in the .cpp.
#pragma once

#include "web/http_message.hpp"
#include "web/server_config.hpp"
#include "web/web_counters.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace weir::web {

/// What the sockets hand over. All calls come on the socket thread: decide
/// quickly and return.
class socket_handler {
public:
  virtual ~socket_handler() = default;

  /// `respond` must be called exactly once, from any thread.
  virtual void
  on_request(http_request request, std::function<void(http_response)> respond)
    = 0;

  /// A WebSocket handshake: nothing to accept it, or the refusal.
  virtual std::optional<http_response> on_upgrade(const http_request& request) = 0;

  /// The handshake is done; `request` is the one that on_upgrade() accepted.
  virtual void on_open(socket_id id, const http_request& request) = 0;
  virtual void on_message(socket_id id, bool text, std::string_view bytes) = 0;
  /// A frame of this size is in the kernel's hands.
  virtual void on_sent(socket_id id, std::size_t size_bytes) = 0;
  virtual void on_close(socket_id id) = 0;
};

struct socket_limits {
  std::size_t header_bytes_max = 8 << 10;
  std::size_t message_bytes_max = 64 << 10; ///< Of a WebSocket client.
  std::size_t requests_per_connection = 100;
  std::chrono::milliseconds header_timeout{10'000}; ///< Also for an idle connection.
  std::chrono::milliseconds body_timeout{30'000};
  std::chrono::milliseconds close_timeout{5'000}; ///< For the last frame and close.
  /// Of the kernel, per WebSocket: small, so that our own budget sees a slow
  /// client before megabytes hide in the kernel.
  int send_buffer_bytes = 128 << 10;
};

class beast_server {
public:
  beast_server(const server_config& config, socket_limits limits,
               socket_handler& handler, web_counters& counters);
  ~beast_server(); ///< Stops.

  /// Binds and starts the thread; returns the port.
  expected<std::uint16_t, error> start();

  /// Closes all (WebSockets with 1001) and joins. No handler call comes after
  /// it.
  void stop();

  /// Runs `task` on the socket thread. Any thread; nothing after stop().
  void post(std::function<void()> task);

  /// The following only on the socket thread.

  void send(socket_id id, ws_frame frame);
  /// Drops what is queued, sends the close frame, and ends the connection at
  /// the latest after `close_timeout`.
  void close(socket_id id, std::uint16_t code, std::string_view reason);
  /// Calls `task` each `interval` until stop().
  void every(std::chrono::milliseconds interval, std::function<void()> task);
  /// Calls `task` once.
  void after(std::chrono::milliseconds delay, std::function<void()> task);

private:
  struct impl;
  std::shared_ptr<impl> impl_;
};

/// Whether `address` is 127.0.0.0/8 or ::1; nothing if it is no IP address.
std::optional<bool> is_loopback(std::string_view address);

} // namespace weir::web
