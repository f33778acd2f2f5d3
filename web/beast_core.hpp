// PRIVATE to beast_server.cpp (Beast compiles in one translation unit): what
// the listener and its connections share, all of it used on the socket thread
// only.
#pragma once

#include "web/beast_server.hpp"

#include <boost/asio/dispatch.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/ssl.hpp>

#include <memory>
#include <optional>
#include <unordered_map>
#include <utility>

namespace weir::web::detail {

namespace asio = boost::asio;
namespace beast = boost::beast;
using tcp = asio::ip::tcp;
using plain_stream = beast::tcp_stream;
using tls_stream = beast::ssl_stream<beast::tcp_stream>;

/// A WebSocket connection, whatever its stream is.
class socket_connection {
public:
  virtual ~socket_connection() = default;
  virtual void send(ws_frame frame) = 0;
  virtual void close(std::uint16_t code, std::string_view reason) = 0;
};

struct core {
  core(const server_config& config_, socket_limits limits_, socket_handler& handler_,
       web_counters& counters_)
    : config(config_), limits(limits_), handler(handler_), counters(counters_) {
  }

  server_config config;
  socket_limits limits;
  socket_handler& handler;
  web_counters& counters;
  asio::io_context io{1};
  std::optional<asio::ssl::context> tls;
  std::unordered_map<socket_id, std::shared_ptr<socket_connection>> sockets;
  socket_id next_socket = 1;
  bool stopping = false;
};

/// One place of connections_max; moves along when HTTP becomes WebSocket.
class connection_slot {
public:
  explicit connection_slot(web_counters& counters) : counters_(&counters) {
    counters_->connections_now += 1;
    counters_->connections_total += 1;
  }
  connection_slot(connection_slot&& other) noexcept
    : counters_(std::exchange(other.counters_, nullptr)) {
  }
  connection_slot& operator=(connection_slot&&) = delete;
  ~connection_slot() {
    if (counters_ != nullptr)
      counters_->connections_now -= 1;
  }

private:
  web_counters* counters_;
};

template <class Stream>
tcp::socket& socket_of(Stream& stream) {
  return beast::get_lowest_layer(stream).socket();
}

} // namespace weir::web::detail
