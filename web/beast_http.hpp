// PRIVATE to beast_server.cpp: one HTTP/1.1 connection, until it ends or
// becomes a WebSocket.
#pragma once

#include "web/beast_websocket.hpp"

#include <boost/beast/http/span_body.hpp>

#include <type_traits>

namespace weir::web::detail {

inline std::string_view view(beast::string_view text) {
  return {text.data(), text.size()};
}

/// The answer to bytes that are no acceptable request; nothing if the
/// connection is just over.
inline std::optional<http_response> refusal_of(beast::error_code ec) {
  if (ec == http::error::header_limit || ec == http::error::buffer_overflow)
    return error_response(431, "header_too_large",
                          "The request's header is larger than 8 KB.");
  if (ec == http::error::body_limit)
    return error_response(413, "body_too_large",
                          "The request's body is larger than the setting "
                          "web.request_bytes_max allows.");
  if (ec == http::error::end_of_stream || ec == http::error::partial_message)
    return std::nullopt;
  if (ec.category() == make_error_code(http::error::bad_method).category())
    return error_response(400, "malformed_request",
                          "This is not a valid HTTP/1.1 request: " + ec.message()
                            + ".");
  return std::nullopt;
}

template <class Stream>
class http_connection : public std::enable_shared_from_this<http_connection<Stream>> {
  static constexpr bool tls = !std::is_same_v<Stream, plain_stream>;

public:
  http_connection(core& shared, Stream&& stream, connection_slot slot)
    : core_(shared), stream_(std::move(stream)), slot_(std::move(slot)),
      buffer_(shared.limits.header_bytes_max + (64 << 10)) {
    beast::error_code ec;
    auto peer = socket_of(stream_).remote_endpoint(ec);
    remote_ = ec ? std::string{"unknown"} : peer.address().to_string();
  }

  void run() {
    if constexpr (tls) {
      lowest().expires_after(core_.limits.header_timeout);
      stream_.async_handshake(asio::ssl::stream_base::server,
                              [self = self_()](beast::error_code ec) {
                                if (ec)
                                  self->core_.counters.tls_failed += 1;
                                else
                                  self->read_header();
                              });
    } else {
      read_header();
    }
  }

private:
  auto self_() {
    return this->shared_from_this();
  }

  beast::tcp_stream& lowest() {
    return beast::get_lowest_layer(stream_);
  }

  void read_header() {
    parser_.emplace();
    parser_->header_limit(static_cast<std::uint32_t>(core_.limits.header_bytes_max));
    parser_->body_limit(core_.config.request_bytes_max);
    lowest().expires_after(core_.limits.header_timeout);
    http::async_read_header(stream_, buffer_, *parser_,
                            [self = self_()](beast::error_code ec, std::size_t) {
                              if (ec)
                                return self->on_bad_bytes(ec);
                              if (websocket::is_upgrade(self->parser_->get()))
                                return self->upgrade();
                              self->read_body();
                            });
  }

  void read_body() {
    lowest().expires_after(core_.limits.body_timeout);
    http::async_read(stream_, buffer_, *parser_,
                     [self = self_()](beast::error_code ec, std::size_t) {
                       if (ec)
                         return self->on_bad_bytes(ec);
                       self->handle();
                     });
  }

  void on_bad_bytes(beast::error_code ec) {
    keep_alive_ = false;
    if (auto response = refusal_of(ec))
      write(std::move(*response));
    else
      end();
  }

  /// Why a request that parses is still not one that we take.
  std::optional<http_response> shape_error() const {
    const auto& x = parser_->get();
    for (auto name : {http::field::host, http::field::origin,
                      http::field::authorization, http::field::cookie})
      if (x.count(name) > 1)
        return error_response(400, "malformed_request",
                              "The header " + std::string{http::to_string(name)}
                                + " was sent more than once.");
    if (x.version() >= 11 && x.count(http::field::host) == 0)
      return error_response(400, "malformed_request", "The header Host is missing.");
    if (x.target().empty() || x.target().front() != '/')
      return error_response(400, "malformed_request",
                            "The request's target must begin with `/`.");
    return std::nullopt;
  }

  http_request make_request() {
    auto& x = parser_->get();
    http_request result;
    auto target = view(x.target());
    auto mark = target.find('?');
    result.path = target.substr(0, mark);
    if (mark != target.npos)
      result.query = target.substr(mark + 1);
    head_only_ = x.method() == http::verb::head;
    result.method = head_only_ ? "GET" : std::string{view(x.method_string())};
    result.host = view(x[http::field::host]);
    result.origin = view(x[http::field::origin]);
    result.authorization = view(x[http::field::authorization]);
    result.cookie = view(x[http::field::cookie]);
    result.accept_encoding = view(x[http::field::accept_encoding]);
    result.if_none_match = view(x[http::field::if_none_match]);
    result.body = std::move(x.body());
    result.remote = remote_;
    result.tls = tls;
    return result;
  }

  void handle() {
    requests_ += 1;
    keep_alive_
      = parser_->get().keep_alive() && requests_ < core_.limits.requests_per_connection;
    if (auto response = shape_error())
      return write(std::move(*response));
    lowest().expires_never(); // A handler keeps its own time.
    core_.handler.on_request(
      make_request(), [self = self_()](http_response response) mutable {
        auto executor = self->stream_.get_executor();
        asio::dispatch(executor, [self, x = std::move(response)]() mutable {
          self->write(std::move(x));
        });
      });
  }

  void upgrade() {
    keep_alive_ = false;
    auto response = shape_error();
    auto request = make_request();
    if (!response)
      response = core_.handler.on_upgrade(request);
    if (response)
      return write(std::move(*response));
    core_.counters.requests_by_class[0] += 1;
    auto socket = std::make_shared<websocket_connection<Stream>>(
      core_, std::move(stream_), std::move(slot_));
    socket->accept(parser_->release(), std::move(request));
  }

  void write(http_response response) {
    auto kind = std::clamp(response.status / 100, 1u, 5u) - 1;
    core_.counters.requests_by_class[kind] += 1;
    response_ = std::move(response);
    message_ = {};
    message_.result(response_.status);
    message_.version(11);
    auto set = [this](std::string_view name, std::string_view value) {
      message_.insert(beast::string_view{name.data(), name.size()},
                      beast::string_view{value.data(), value.size()});
    };
    for (auto [name, value] : security_headers(tls))
      set(name, value);
    if (!response_.content_type.empty())
      set("Content-Type", response_.content_type);
    for (const auto& [name, value] : response_.headers)
      set(name, value);
    auto bytes = response_.bytes();
    if (!head_only_)
      message_.body() = {bytes.data(), bytes.size()};
    if (response_.status != 204 && response_.status != 304)
      message_.content_length(bytes.size());
    message_.keep_alive(keep_alive_);
    head_only_ = false;
    lowest().expires_after(core_.limits.body_timeout);
    http::async_write(stream_, message_,
                      [self = self_()](beast::error_code ec, std::size_t) {
                        if (ec)
                          return;
                        if (self->keep_alive_)
                          self->read_header();
                        else
                          self->end();
                      });
  }

  /// Says goodbye, then reads what the client still sends for a moment: closing
  /// with unread bytes would reset the connection and take our answer with it.
  void end() {
    lowest().expires_after(std::chrono::seconds{2});
    if constexpr (tls) {
      stream_.async_shutdown([self = self_()](beast::error_code) {});
    } else {
      beast::error_code ignored;
      socket_of(stream_).shutdown(tcp::socket::shutdown_send, ignored);
      drain(64);
    }
  }

  void drain(int rounds) {
    buffer_.clear();
    stream_.async_read_some(
      buffer_.prepare(16 << 10),
      [self = self_(), rounds](beast::error_code ec, std::size_t) {
        if (!ec && rounds > 0)
          self->drain(rounds - 1);
      });
  }

  core& core_;
  Stream stream_;
  connection_slot slot_;
  beast::flat_buffer buffer_;
  std::optional<http::request_parser<http::string_body>> parser_;
  http_response response_;
  http::response<http::span_body<const char>> message_;
  std::string remote_;
  std::size_t requests_ = 0;
  bool keep_alive_ = true;
  bool head_only_ = false;
};

} // namespace weir::web::detail
