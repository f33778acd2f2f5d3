// PRIVATE to beast_server.cpp: one WebSocket connection.
#pragma once

#include "web/beast_core.hpp"
#include "web/responses.hpp"

#include <boost/beast/http.hpp>
#include <boost/beast/websocket.hpp>
#include <boost/beast/websocket/ssl.hpp>

#include <array>
#include <deque>
#include <string>

namespace weir::web::detail {

namespace http = beast::http;
namespace websocket = beast::websocket;

template <class Stream>
class websocket_connection final
  : public socket_connection,
    public std::enable_shared_from_this<websocket_connection<Stream>> {
public:
  websocket_connection(core& shared, Stream&& stream, connection_slot slot)
    : core_(shared), stream_(std::move(stream)), slot_(std::move(slot)),
      close_timer_(shared.io) {
  }

  void accept(http::request<http::string_body> handshake, http_request request) {
    request_ = std::move(request);
    boost::system::error_code ignored;
    socket_of(stream_).set_option(
      asio::socket_base::send_buffer_size(core_.limits.send_buffer_bytes), ignored);
    beast::get_lowest_layer(stream_).expires_never();
    // Pings an idle client; one that answers nothing for 30 s is gone.
    stream_.set_option(websocket::stream_base::timeout{core_.limits.header_timeout,
                                                       std::chrono::seconds{30}, true});
    stream_.set_option(websocket::stream_base::decorator(
      [tls = request_.tls](websocket::response_type& response) {
        for (auto [name, value] : security_headers(tls))
          response.set(beast::string_view{name.data(), name.size()},
                       beast::string_view{value.data(), value.size()});
      }));
    stream_.read_message_max(core_.limits.message_bytes_max);
    stream_.auto_fragment(false);
    stream_.async_accept(handshake,
                         [self = this->shared_from_this()](beast::error_code ec) {
                           if (!ec && !self->core_.stopping)
                             self->open();
                         });
  }

  void send(ws_frame frame) override {
    if (closing_)
      return;
    queue_.push_back(std::move(frame));
    if (!writing_)
      write();
  }

  void close(std::uint16_t code, std::string_view reason) override {
    if (closing_)
      return;
    closing_ = true;
    reason_ = websocket::close_reason{static_cast<websocket::close_code>(code),
                                      beast::string_view{reason.data(), reason.size()}};
    // What is in flight must end before a close frame can follow.
    queue_.resize(writing_ ? 1 : 0);
    close_timer_.expires_after(core_.limits.close_timeout);
    close_timer_.async_wait([self = this->shared_from_this()](beast::error_code ec) {
      if (!ec)
        self->finish();
    });
    if (!writing_)
      send_close();
  }

private:
  void open() {
    id_ = core_.next_socket++;
    core_.sockets.emplace(id_, this->shared_from_this());
    core_.counters.sockets_now += 1;
    core_.handler.on_open(id_, request_);
    read();
  }

  void read() {
    stream_.async_read(
      buffer_, [self = this->shared_from_this()](beast::error_code ec, std::size_t) {
        if (ec)
          return self->finish();
        if (!self->closing_) {
          auto data = self->buffer_.cdata();
          self->core_.handler.on_message(
            self->id_, self->stream_.got_text(),
            {static_cast<const char*>(data.data()), data.size()});
        }
        self->buffer_.consume(self->buffer_.size());
        self->read();
      });
  }

  void write() {
    writing_ = true;
    const auto& frame = queue_.front();
    stream_.text(frame.text);
    auto buffers = std::array<asio::const_buffer, 2>{
      asio::buffer(frame.head),
      frame.body ? asio::buffer(*frame.body) : asio::const_buffer{}};
    stream_.async_write(buffers, [self = this->shared_from_this()](beast::error_code ec,
                                                                   std::size_t size) {
      self->writing_ = false;
      if (ec)
        return self->finish();
      self->core_.counters.frames_sent += 1;
      self->core_.counters.frames_bytes += size;
      self->queue_.pop_front();
      if (self->finished_)
        return;
      if (self->closing_)
        return self->send_close();
      self->core_.handler.on_sent(self->id_, size);
      if (!self->queue_.empty() && !self->writing_)
        self->write();
    });
  }

  void send_close() {
    stream_.async_close(reason_, [self = this->shared_from_this()](beast::error_code) {
      self->finish();
    });
  }

  /// Ends the connection, once, whatever the reason is.
  void finish() {
    if (finished_)
      return;
    finished_ = closing_ = true;
    close_timer_.cancel();
    beast::get_lowest_layer(stream_).close();
    core_.counters.sockets_now -= 1;
    core_.sockets.erase(id_);
    core_.handler.on_close(id_);
  }

  core& core_;
  websocket::stream<Stream> stream_;
  connection_slot slot_;
  asio::steady_timer close_timer_;
  http_request request_;
  beast::flat_buffer buffer_;
  std::deque<ws_frame> queue_; // The front is being written while writing_.
  websocket::close_reason reason_;
  socket_id id_ = 0;
  bool writing_ = false;
  bool closing_ = false;
  bool finished_ = false;
};

} // namespace weir::web::detail
